// `POST rollouts?dryRun=true`: all that a start checks, and nothing is started; and what a start warns of.

import assert from "node:assert/strict";
import test, { before } from "node:test";
import { buildProgram, serinFor } from "./harness/command-line.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const OFF = { enabled: false, percentage: 0 };
const PLAN = { schedule: "custom", steps: [5, 100], hold: "1h", settle: "1m" };

let program;

before(() => {
  program = buildProgram();
});

/** The answers of a start and of its dry run: the status, and the field or the title. */
async function both(serin, body, headers) {
  const outcome = ({ status, json }) => [status, json.type, json.field, json.detail];
  const checked = await serin.api("POST", "rollouts?dryRun=true", body, headers);
  return { checked: outcome(checked), started: outcome(await serin.api("POST", "rollouts", body, headers)) };
}

test("a dry run starts nothing, and says what a start would lead to", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  const before = await serin.status();
  const { status, json } = await serin.api("POST", "rollouts?dryRun=true", { ...PLAN, id: "r1", actor: "ada" });
  assert.equal(status, 200);
  assert.deepEqual([json.dryRun, json.already, json.rollout.id, json.rollout.percentage], [true, false, "r1", 5]);
  const after = await serin.status();
  assert.deepEqual([after.epoch, after.rollout, await serin.audit()], [before.epoch, null, []]);
  assert.deepEqual(await serin.values(), { "canary-state": JSON.stringify(OFF) });
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "r1" })).status, 200, "the id is still free");
});

test("a dry run refuses what a start refuses, with the same problem", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  const cases = [
    ["a step too many", { ...PLAN, steps: [50, 5, 100] }, 422, "steps[1].percentage"],
    ["an unknown field", { ...PLAN, stepz: [] }, 422, "stepz"],
    ["a bad analysis", { ...PLAN, analysis: { alpha: 7 } }, 422, "analysis"],
    ["an unknown zone", { ...PLAN, freeze: { timeZone: "Mars/Olympus", days: ["sun"] } }, 422, "freeze.timeZone"],
    ["a bad id", { ...PLAN, id: "release 7" }, 422, "id"],
    ["an empty id", { ...PLAN, id: "" }, 422, "id"],
    ["an epoch that has passed", { ...PLAN, epoch: 99 }, 409, undefined],
  ];
  for (const [what, body, status, field] of cases) {
    const { checked, started } = await both(serin, body);
    assert.deepEqual(checked, started, what);
    assert.deepEqual([checked[0], checked[2]], [status, field], `${what}: ${checked}`);
  }
  await serin.api("POST", "rollouts", { ...PLAN, id: "r1" });
  assert.deepEqual(await serin.api("POST", "rollouts?dryRun=true", { ...PLAN, id: "r2" }).then(({ status }) => status), 409, "one is running");
  await serin.api("POST", "rollouts/current/abort", {});
  const used = await both(serin, { ...PLAN, id: "r1" });
  assert.deepEqual([used.checked[0], used.checked], [409, used.started]);
  await serin.api("POST", "halt", { actor: "ada" });
  const halted = await both(serin, { ...PLAN, id: "r3" });
  assert.deepEqual([halted.checked[0], halted.checked], [409, halted.started]);
  const unreadable = await startSerin(t, { kv: { "canary-state": "{" } });
  const broken = await both(unreadable, PLAN);
  assert.deepEqual([broken.checked[0], broken.checked], [409, broken.started]);
});

test("a start and its dry run say how long the rollout takes at the traffic of the last hour", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": OFF } });
  const serin = serinFor(program, splitter);
  const { settle, lookEvery, analysis } = QUICK_PLAN;
  const plan = { ...PLAN, settle, lookEvery, analysis };
  const expected = async () => (await splitter.api("POST", "rollouts?dryRun=true", plan)).json.expected;
  const silent = await expected();
  assert.deepEqual([silent.durationMs, silent.requestsPerMinute, silent.smallestRegression], [null, 0, null]);
  assert.match(silent.sentence, /^No traffic in the last hour: .* its holds alone take 2 h 0 min\.$/);

  const REQUESTS = 300;
  for (let n = 0; n < REQUESTS; n += 1) await splitter.request("/?both=name&quiet");
  const guessed = await eventually(async () => {
    const now = await expected();
    assert.ok(now.requestsPerMinute >= REQUESTS / 2, JSON.stringify(now));
    return now;
  });
  assert.ok(guessed.requestsPerMinute <= REQUESTS, "each request counts once, also with the canary off");
  assert.deepEqual([guessed.visitorsPerMinute, guessed.steps.length, guessed.steps[1].needed], [null, 2, 20]);
  assert.match(guessed.sentence, /^At least .* no rollout has counted visitors yet\./);
  const checked = await serin(["start", "--step", "5:1h", "--step", "100:1h", "--dry-run"]);
  assert.match(checked.stdout, /nothing was started\nAt least /);

  const load = startLoad(t, splitter);
  const started = await splitter.api("POST", "rollouts", { ...plan, id: "r1" });
  assert.match(started.json.expected.sentence, /^At least /);
  await splitter.status(({ rollout }) => (rollout.figures?.canary.visitors ?? 0) > 30);
  await splitter.api("POST", "rollouts/current/abort", {});
  await load.stop();
  const known = await expected();
  assert.ok(known.visitorsPerMinute > 0 && known.visitorsPerMinute <= known.requestsPerMinute, JSON.stringify(known));
  assert.match(known.sentence, /^About .* visitors a minute in the last hour; the holds alone take 2 h 0 min\. It notices a canary that fails [\d.]+ times/);
  const answer = await serin(["start", "--step", "5:1h", "--step", "100:1h"]);
  assert.deepEqual([answer.code, /^About .* visitors a minute/m.test(answer.stdout)], [0, true], answer.stdout);
});

test("a start while disable_canary is on is refused, unless it is meant", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": OFF, "ops:disable_canary": '{"reason":"pager"}' } });
  const serin = serinFor(program, splitter);
  for (const extra of [[], ["--dry-run"]]) {
    const { code, stderr } = await serin(["start", "standard", ...extra]);
    assert.equal(code, 1);
    assert.match(stderr, /ops:disable_canary is on \(pager\)[^]*anyway/);
  }
  assert.equal((await splitter.status()).rollout, null);
  const checked = await serin(["start", "standard", "--anyway", "--dry-run"]);
  assert.deepEqual([checked.code, (await splitter.status()).rollout], [0, null]);
  const meant = await serin(["start", "standard", "--anyway"]);
  assert.equal(meant.code, 0, meant.stderr);
  assert.match(meant.stderr, /warning: the switch ops:disable_canary is on/);
  // A switch of the control API counts before KV has it.
  const other = await startSerin(t, { kv: { "canary-state": OFF } });
  await other.api("PUT", "switches/disable_canary", { on: true });
  assert.equal((await other.api("POST", "rollouts", PLAN)).status, 409);
});

test("a share that falls is refused, unless it is confirmed, and a hold below settle is warned of", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  const serin = serinFor(program, splitter);
  const plan = ["start", "--step", "5:30s", "--step", "100:1h"];
  for (const extra of [[], ["--dry-run"]]) {
    const refused = await serin([...plan, ...extra]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /the canary has 50 % of the visitors, and the first step gives it 5 %[^]*--yes/);
  }
  const { checked, started } = await both(splitter, { ...PLAN, percentage: 50 });
  assert.deepEqual([checked.slice(0, 3), checked], [[409, "urn:serin:unconfirmed", "percentage"], started]);
  assert.equal((await splitter.status()).rollout, null);
  const { code, stdout, stderr } = await serin([...plan, "--yes", "--dry-run"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /accepts the plan: rollout \S+ would be step 1 of 2, 5 %; nothing was started/);
  assert.match(stderr, /warning: the canary has 50 % of the visitors, and the first step gives it 5 %/);
  assert.match(stderr, /warning: steps\[0\]\.hold is 30s, shorter than settle, 1m/);
  assert.equal((await serin([...plan, "--yes"])).code, 0);
  assert.equal((await splitter.status()).rollout.percentage, 5);
});
