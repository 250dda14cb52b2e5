// `npm test`: every test. `npm test -- --quick`: the native tests and one end-to-end file, for the time between two edits.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname, "..");
/** The scripts of package.json, in this order. */
const ALL = ["lint", "test:logic", "build", "build:panic", "test:edge", "test:console", "test:docs"];
const QUICK = ["test:quick:native", "build", "test:quick:edge"];

const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
const begun = Date.now();
const took = [];
for (const script of values.quick ? QUICK : ALL) {
  const started = Date.now();
  const { status } = spawnSync("npm", ["run", "-s", script], { cwd: ROOT, stdio: "inherit" });
  took.push(`${script} ${seconds(started)}`);
  if (status !== 0) {
    console.error(`test: ${script} failed, see above (${took.join(", ")})`);
    process.exit(status ?? 1);
  }
}
console.log(`test: all passed in ${seconds(begun)} (${took.join(", ")})`);

function seconds(since) {
  return `${Math.round((Date.now() - since) / 1_000)} s`;
}
