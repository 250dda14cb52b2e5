// Checks the dependencies for known vulnerabilities and for their licences: cargo deny (deny.toml), cargo audit, npm audit. A tool that is
// not installed, or whose registry does not respond, is reported as skipped. Not part of `npm test`, because the result changes without any
// change in this repository.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** Messages of tools that could not check, as opposed to tools that found something. */
const CHECKS = [
  {
    name: "cargo deny",
    command: ["cargo", "deny", "--locked", "--workspace", "--all-features", "check", "licenses", "bans", "sources"],
    missing: /no such (sub)?command/i,
    install: "cargo install --locked cargo-deny",
  },
  {
    name: "cargo deny advisories",
    command: ["cargo", "deny", "--locked", "--workspace", "--all-features", "check", "advisories"],
    missing: /no such (sub)?command/i,
    unreachable: /failed to fetch advisory|failed to (clone|open|acquire)/i,
    install: "cargo install --locked cargo-deny",
  },
  {
    name: "cargo audit",
    command: ["cargo", "audit"],
    missing: /no such (sub)?command/i,
    unreachable: /couldn't fetch advisory database/i,
    install: "cargo install --locked cargo-audit",
  },
  {
    name: "npm audit",
    command: ["npm", "audit"],
    unreachable: /audit endpoint returned an error|ENOAUDIT|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|not implemented/i,
  },
];

let failed = false;
for (const { name, command, missing, unreachable, install } of CHECKS) {
  const [program, ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: ROOT, encoding: "utf8" });
  const said = `${stdout ?? ""}${stderr ?? ""}`;
  if (error || (status !== 0 && missing?.test(said))) {
    console.log(`${name}: skipped, it is not installed${install ? `: ${install}` : ""}`);
  } else if (status !== 0 && unreachable?.test(said)) {
    console.log(`${name}: skipped, its database does not respond`);
  } else {
    console.log(`${name}: ${status === 0 ? "nothing found" : `FAILED\n${said}`}`);
    failed ||= status !== 0;
  }
}
process.exitCode = failed ? 1 : 0;
