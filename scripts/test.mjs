// `npm test`: every test. `npm test -- --quick`: the native tests and one end-to-end file, for the time between two edits.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const ROOT = join(import.meta.dirname, "..");
/**
 * Scripts of package.json, row after row. The scripts of one row run side by side: most of a build of the Worker is link-time optimisation on
 * one core. cargo keeps the two builds in folders of their own, so that neither waits for the other.
 */
const ALL = [["lint:format", "lint:console"], ["test:native", "build:all"], ["test:end-to-end"]];
const QUICK = [["test:quick:native", "build"], ["test:quick:edge"]];

const { values } = parseArgs({ options: { quick: { type: "boolean" } } });
const begun = Date.now();
const took = [];
for (const row of values.quick ? QUICK : ALL) {
  const failed = (await Promise.all(row.map(run))).find(({ code }) => code !== 0);
  if (failed) {
    console.error(`test: ${failed.script} failed, see above (${took.join(", ")})`);
    process.exit(failed.code ?? 1);
  }
}
console.log(`test: all passed in ${seconds(begun)} (${took.join(", ")})`);

/** Runs a script. The first of a row shows its output as it comes, and the others when they end. */
async function run(script, place) {
  const started = Date.now();
  const output = place === 0 ? "inherit" : "pipe";
  const child = spawn("npm", ["run", "-s", script], { cwd: ROOT, stdio: ["inherit", output, output], shell: process.platform === "win32" });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => printed.push(chunk));
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  process.stdout.write(Buffer.concat(printed));
  took.push(`${script} ${seconds(started)}`);
  return { script, code };
}

function seconds(since) {
  return `${Math.round((Date.now() - since) / 1_000)} s`;
}
