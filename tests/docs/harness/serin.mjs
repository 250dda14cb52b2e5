// The commands and options of the command line, read from its help.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { buildSerin } from "../../../scripts/cli.mjs";

const ENV = { ...process.env, COLUMNS: "500" };

/** The long options of a command line, without their values. */
export function options(line) {
  return [...line.matchAll(/(?<=\s)--[a-z][\w-]*/g)].map(([option]) => option);
}

/** Checks calls of `serin` against its help. */
export async function serinCommands() {
  const program = buildSerin();
  const help = (...words) => execFileSync(program, [...words, "--help"], { encoding: "utf8", env: ENV });
  const listed = (text) => {
    const section = /^Commands:\n((?: +.*\n)+)/m.exec(text)?.[1] ?? "";
    return [...section.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name);
  };
  const known = listed(help());
  return {
    /** `line` is the part of a command after `serin`. */
    check(line) {
      const words = line.split(" ");
      const path = [];
      for (let names = known; names.length > 0; names = listed(help(...path))) {
        const word = words[path.length];
        assert.ok(names.includes(word), `serin ${path.join(" ")} has no command ${word}: ${line}`);
        path.push(word);
      }
      const text = help(...path);
      for (const option of options(line)) {
        assert.match(text, new RegExp(`${option}\\b`), `serin ${path.join(" ")} has no ${option}: ${line}`);
      }
    },
  };
}
