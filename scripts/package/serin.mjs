#!/usr/bin/env node
// Starts the command line of the system that this runs on. The package contains it: nothing is downloaded.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const TARGETS = {
  "linux x64": ["x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"],
  "linux arm64": ["aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"],
  "darwin x64": ["x86_64-apple-darwin"],
  "darwin arm64": ["aarch64-apple-darwin"],
  "win32 x64": ["x86_64-pc-windows-msvc"],
};
const system = `${process.platform} ${process.arch}`;
const programs = (TARGETS[system] ?? []).map((target) => join(import.meta.dirname, "bin", target, process.platform === "win32" ? "serin.exe" : "serin"));
const program = programs.find((path) => existsSync(path));
if (program === undefined) {
  console.error(`serin: this package has no command line for ${system}; build it with \`cargo install --locked --path crates/cli\` in a clone`);
  process.exit(1);
}
const { status, signal, error } = spawnSync(program, process.argv.slice(2), { stdio: "inherit" });
if (error) console.error(`serin: ${program} does not start: ${error.message}`);
if (signal) process.kill(process.pid, signal);
process.exit(status ?? 1);
