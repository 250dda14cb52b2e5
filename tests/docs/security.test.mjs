// SECURITY.md names a test for each threat. Each test must exist, in the named file, under the stated name.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");

test("every threat on the page has a test, and every named test exists", async () => {
  const page = await readFile(join(ROOT, "SECURITY.md"), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| threat") && !line.startsWith("| ---"));
  assert.ok(rows.length > 30, `${rows.length} threats`);
  for (const row of rows) {
    const [, file, name] = /\| `([^`]+)`: ([^|]+) \|$/.exec(row) ?? assert.fail(`no test in: ${row}`);
    const path = file.endsWith(".mjs") ? join("tests", "edge", file) : file;
    const source = await readFile(join(ROOT, path), "utf8");
    // A test for several variants has a template as its name. The page has the beginning of the name.
    const declared = file.endsWith(".mjs") ? [`test("${name}"`, `test(\`${name} (`] : [`#[test]`, `fn ${name}() {`];
    const isThere = file.endsWith(".mjs") ? declared.some((text) => source.includes(text)) : declared.every((text) => source.includes(text));
    assert.ok(isThere, `${path} has no test: ${name}`);
  }
});
