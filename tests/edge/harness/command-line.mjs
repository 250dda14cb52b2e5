// Runs `serin`, the command line, as an operator would, against a splitter of the tests.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ADMIN_TOKEN } from "./workerd.mjs";

const ROOT = join(import.meta.dirname, "..", "..", "..");

/** Builds the program. Returns its path. */
export function buildProgram() {
  const options = { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] };
  execFileSync("cargo", ["build", "--locked", "--quiet", "-p", "serin-cli"], options);
  const metadata = execFileSync("cargo", ["metadata", "--locked", "--no-deps", "--format-version", "1"], options);
  const program = join(JSON.parse(metadata).target_directory, "debug", "serin");
  assert.ok(existsSync(program), program);
  return program;
}

/**
 * Runs `program` on `splitter`, in the folder `cwd`. Returns its exit code and its output. `begun` receives the process when it starts.
 */
export function serinFor(program, splitter, env = {}, cwd = undefined) {
  const own = { SERIN_URL: `http://127.0.0.1:${splitter.port}`, SERIN_TOKEN: ADMIN_TOKEN, SERIN_WHO: "ada", ...env };
  return (args, begun = () => {}) =>
    new Promise((resolve) => {
      const child = execFile(program, args, { cwd, env: { PATH: process.env.PATH, ...own } }, (error, stdout, stderr) => {
        resolve({ code: error?.code ?? 0, signal: error?.signal, stdout, stderr, json: () => JSON.parse(stdout) });
      });
      begun(child);
    });
}
