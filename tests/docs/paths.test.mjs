// Pages refer to files of this repository. Each of these files must exist.

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { ROOT } from "./harness/pages.mjs";

const PAGES = ["wrangler.toml", "clippy.toml", ...globSync("{*.md,docs/**/*.md,crates/*/README.md}", { cwd: ROOT })];
const PATH = /\b(?:src|crates|tests|scripts|docs|bench|examples)(?:\/[\w.-]*\w)+/g;

for (const page of PAGES) {
  test(`${page} names files that exist`, () => {
    const text = readFileSync(join(ROOT, page), "utf8");
    const missing = [...text.matchAll(PATH)].filter(({ 0: path, index }) => {
      // A path within another path, or within an address, does not start at the root.
      if (/[\w./-]/.test(text[index - 1] ?? "")) return false;
      return ![ROOT, dirname(join(ROOT, page))].some((from) => existsSync(join(from, path)));
    });
    assert.deepEqual([...new Set(missing.map(([path]) => path))], []);
  });
}
