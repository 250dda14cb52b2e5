// Rollouts in the built Worker, with seconds instead of minutes: Durable Objects with SQLite and alarms, and HTTP requests.

import assert from "node:assert/strict";
import test from "node:test";
import { visitorCookie } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { CF_HEADER, startSerin } from "./harness/workerd.mjs";

/** The custom steps of the contract. */
const PLAN = { ...QUICK_PLAN, steps: [5, 15, 35, 65, 100] };
const OFF = { enabled: false, percentage: 0, canaryWorker: "app-canary" };

const start = async (serin, plan = PLAN) => {
  const answer = await serin.api("POST", "rollouts", { id: "r1", actor: "ada", reason: "release 42", ...plan });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};
const order = (serin, name, body = {}) => serin.api("POST", `rollouts/current/${name}`, { actor: "ada", ...body });
const inPhase = (serin, phase) => serin.status(({ rollout }) => rollout.phase === phase);
const news = (rows) => rows.filter(({ action }) => !["looked", "look-failed"].includes(action));
const transitions = (rows) => news(rows).map(({ action, after }) => `${action} ${after.percentage}`);

/** Time of the canary's last answer, in ms after `moment`. */
const lastCanary = (answers, moment) =>
  Math.max(0, ...answers.filter(({ variant }) => variant === "canary").map(({ ended }) => ended)) - moment;

test("a good canary completes under load, and the audit records it", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  const load = startLoad(t, serin);
  const { rollout, already } = await start(serin);
  assert.deepEqual([already, rollout.phase, rollout.percentage], [false, "progressing", 5]);
  await inPhase(serin, "completed");
  const answers = await load.stop();

  const rows = await serin.audit();
  const steps = ["started 5", "stepped 15", "stepped 35", "stepped 65", "stepped 100", "completed 100"];
  assert.deepEqual(transitions(rows), steps);
  assert.deepEqual([rows[0].actor, rows[0].reason], ["ada", "release 42"]);
  for (const { sentence } of rows.slice(1)) assert.match(sentence, /^Rollout r1 .* by controller: .*\d+ of \d+/);

  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const seen = new Map();
  for (const { visitor, begun, ended, variant } of answers) {
    if (variant === "canary") seen.set(visitor, Math.min(seen.get(visitor) ?? Infinity, ended));
    else assert.ok(begun <= (seen.get(visitor) ?? Infinity), `visitor ${visitor} was sent back`);
  }
  const document = JSON.parse((await serin.values())["canary-state"]);
  const { updatedAt, ...rest } = document;
  assert.deepEqual(rest, { ...serin.named, ...OFF, enabled: true, percentage: 100, rolloutId: "r1", generation: 5, updatedBy: "controller" });
  assert.ok(Date.parse(updatedAt) > 0);
  t.diagnostic(`${answers.length} requests, none failed`);
});

for (const [name, every, found] of [
  ["dies", 1, /(fails more often than stable|Breakers keep visitors from the canary).* \d+ of \d+ visitors failed/],
  // Too few failures for a breaker, and less than the retry budget.
  ["fails every tenth request", 10, /fails more often than stable: \d+ of \d+ visitors failed/],
]) {
  test(`a canary that ${name} at a step is rolled back automatically, and no reader notices`, async (t) => {
    const refresh = 0.5;
    const serin = await startSerin(t, { kv: { "canary-state": OFF }, vars: { REFRESH_SECONDS: refresh } });
    let bad = false;
    let asked = 0;
    const fails = () => bad && asked++ % every === 0;
    const load = startLoad(t, serin, { path: () => (fails() ? "/?canary=status:503&stable=name&quiet" : "/?both=name&quiet") });
    // The third step outlasts the test, so that the verdict finds the rollout there.
    await start(serin, { ...PLAN, steps: [5, 15, { percentage: 35, hold: "1h" }, 65, 100] });
    await serin.status(({ rollout }) => rollout.step === 3);
    bad = true;
    const status = await inPhase(serin, "rolled-back");
    const [verdict] = (await serin.audit()).filter(({ action }) => action === "rolled-back");
    await eventually(() => assert.ok(load.answers.slice(-400).every(({ variant }) => variant === "stable")));
    const answers = await load.stop();

    assert.deepEqual([status.halt.byRollout, status.rollout.percentage], [true, 0]);
    assert.match(verdict.sentence, /step 3 of 5 at 35 % → rolled back, step 3 of 5 at 0 %, halted/);
    assert.match(verdict.sentence, found);
    await eventually(async () => assert.equal(JSON.parse((await serin.values())["canary-state"]).percentage, 0));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200], "stable answered what the canary did not");
    const last = lastCanary(answers, Date.parse(verdict.at));
    t.diagnostic(`last canary response ${last} ms after the verdict, refresh interval ${refresh * 1000} ms`);
    assert.ok(last <= 2 * refresh * 1000 + 500, `${last} ms`);
  });
}

for (const [name, halt, lift] of [
  ["a halt", (serin) => serin.api("POST", "halt", { actor: "ada", reason: "pager" }), "resume-canary"],
  ["an abort", (serin) => order(serin, "abort", { reason: "pager" }), undefined],
]) {
  test(`${name} reaches a busy isolate within two refresh intervals`, async (t) => {
    const refresh = 0.5;
    const serin = await startSerin(t, { kv: { "canary-state": OFF }, vars: { REFRESH_SECONDS: refresh } });
    const load = startLoad(t, serin);
    await start(serin, { ...PLAN, steps: [50, 100], hold: "1h" });
    await eventually(() => assert.ok(load.answers.some(({ variant }) => variant === "canary")));
    // KV does not change: the overlay stops the canary.
    await serin.kv(undefined, undefined, { kind: "status", status: 503 });

    const ordered = Date.now();
    assert.equal((await halt(serin)).status, 200);
    await eventually(() => assert.ok(load.answers.slice(-400).every(({ variant }) => variant === "stable")));
    const stopped = lastCanary(load.answers, ordered);
    t.diagnostic(`last canary response ${stopped} ms after the order, refresh interval ${refresh * 1000} ms`);
    assert.ok(stopped <= 2 * refresh * 1000 + 500, `${stopped} ms`);
    if (lift) {
      assert.equal((await serin.api("POST", lift, { actor: "ada" })).status, 200);
      assert.equal((await serin.status()).rollout.phase, "paused");
      assert.equal((await order(serin, "resume")).status, 200);
      await eventually(() => assert.ok(load.answers.slice(-100).some(({ variant }) => variant === "canary")));
    }
    const answers = await load.stop();
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  });
}

test("two simultaneous starts give one rollout and one conflict", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  const starts = await Promise.all(["a", "b"].map((id) => serin.api("POST", "rollouts", { ...PLAN, id })));
  assert.deepEqual(starts.map(({ status }) => status).sort(), [200, 409]);
  const refused = starts.find(({ status }) => status === 409).json;
  assert.equal(refused.type, "urn:serin:conflict");
  assert.match(refused.detail, /^rollout [ab] is progressing: wait for its end, or abort it, before [ab] starts$/);
  const again = await serin.api("POST", "rollouts", { ...PLAN, id: (await serin.status()).rollout.id });
  assert.deepEqual([again.status, again.json.already], [200, true]);
});

test("commands pause, resume, promote, abort and undo, each once, and only at the stated epoch", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  const { epoch } = await start(serin, { ...PLAN, hold: "1h" });
  const paused = (await order(serin, "pause", { epoch, reason: "lunch" })).json;
  assert.deepEqual([paused.rollout.phase, paused.rollout.reason, paused.already], ["paused", "lunch", false]);
  assert.equal((await order(serin, "pause")).json.already, true);
  const late = await order(serin, "resume", { epoch });
  assert.deepEqual([late.status, late.json.type], [409, "urn:serin:conflict"]);
  assert.equal((await order(serin, "resume", { epoch: paused.epoch })).json.rollout.phase, "progressing");
  assert.equal((await order(serin, "promote")).json.rollout.percentage, 15);
  assert.equal((await order(serin, "promote")).json.already, true, "a second click");
  const full = (await order(serin, "promote", { to: "full" })).json.rollout;
  assert.deepEqual([full.phase, full.percentage], ["baking", 100]);
  assert.equal((await order(serin, "abort", { rolloutId: "other" })).status, 409);
  assert.equal((await order(serin, "abort", { rolloutId: "r1" })).json.rollout.phase, "aborted");
  assert.equal((await order(serin, "resume")).status, 409, "aborted is for good");
  await eventually(async () => assert.equal(JSON.parse((await serin.values())["canary-state"]).percentage, 0));
  const words = ["started 5", "paused 5", "resumed 5", "promoted 15", "promoted 100", "aborted 0"];
  assert.deepEqual(transitions(await serin.audit()), words);
  const next = await serin.api("POST", "rollouts", { ...PLAN, id: "r2" });
  assert.deepEqual([next.status, next.json.rollout.percentage], [200, 5], "a new rollout lifts it");
});

test("a document edited by hand applies, and the rollout pauses", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await start(serin, { ...PLAN, hold: "1h" });
  await eventually(async () => assert.equal(JSON.parse((await serin.values())["canary-state"]).percentage, 5));
  const mine = { enabled: true, percentage: 1, rolloutId: "mine" };
  await serin.kv({ "canary-state": mine });
  const { rollout } = await inPhase(serin, "paused");
  assert.match(rollout.reason, /canary-state says 1 %.*did not write/);
  assert.deepEqual(JSON.parse((await serin.values())["canary-state"]), { ...serin.named, ...mine });
});

test("while KV refuses writes no step is taken; then the rollout continues", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { ...OFF, enabled: true } } });
  await serin.kv(undefined, undefined, { kind: "status", status: 503 });
  const load = startLoad(t, serin);
  await start(serin, { ...PLAN, steps: [25, 100] });
  // Busy isolates have the percentage from the controller.
  await eventually(() => assert.ok(load.answers.some(({ variant }) => variant === "canary")));
  const { outbox, rollout } = await serin.status(({ rollout }) => rollout.lastLook !== null);
  assert.deepEqual([outbox, rollout.step], [["write"], 1]);
  const { components } = await serin.health();
  assert.deepEqual([components.controller.status, /KV/.test(components.controller.message)], ["degraded", true]);
  await serin.kv(undefined, undefined, { kind: "ok" });
  await inPhase(serin, "completed");
  await load.stop();
  assert.deepEqual(transitions(await serin.audit()), ["started 25", "stepped 100", "completed 100"]);
});

test("a controller that is killed repeatedly reaches the same end as an undisturbed one", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF }, separate: true });
  const load = startLoad(t, serin);
  await start(serin, PLAN);
  let kills = 0;
  for (let phase = "progressing"; phase !== "completed"; ) {
    const pause = 100 + Math.random() * 900;
    await new Promise((resolve) => setTimeout(resolve, pause));
    await serin.killAndRestart();
    kills += 1;
    assert.ok(kills < 200, `no end: ${JSON.stringify(await serin.status())}`);
    ({ phase } = (await serin.status()).rollout);
  }
  const answers = await load.stop();
  const steps = ["started 5", "stepped 15", "stepped 35", "stepped 65", "stepped 100", "completed 100"];
  const rows = news(await serin.audit()).filter(({ action }) => action !== "late");
  assert.deepEqual(transitions(rows), steps);
  const { percentage, generation, rolloutId } = JSON.parse((await serin.values())["canary-state"]);
  assert.deepEqual([percentage, generation, rolloutId], [100, 5, "r1"]);
  t.diagnostic(`killed ${kills} times, ${answers.length} requests`);
});

test("without its Durable Objects the splitter serves as before, and reports it", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } }, lab: true });
  for (const object of ["controller", "metrics"]) await serin.misbehave(object, "throw");
  for (let request = 0; request < 50; request++) assert.equal(await serin.variant(), "canary");
  const { status, httpStatus, components } = await serin.health();
  assert.deepEqual([httpStatus, status], [200, "degraded"]);
  assert.deepEqual([components.controller.status, components.metrics.status], ["down", "down"]);
  const answer = await serin.api("GET", "status");
  assert.deepEqual([answer.status, answer.json.type], [503, "urn:serin:unavailable"]);
});

test("with a dataset each observed request gives a data point", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF }, analytics: true });
  await start(serin, { ...PLAN, steps: [50, 100], hold: "1h" });
  const load = startLoad(t, serin, { visitors: 20, connections: 1 });
  await serin.status(({ telemetry }) => telemetry.lastReport !== null);
  const text = (bytes) => Buffer.from(bytes).toString();
  await eventually(async () => {
    const sent = (await serin.journal()).filter(({ variant }) => variant === "analytics").map(({ text }) => JSON.parse(text));
    const points = sent.map(({ index1, blob1, blob2, double1 }) => [text(index1), text(blob1), text(blob2), double1].join());
    assert.deepEqual([...new Set(points)].sort(), ["r1,canary,1,0", "r1,stable,1,0"]);
  });
  await load.stop();
});

test("a laptop is one location, also where the first request after a restart is /health", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  const headers = { [CF_HEADER]: JSON.stringify({ colo: "FRA" }) };
  await start(serin, { ...PLAN, steps: [50, 100], hold: "1h" });
  assert.equal((await serin.request("/health?detailed=true", { headers })).json.components.metrics.status, "ok");
  await serin.status(({ telemetry }) => telemetry.lastReport !== null);
  await eventually(async () => {
    for (let visitor = 0; visitor < 20; visitor++) await serin.request("/", { headers: { ...headers, ...visitorCookie(visitor) } });
    const { telemetry, rollout } = await serin.status();
    assert.ok(rollout.figures?.canary?.requests > 0, "the visitors' location has reported");
    assert.equal(telemetry.locations, 1);
  });
});
