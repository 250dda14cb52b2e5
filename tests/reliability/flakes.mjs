// The whole suite in a loop, to find tests that fail only sometimes. A failure does not end the loop; its output stays in target/flakes.
//
//   npm run flakes -- [--runs 100] [--files GLOB] [--write]
//
// `files` limits the run to some test files of tests/edge, without the tests of the core.

import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { numbers, table, writeSection } from "./page.mjs";

const ROOT = join(import.meta.dirname, "..", "..");
const OUTPUT = join(ROOT, "target", "flakes");

const { values } = parseArgs({ options: { runs: { type: "string", default: "100" }, files: { type: "string" }, write: { type: "boolean", default: false } } });
const { files: _, ...given } = values;
const { runs } = numbers(given);
const files = globSync(values.files ?? "tests/{edge,console,docs}/*.test.mjs", { cwd: ROOT }).sort();
if (files.length === 0) throw new Error(`--files: ${values.files} matches no file`);
const suites = files.map((file) => ({ name: file, command: [process.execPath, "--test", "--test-reporter=tap", file], failed: /^ *not ok \d+ - (.*)$/gm, ran: /^ *ok \d+ - /gm }));
if (!values.files) suites.unshift({ name: "the core", command: ["cargo", "test", "--locked", "--workspace", "--exclude", "serin"], failed: /^test (.*) \.\.\. FAILED$/gm, ran: /^test .* \.\.\. ok$/gm });

mkdirSync(OUTPUT, { recursive: true });
let passed = 0;
const failures = new Map();
for (let number = 1; number <= runs; number += 1) {
  for (const { name, command: [program, ...options], failed, ran } of suites) {
    const { status, stdout, stderr } = spawnSync(program, options, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 });
    passed += [...stdout.matchAll(ran)].length;
    if (status === 0) continue;
    const log = join(OUTPUT, `${number}-${name.replaceAll(/\W+/g, "-")}.log`);
    writeFileSync(log, stdout + stderr);
    const titles = [...stdout.matchAll(failed)].map(([, title]) => title).filter((title) => !title.endsWith(".mjs"));
    for (const title of titles.length > 0 ? titles : [`${name} itself`]) {
      const test = `${name}: ${title}`;
      failures.set(test, (failures.get(test) ?? 0) + 1);
      console.error(`run ${number}: ${test} (${relative(ROOT, log)})`);
    }
  }
  console.error(`${number} of ${runs} runs, ${passed} tests passed, ${[...failures.values()].reduce((sum, times) => sum + times, 0)} failed`);
}

const times = [...failures.values()].reduce((sum, count) => sum + count, 0);
const summary = `${runs} runs, ${(passed + times).toLocaleString("en")} tests, ${times} failures.`;
const text = failures.size === 0 ? summary : `${summary}\n\n${table(["test", "failures"], [...failures])}`;
console.log(text);
if (values.write) await writeSection("Flakes", `\`npm run flakes -- --write\` runs the whole suite in a loop.\n\n${text}`);
process.exitCode = failures.size === 0 ? 0 : 1;
