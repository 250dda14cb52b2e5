// Two versions side by side: isolates of one with the objects of the other, and stored data of one that the other goes on with.
//
//   npm run upgrade -- [--from COMMIT] [--write]
//
// `from` is the version before, which is built into target/versions; by default the first commit that counts visitors. Isolates of earlier
// commits report requests, which objects of later ones read but do not take for evidence: a rollout then waits for other isolates.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { expected } from "../edge/harness/bucket.mjs";
import { visitorCookie, visitorId } from "../edge/harness/client.mjs";
import { eventually } from "../edge/harness/eventually.mjs";
import { QUICK_PLAN } from "../edge/harness/quick-plan.mjs";
import { startSerin } from "../edge/harness/workerd.mjs";
import { table, writeSection } from "./page.mjs";

const ROOT = join(import.meta.dirname, "..", "..");
const FIRST_THAT_COUNTS_VISITORS = "a323682";
const OFF = { "canary-state": { enabled: false, percentage: 0 } };
const PLAN = { ...QUICK_PLAN, id: "r1", steps: [10, 50, 100], actor: "ada", reason: "upgrade" };
const GOOD = "/?both=name&quiet";
const BAD = "/?canary=status:503&stable=name&quiet";
/** The looks count visitors and not requests. */
const VISITORS = 20_000;
const CONNECTIONS = 8;

const { values } = parseArgs({ options: { from: { type: "string", default: FIRST_THAT_COUNTS_VISITORS }, write: { type: "boolean", default: false } } });
const builds = { new: join(ROOT, "build"), old: buildOf(values.from) };
const results = [];

for (const [isolates, objects] of [["old", "new"], ["new", "old"]]) {
  const pair = `isolates ${isolates}, objects ${objects}`;
  const options = { build: builds[objects], others: [builds[isolates]] };
  await run(pair, "a good canary completes", options, completes);
  await run(pair, "a bad canary is rolled back", options, rollsBack);
  await run(pair, "a halt and switches hold", options, obeys);
}
for (const [first, then] of [["old", "new"], ["new", "old"]]) {
  const pair = `stored by ${first}, read by ${then}`;
  const options = { build: builds[first], separate: true };
  await run(pair, "a rollout goes on to its end", options, (...own) => goesOn(...own, then, "completed", GOOD));
  await run(pair, "a bad canary is rolled back", options, (...own) => goesOn(...own, then, "rolled-back", BAD));
  await run(pair, "a halt stays", options, (...own) => staysHalted(...own, then));
}

const text = table(["versions", "run", "requests", "failures"], results.map(({ pair, what, requests, failures }) => [pair, what, requests, failures.length]));
console.log(text);
for (const { pair, what, failures } of results) for (const failure of failures) console.error(`${pair}, ${what}: ${failure}`);
if (values.write) {
  const how = `\`npm run upgrade -- --write\` runs the present build with that of commit \`${values.from}\`: isolates of one with the objects of the other, as while
a deployment spreads, and stored data of one that the other goes on with, as after an upgrade and after its rollback.`;
  await writeSection("Two versions side by side", `${how}\n\n${text}`);
}
process.exitCode = results.some(({ failures }) => failures.length > 0) ? 1 : 0;

// === the runs ===

/** Runs a story beside visitors that ask the isolate under test without a pause. An answer that no variant gave is a failure. */
async function run(pair, what, options, story) {
  const ends = [];
  const failures = [];
  const serin = await startSerin({ after: (end) => ends.push(end) }, { kv: OFF, ...options });
  const load = { path: GOOD, requests: 0, isRunning: true };
  const visitors = Array.from({ length: CONNECTIONS }, () => visit(serin, load, failures));
  await story(serin, load).catch((error) => failures.push(error.message.split("\n")[0]));
  load.isRunning = false;
  await Promise.all(visitors);
  for (const end of ends) await end();
  results.push({ pair, what, requests: load.requests, failures });
  console.error(`${pair}, ${what}: ${load.requests} requests, ${failures.length} failures`);
}

async function visit(serin, load, failures) {
  while (load.isRunning) {
    const headers = visitorCookie(load.requests++ % VISITORS);
    const answer = await isolate(serin).request(load.path, { headers }).catch((error) => ({ status: 0, text: error.code }));
    // While the process restarts nobody can answer.
    if (answer.status === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    else if (answer.status !== 200) failures.push(`${answer.status} ${answer.text}`);
  }
}

/** The isolate under test: the one without objects of its own, where there is one. */
function isolate(serin) {
  return serin.others[0] ?? serin.client;
}

/** The control API of the isolate under test. */
async function order(serin, method, path, body) {
  const answer = await isolate(serin).request(`/__serin/${path}`, {
    method,
    body: body && JSON.stringify(body),
    headers: { authorization: "Bearer token-of-the-tests", ...(body && { "content-type": "application/json" }) },
  });
  assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
  return answer.json;
}

function phase(serin, wanted) {
  return eventually(async () => assert.equal((await order(serin, "GET", "status")).rollout.phase, wanted), { within: 180_000 });
}

async function completes(serin) {
  await order(serin, "POST", "rollouts", PLAN);
  await phase(serin, "completed");
  const { rows: audit } = await order(serin, "GET", "audit?limit=1000");
  assert.ok(audit.some(({ sentence }) => /\d+ of \d+/.test(sentence)), "the analyses have counts");
}

async function rollsBack(serin, load) {
  await order(serin, "POST", "rollouts", { ...PLAN, hold: "1h" });
  load.path = BAD;
  await phase(serin, "rolled-back");
}

async function obeys(serin) {
  await order(serin, "POST", "rollouts", { ...PLAN, steps: [50, 100], hold: "1h" });
  const client = isolate(serin);
  const visitor = Array.from({ length: 50 }, (_, n) => n).find((n) => expected(visitorId(n), 50, PLAN.id) === "canary");
  const side = async () => (await client.request(GOOD, { headers: visitorCookie(visitor) })).text.split(" ")[0];
  await eventually(async () => assert.equal(await side(), "canary"));
  await order(serin, "POST", "halt", { reason: "upgrade" });
  await eventually(async () => assert.equal(await side(), "stable"));
  await order(serin, "PUT", "switches/disable_writes", { on: true, reason: "upgrade" });
  await eventually(async () => assert.equal((await client.request(GOOD, { method: "POST" })).status, 503));
  await order(serin, "PUT", "switches/disable_writes", { on: false });
  await eventually(async () => assert.equal((await client.request(GOOD, { method: "POST" })).status, 200));
}

async function goesOn(serin, load, then, end, path) {
  await order(serin, "POST", "rollouts", end === "completed" ? PLAN : { ...PLAN, hold: "1h" });
  await eventually(async () => assert.ok((await order(serin, "GET", "status")).rollout.figures?.canary?.requests > 20), { within: 30_000 });
  const before = (await order(serin, "GET", "audit?limit=1000")).rows.length;
  await serin.killAndRestart(builds[then]);
  load.path = path;
  await phase(serin, end);
  assert.ok((await order(serin, "GET", "audit?limit=1000")).rows.length > before, "the audit goes on");
}

async function staysHalted(serin, load, then) {
  await order(serin, "POST", "rollouts", { ...PLAN, hold: "1h" });
  await order(serin, "POST", "halt", { actor: "ada", reason: "upgrade" });
  await serin.killAndRestart(builds[then]);
  const { halt } = await order(serin, "GET", "status");
  assert.equal(halt?.actor, "ada");
  await order(serin, "POST", "resume-canary", { actor: "ada" });
}

// === the version before ===

function buildOf(ref) {
  const git = (...args) => spawnSync("git", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 });
  const commit = git("rev-parse", "--verify", `${ref}^{commit}`).stdout.trim();
  if (!commit) throw new Error(`--from: ${ref} is not a commit`);
  const folder = join(ROOT, "target", "versions", commit);
  if (!existsSync(join(folder, "build", "index.js"))) {
    mkdirSync(folder, { recursive: true });
    // A folder of its own: cargo takes crates of the same name and place in their workspace for the same, whichever the workspace.
    const shell = (command) => {
      const { status } = spawnSync("sh", ["-c", command], { cwd: folder, stdio: "inherit", env: { ...process.env, CARGO_TARGET_DIR: join(ROOT, "target", "versions", "target") } });
      if (status !== 0) throw new Error(`\`${command}\` failed`);
    };
    shell(`git -C "${ROOT}" archive ${commit} | tar -x`);
    if (!existsSync(join(folder, "node_modules"))) symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    shell("node scripts/build.mjs >&2");
  }
  return join(folder, "build");
}
