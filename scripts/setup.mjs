// Prepares a fresh clone, and exits at once if it is prepared already. The script uses built-in modules only and runs on Node 20, because
// it runs before node_modules exists.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const OLDEST_NODE = 20;
const WASM_TARGET = "wasm32-unknown-unknown";
const STAMP = join(ROOT, "node_modules", ".serin-setup");

node();
rust();
packages();

function node() {
  if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
    stop(`Node ${process.versions.node} is too old: install Node ${OLDEST_NODE} or later from https://nodejs.org`);
  }
}

/** rust-toolchain.toml pins the compiler. rustup installs missing parts. Without rustup any compiler that is new enough is accepted. */
function rust() {
  const missing = missingOfRust();
  if (missing === undefined) return;
  if (output("rustup", "--version") === undefined) {
    stop(`${missing}, and there is no rustup to install it: install rustup from https://rustup.rs, then open a new terminal (or run \`. ~/.cargo/env\`)`);
  }
  step(`${missing}: installing what rust-toolchain.toml names`, "rustup", "toolchain", "install");
  const still = missingOfRust();
  if (still !== undefined) stop(`${still} after \`rustup toolchain install\`: run \`rustup self update\` and the command again`);
}

/** The missing part of the Rust toolchain, as the beginning of a sentence, or undefined if nothing is missing. */
function missingOfRust() {
  const version = /^rustc (\d+)\.(\d+)/.exec(output("rustc", "--version") ?? "");
  if (!version || output("cargo", "--version") === undefined) return "Rust is missing";
  const oldest = /^rust-version = "(\d+)\.(\d+)"/m.exec(readFileSync(join(ROOT, "Cargo.toml"), "utf8"));
  if (Number(version[1]) === Number(oldest[1]) && Number(version[2]) < Number(oldest[2])) {
    return `Rust ${version[1]}.${version[2]} is older than ${oldest[1]}.${oldest[2]}`;
  }
  const libraries = output("rustc", "--print", "target-libdir", "--target", WASM_TARGET);
  if (!libraries || !existsSync(libraries)) return `Rust's target ${WASM_TARGET} is missing`;
  const part = ["fmt", "clippy"].find((name) => output("cargo", name, "--version") === undefined);
  return part && `Rust's component ${part} is missing`;
}

function packages() {
  if (output("npm", "--version") === undefined) {
    stop("npm is missing: it comes with Node from https://nodejs.org, or as your system's package `npm`");
  }
  const wanted = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .update(`${process.platform} ${process.arch}`)
    .digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted) return;
  // Errors only: npm would warn that wrangler requires a newer Node than the one that runs npm. wrangler gets that Node from the package
  // `node`.
  step(
    "installing the pinned tools of package-lock.json (half a gigabyte in node_modules, once)",
    ..."npm ci --no-audit --no-fund --loglevel=error".split(" "),
  );
  writeFileSync(STAMP, wanted);
}

// === how the steps speak ===

function step(what, command, ...args) {
  console.log(`setup: ${what} …`);
  const started = Date.now();
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit" });
  if (status !== 0) stop(`\`${[command, ...args].join(" ")}\` failed, see above: fix that and run the command again`);
  console.log(`setup: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** Output of a command, or undefined if the command is missing or fails. */
function output(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

function stop(reason) {
  console.error(`setup: ${reason}`);
  process.exit(1);
}
