// `npm run bench`: compares the cost of Serin with that of alternatives.
//
//   --quick       two minutes, for a first look
//   --no-memory   without the million requests: five minutes instead of ten or more
//   --against A,B builds in other folders instead, beside the one in build/: a comparison of before and after
//   --write       results and picture into docs/performance.md
//   --json FILE   all results as JSON
//
// SERIN_BUILD names another folder than build/.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { ARTEFACTS, CONTESTANTS, TWIN, against, workers } from "./lineup.mjs";
import { memory } from "./memory.mjs";
import { writeTable } from "./page.mjs";
import { picture } from "./picture.mjs";
import { report } from "./report.mjs";
import { errorOf, inProcess, overSockets, pooled } from "./rounds.mjs";
import { startUp } from "./start-up.mjs";
import { targets } from "./targets.mjs";
import { WORKERD, cpuClock, start } from "./workerd.mjs";

const ROOT = join(import.meta.dirname, "..");
const PICTURE = join(ROOT, "docs", "performance.svg");
const FULL = { processes: 7, socketSeconds: 28, driverSeconds: 15, starts: 21, requests: 1_000_000 };
const QUICK = { processes: 3, socketSeconds: 5, driverSeconds: 4, starts: 5, requests: 20_000 };

const { values: options } = parseArgs({
  options: { "quick": { type: "boolean" }, "no-memory": { type: "boolean" }, "against": { type: "string" }, "write": { type: "boolean" }, "json": { type: "string" } },
});
// A signal must run the `exit` handlers, which end the child processes.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

for (const file of Object.values(ARTEFACTS)) {
  if (existsSync(file)) continue;
  console.error(`bench: ${relative(ROOT, file)} is missing: run \`npm run build\``);
  process.exit(1);
}
const effort = options.quick ? QUICK : FULL;
const results = { machine: machine(), effort, size: size(), startUp: [], memory: [] };
if (options.against) Object.assign(results, await speed(against(options.against.split(","))));
else {
  Object.assign(results, await speed(CONTESTANTS));
  progress("starting new processes");
  results.startUp = await startUp(effort.starts);
  if (!options["no-memory"]) {
    progress(`memory over ${effort.requests.toLocaleString("en")} requests`);
    results.memory = await memory(effort.requests);
  }
}
console.log(report(results));
if (!options.against) console.log(`\n${targets(results)}`);
if (options.json) writeFileSync(options.json, `${JSON.stringify(results, rounded, 2)}\n`);
if (options.write && !options.against) write();

async function speed(contestants) {
  const doors = [...contestants.map(({ name }) => name), "driver"];
  const runs = { sockets: [], driver: [] };
  for (let run = 1; run <= effort.processes; run += 1) {
    progress(`${contestants.length} contestants take turns in process ${run} of ${effort.processes}`);
    const worker = await start(workers(contestants), doors);
    runs.sockets.push(await overSockets(worker, contestants, effort.socketSeconds));
    runs.driver.push(await inProcess(worker, contestants, effort.driverSeconds));
    await worker.stop();
  }
  const [sockets, driver] = [pooled(runs.sockets), pooled(runs.driver)];
  const shown = (figures) => figures.filter(({ group }) => group !== TWIN);
  return {
    sockets: shown(sockets),
    driver: shown(driver),
    error: { sockets: errorOf(sockets), driver: errorOf(driver) },
  };
}

function machine() {
  return {
    cpu: cpus()[0].model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    workerd: execFileSync(WORKERD, ["--version"], { encoding: "utf8" }).trim().replace("workerd ", ""),
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    clock: cpuClock(process.pid).kind,
  };
}

function size() {
  return Object.fromEntries(
    Object.values(ARTEFACTS).map((file) => {
      const bytes = readFileSync(file);
      return [relative(ROOT, file), { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length }];
    }),
  );
}

function write() {
  writeFileSync(PICTURE, picture(results));
  writeTable("results", `\`\`\`text\n${report(results).trimEnd()}\n\`\`\``);
  writeTable("targets", targets(results));
}

/** More than four digits would be noise. */
function rounded(_, value) {
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

function progress(what) {
  console.error(`bench: ${what} …`);
}
