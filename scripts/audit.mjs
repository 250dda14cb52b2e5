// Known weaknesses and licences of what Serin is built from: cargo deny (deny.toml), cargo audit, npm audit. Each runs where it is
// installed and its registry answers; where not, that is said. Not part of `npm test`: its result changes without any change here.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** What each says when it could not look, as opposed to having found something. */
const CHECKS = [
  {
    name: "cargo deny",
    command: ["cargo", "deny", "--locked", "check", "licenses", "bans", "sources"],
    missing: /no such (sub)?command/i,
    install: "cargo install --locked cargo-deny",
  },
  {
    name: "cargo deny advisories",
    command: ["cargo", "deny", "--locked", "check", "advisories"],
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
    console.log(`${name}: skipped, what it looks things up in does not answer`);
  } else {
    console.log(`${name}: ${status === 0 ? "nothing found" : `FAILED\n${said}`}`);
    failed ||= status !== 0;
  }
}
process.exitCode = failed ? 1 : 0;
