// wrangler's commands and options, read from its help, for calls that need an account and cannot run here.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { options } from "./serin.mjs";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const TOOLS = join(ROOT, "node_modules", ".bin");

/** Environment for wrangler, with the pinned Node first in the path. */
export const WRANGLER_ENV = { ...process.env, PATH: TOOLS + delimiter + process.env.PATH, WRANGLER_SEND_METRICS: "false" };

/** `line` is the part of a command after `wrangler`. */
export function checkWrangler(line) {
  const words = line.split(" ");
  const path = [];
  let text = help(path);
  // A command group lists its commands with their full names.
  while (new RegExp(`^ +wrangler ${[...path, words[path.length]].join(" ")}\\b`, "m").test(text)) {
    path.push(words[path.length]);
    text = help(path);
  }
  assert.ok(path.length > 0, `wrangler has no command ${words[0]}`);
  assert.doesNotMatch(text, /^COMMANDS$/m, `wrangler ${path.join(" ")} has no command ${words[path.length]}`);
  for (const option of options(line)) assert.match(text, new RegExp(` ${option}\\b`), `wrangler ${path.join(" ")} has no ${option}`);
}

/** The texts of help so far, because wrangler takes seconds for each. */
const known = new Map();

function help(path) {
  const command = path.join(" ");
  if (!known.has(command)) {
    known.set(command, execFileSync(join(TOOLS, "wrangler"), [...path, "--help"], { cwd: ROOT, encoding: "utf8", env: WRANGLER_ENV }));
  }
  return known.get(command);
}
