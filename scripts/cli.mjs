// Builds the command line `serin`.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** Builds `serin` and returns the path of the program. */
export function buildSerin() {
  const options = { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] };
  execFileSync("cargo", ["build", "--locked", "--quiet", "-p", "serin-cli"], options);
  const metadata = execFileSync("cargo", ["metadata", "--locked", "--no-deps", "--format-version", "1"], options);
  const program = join(JSON.parse(metadata).target_directory, "debug", process.platform === "win32" ? "serin.exe" : "serin");
  if (!existsSync(program)) throw new Error(`cargo built no ${program}`);
  return program;
}
