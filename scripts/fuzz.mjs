// The long run of the fuzz targets, started by hand: libFuzzer is guided by coverage of every crate, uses one core, and needs a C++
// compiler. The target `http` sends requests to the built Worker in workerd instead (tests/fuzz), from a generator.
//
//   npm run fuzz -- [--inputs 10000000] [--target NAME] [--seed 1]
//
// `inputs` is the total, shared evenly; a request takes as long as thousands of the others, so `http` beside others gets a thousandth of
// its share. New inputs stay in target/fuzz/corpus; the initial corpus is crates/fuzz/corpus.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fuzzHttp } from "../tests/fuzz/http.mjs";

const ROOT = join(import.meta.dirname, "..");
const SEEDS = join(ROOT, "crates", "fuzz", "corpus");
// The flags of cargo-fuzz without a sanitizer, because the code has no unsafe code to check. The coverage pass is part of stable rustc.
const COVERAGE = [
  "-Cpasses=sancov-module",
  "-Ccodegen-units=1",
  ...["level=4", "inline-8bit-counters", "pc-table", "trace-compares"].map((flag) => `-Cllvm-args=-sanitizer-coverage-${flag}`),
  "-Cdebug-assertions",
  "-Coverflow-checks",
];
/** The target that needs the built Worker. */
const HTTP = "http";
/** Longest input in bytes: the longest body that the control API accepts. */
const MAX_LENGTH = 65_536;

const { values } = parseArgs({
  options: { inputs: { type: "string", default: "1000000" }, target: { type: "string" }, seed: { type: "string", default: "1" } },
});
const inputs = wholeNumber("inputs");
const seed = wholeNumber("seed");
const all = [...readdirSync(SEEDS), HTTP].sort();
if (values.target && !all.includes(values.target)) stop(`--target ${values.target} is not accepted, accepted: ${all.join(", ")}`);
const targets = values.target ? [values.target] : all;

const isNative = (name) => name !== HTTP;
const { binary, directory } = targets.some(isNative) ? build() : {};
const share = Math.ceil(inputs / targets.length);
const rows = [];
for (const name of targets) rows.push(await (isNative(name) ? fuzz(name, share) : http(targets.length > 1 ? Math.ceil(share / 1_000) : share)));
console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])));
const total = rows.reduce((sum, { executions }) => sum + executions, 0);
const findings = rows.filter(({ finding }) => finding);
console.log(`${total} inputs, ${findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;

function wholeNumber(name) {
  const number = Number(values[name]);
  if (!Number.isSafeInteger(number) || number < 1) stop(`--${name} ${values[name]} is not accepted, accepted: a whole number from 1`);
  return number;
}

function build() {
  const metadata = spawnSync("cargo", ["metadata", "--locked", "--no-deps", "--format-version", "1"], { cwd: ROOT, maxBuffer: 1 << 26 });
  const directory = join(JSON.parse(metadata.stdout).target_directory, "fuzz");
  const host = /^host: (.*)$/m.exec(spawnSync("rustc", ["-vV"]).stdout)[1];
  // With a target, build scripts and macros are compiled without the flags.
  const made = spawnSync(
    "cargo",
    ["build", "--locked", "--release", "-p", "serin-fuzz", "--features", "libfuzzer", "--target", host, "--target-dir", directory],
    { cwd: ROOT, stdio: "inherit", env: { ...process.env, RUSTFLAGS: COVERAGE.join(" ") } },
  );
  if (made.status !== 0) stop("the targets were not built");
  return { binary: join(directory, host, "release", "fuzz"), directory };
}

/** Runs one target to its end, or to its first finding. */
async function fuzz(name, runs) {
  const [learnt, findings] = ["corpus", "findings"].map((kind) => join(directory, kind, name));
  for (const path of [learnt, findings]) mkdirSync(path, { recursive: true });
  // Quick inputs are mutated more often than slow ones, which are mostly long.
  const schedule = "-entropic_scale_per_exec_time=1";
  const options = [`-runs=${runs}`, `-seed=${seed}`, `-max_len=${MAX_LENGTH}`, "-timeout=10", `-artifact_prefix=${findings}/`, `-dict=${join(ROOT, "crates", "fuzz", "words.dict")}`, schedule];
  const begun = performance.now();
  const child = spawn("nice", [binary, ...options, learnt, join(SEEDS, name)], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, SERIN_FUZZ_TARGET: name, RUST_BACKTRACE: "0" },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
  const status = await new Promise((resolve) => child.on("close", resolve));
  const seconds = (performance.now() - begun) / 1000;
  const [, executions, edges, features, corpus] = [...said.matchAll(/^#(\d+)\t.*?cov: (\d+) ft: (\d+) corp: (\d+)/gm)].at(-1) ?? [];
  const finding = /Test unit written to (.*)/.exec(said)?.[1];
  if (status !== 0) console.error(said.split("\n").filter((line) => !line.startsWith("#")).slice(-40).join("\n"));
  if (status !== 0 && finding && existsSync(finding)) console.error(`${name}: ${JSON.stringify(readFileSync(finding, "utf8"))}`);
  const row = { executions: Number(executions ?? 0), "per second": Math.round((executions ?? 0) / seconds), edges, features, corpus, finding: finding ?? (status === 0 ? "" : `exit ${status}`) };
  console.log(`${name}: ${row.executions} inputs, ${edges} edges${row.finding ? `, FINDING ${row.finding}` : ""}`);
  return { name, ...row };
}

/** Sends requests to the built Worker, to the last or to the first finding. */
async function http(requests) {
  if (!existsSync(join(ROOT, "build", "index.js"))) stop("build/ is missing: run `npm run build`");
  const begun = performance.now();
  const say = (sent) => sent % 10_000 === 0 && console.error(`http: ${sent} requests`);
  const { inputs: executions, findings, statuses } = await fuzzHttp({ inputs: requests, seed, say });
  for (const { fault, request, answer } of findings) console.error(`http: ${fault}\n${JSON.stringify(request)}\n${JSON.stringify(answer)}`);
  console.log(`http: ${executions} requests, answers by status ${JSON.stringify(statuses)}`);
  const perSecond = Math.round((executions / (performance.now() - begun)) * 1_000);
  return { name: HTTP, executions, "per second": perSecond, finding: findings[0]?.fault ?? "" };
}

function stop(why) {
  console.error(`fuzz: ${why}`);
  process.exit(2);
}
