// Commands on a page: the lines of its sh blocks, and the text in backquotes between them.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..", "..");

const BLOCK = /^( *)```sh\n([^]*?)^\1```$/gm;
const PROGRAMS = /^(?:[A-Z_]+=\S+ )?(?:npx|npm|serin|curl|cargo) /;

/** The lines of a page's sh blocks, in order, each with its stated output: `serin status   # → halted`. */
export function blockCommands(page) {
  const blocks = [...read(page).matchAll(BLOCK)];
  return blocks.flatMap(([, indent, text]) => {
    const lines = text.split("\n").map((line) => line.slice(indent.length).trim());
    return lines.filter((line) => line && !line.startsWith("#")).map(command);
  });
}

/** Commands in running text. */
export function inlineCommands(page) {
  const prose = read(page).replace(/^( *)```[^]*?^\1```$/gm, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text).filter((text) => PROGRAMS.test(text)).map(command);
}

function command(text) {
  const [, line, comment] = /^(.*?)(?:\s{2,}# ?(.*))?$/.exec(text);
  const [, expected] = /^→ (.+)$/.exec(comment ?? "") ?? [];
  return { line, expected };
}

function read(page) {
  return readFileSync(join(ROOT, page), "utf8");
}
