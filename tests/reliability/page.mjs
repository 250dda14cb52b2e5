// The sections of docs/reliability.md and docs/console.md that commands write.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

const DOCS = join(import.meta.dirname, "..", "..", "docs");

/** Writes a section, which goes from its heading to the next one of its level; at the end of the page if it is new. */
export async function writeSection(heading, text, file = "reliability.md") {
  const path = join(DOCS, file);
  const page = await readFile(path, "utf8");
  const begins = page.indexOf(`\n## ${heading}\n`) + 1;
  const next = page.indexOf("\n## ", begins) + 1;
  const [before, after] = begins === 0 ? [page, ""] : [page.slice(0, begins), next === 0 ? "" : page.slice(next)];
  await writeFile(path, `${before.trimEnd()}\n\n## ${heading}\n\n${text.trim()}\n${after && `\n${after}`}`);
}

/** A Markdown table. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** The value below which a share of the sorted values lies. */
export const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

/** Numbers of the command line, with their defaults; each must be above 0. */
export function numbers(values) {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => typeof value === "string").map(([name, value]) => {
      if (Number(value) > 0) return [name, Number(value)];
      throw new Error(`--${name}: ${value} is not accepted, accepted: a number above 0`);
    }),
  );
}
