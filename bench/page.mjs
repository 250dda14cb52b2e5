// docs/performance.md: its prose is written by hand. Each table between markers is written by the command that measured it.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PAGE = join(import.meta.dirname, "..", "docs", "performance.md");

/** Puts text between `<!-- NAME: … -->` and `<!-- end of NAME -->`. */
export function writeTable(name, text) {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = [new RegExp(`<!-- ${name}: .*-->\n`).exec(page), page.indexOf(`<!-- end of ${name} -->`)];
  if (!begin || end < 0) throw new Error(`docs/performance.md has no place for "${name}"`);
  writeFileSync(PAGE, `${page.slice(0, begin.index + begin[0].length)}\n${text}\n\n${page.slice(end)}`);
  console.log(`written: ${name} in docs/performance.md`);
}
