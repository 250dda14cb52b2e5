// `npm run bench:native`: the cost of a decision without a runtime, in time and, if valgrind is installed, in instructions, which do not
// depend on the load of the machine.
//
//   --counts      instructions alone
//   --write       the table into docs/performance.md
//   --json FILE   the results as JSON

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeTable } from "./page.mjs";

const ROOT = join(import.meta.dirname, "..");
const BENCH = ["bench", "--locked", "--quiet", "-p", "serin-logic", "--bench"];

const { values: options } = parseArgs({ options: { counts: { type: "boolean" }, write: { type: "boolean" }, json: { type: "string" } } });

const instructions = executable("instructions");
const cases = run(instructions, []).stdout.trim().split("\n").map((line) => {
  const [, times, name] = /^(\d+) (.*)$/.exec(line);
  return { name, times: Number(times) };
});
const nanoseconds = options.counts ? {} : times();
const hasValgrind = spawnSync("valgrind", ["--version"]).status === 0;
if (!hasValgrind) console.error("bench: valgrind is not installed: instructions are not counted");

const rows = cases.map(({ name, times }) => ({
  name,
  nanoseconds: nanoseconds[name],
  instructions: hasValgrind ? Math.round(counted(name) / times) : undefined,
}));
const table = [
  "| | time | instructions |",
  "| --- | ---: | ---: |",
  ...rows.map(({ name, nanoseconds, instructions }) => `| ${name} | ${time(nanoseconds)} | ${count(instructions)} |`),
].join("\n");
console.log(table);
const machine = { cpu: cpus()[0].model, rustc: run("rustc", ["--version"]).stdout.trim(), date: new Date().toISOString().slice(0, 10) };
if (options.json) writeFileSync(options.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
if (options.write) writeTable("native", `${table}\n\nMedians. ${machine.cpu} · ${machine.rustc} · ${machine.date}`);

/** Builds a benchmark with cargo. Returns the path of its executable. */
function executable(name) {
  const { stdout } = run("cargo", [...BENCH, name, "--no-run", "--message-format=json"]);
  const artefacts = stdout.trim().split("\n").map((line) => JSON.parse(line));
  return artefacts.find(({ target, executable }) => executable && target.name === name).executable;
}

/** Median nanoseconds by case, from the files that criterion writes. */
function times() {
  console.error("bench: measuring time, two seconds for each case …");
  run("cargo", [...BENCH, "time"]);
  const { stdout } = run("cargo", ["metadata", "--locked", "--no-deps", "--format-version", "1"]);
  const folder = join(JSON.parse(stdout).target_directory, "criterion");
  const read = (entry, file) => JSON.parse(readFileSync(join(folder, entry, "new", file), "utf8"));
  const done = readdirSync(folder).filter((entry) => existsSync(join(folder, entry, "new", "estimates.json")));
  return Object.fromEntries(
    done.map((entry) => [read(entry, "benchmark.json").full_id, read(entry, "estimates.json").median.point_estimate]),
  );
}

/** Instructions that callgrind counts within the function that repeats the case. */
function counted(name) {
  const callgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*"];
  const { stderr } = run("valgrind", [...callgrind, instructions, name]);
  const [, sum] = /Collected : (\d+)/.exec(stderr) ?? stop(`valgrind did not say what it counted:\n${stderr}`);
  return Number(sum);
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 << 20 });
  if (result.error) stop(`${command} could not be started (${result.error.code})`);
  if (result.status !== 0) stop(`\`${command} ${args.join(" ")}\` failed:\n${result.stderr}`);
  return result;
}

function time(nanoseconds) {
  if (nanoseconds === undefined) return "";
  const [unit, size] = [["ms", 1e6], ["µs", 1e3]].find(([, size]) => nanoseconds >= size) ?? ["ns", 1];
  return `${Number((nanoseconds / size).toPrecision(3))} ${unit}`;
}

function count(number) {
  return number?.toLocaleString("en") ?? "";
}

function stop(reason) {
  console.error(`bench: ${reason}`);
  process.exit(1);
}
