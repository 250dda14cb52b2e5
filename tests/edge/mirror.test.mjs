// Steps that mirror, in the built Worker: copies of requests go to a canary without visitors, and cost nobody anything.

import assert from "node:assert/strict";
import test from "node:test";
import { NAVIGATION, visitorCookie } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const OFF = { "canary-state": { enabled: false, percentage: 0 } };
/** A step that mirrors everything until the test has seen enough, with seconds instead of minutes. */
const plan = (mirror = {}, more = {}) => ({
  ...QUICK_PLAN,
  id: "m1",
  actor: "ada",
  steps: [{ mirror: 100, hold: "10m", ...mirror }, 50, 100],
  ...more,
  analysis: { ...QUICK_PLAN.analysis, ...more.analysis },
});

/** Starts a rollout, and returns when the isolate copies requests. */
async function mirroring(serin, { step, more, headers = {} } = {}) {
  const started = await serin.api("POST", "rollouts", plan(step, more));
  assert.equal(started.status, 200, started.text);
  await eventually(async () => {
    await serin.request("/api/warm-up?both=name", { headers: { ...visitorCookie(1), ...headers } });
    assert.ok((await copies(serin, "/api/warm-up")).length, "no copy yet");
  });
  return started.json;
}
const copies = async (serin, path) =>
  (await serin.journal()).filter((entry) => entry.variant === "canary" && (!path || entry.path === path));
const mirrorOf = async (serin) => (await serin.api("GET", "rollouts/current")).json.mirror;

test("a copy follows stable's answer, is marked, and nothing of the canary's answer reaches the visitor", async (t) => {
  const serin = await startSerin(t, { kv: OFF });
  const { rollout } = await mirroring(serin);
  assert.deepEqual([rollout.percentage, rollout.steps[0].mirror, rollout.steps[0].percentage], [0, 100, 0]);

  const told = await serin.request("/told?canary=cookies", { headers: { ...visitorCookie(2), "serin-mirror": "1", serin_mirror: "1" } });
  assert.deepEqual([told.json.variant, told.headers["set-cookie"]], ["stable", undefined]);
  const seen = told.json.headers.filter(([name]) => name.startsWith("serin"));
  assert.deepEqual(seen, [], "a client cannot say that its request is a copy");
  const [copy] = await eventually(async () => {
    const found = await copies(serin, "/told");
    assert.equal(found.length, 1);
    return found;
  });
  assert.equal(copy.mirror, "1");
  assert.ok(copy.number > told.json.number, "stable came first");

  // A first visit's cookie is Serin's own, and the canary's answer is not waited for.
  const first = await serin.request("/?stable=name&canary=hang", { headers: NAVIGATION });
  assert.match(first.text, /^stable/);
  assert.match(String(first.headers["set-cookie"]), /^__Host-serin=/);
});

test("the canary's answer is read to its head, and its body is cancelled", async (t) => {
  const serin = await startSerin(t, { kv: OFF });
  await mirroring(serin);
  await serin.request("/body?stable=name&canary=endless", { headers: visitorCookie(3) });
  await eventually(async () => {
    const [copy] = await copies(serin, "/body");
    assert.equal(copy?.cancelled, true);
  });
});

test("only requests that may be sent twice are copied, and of these only what the plan names", async (t) => {
  const serin = await startSerin(t, { kv: OFF });
  const headers = { ...visitorCookie(4), "x-ring": "1" };
  const step = { paths: ["/api/*"], where: { header: { "x-ring": "1" } } };
  await mirroring(serin, { step, headers });
  let number = 0;
  const asked = [];
  for (const method of ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]) {
    for (const body of [undefined, "", "x", "y".repeat(50_000)]) {
      if (["GET", "HEAD", "TRACE"].includes(method) && body !== undefined) continue;
      const path = `/api/methods/${(number += 1)}`;
      const answer = await serin.request(`${path}?both=name`, { method, body, headers });
      asked.push({ path, method, body, status: answer.status });
    }
  }
  await serin.request("/other?both=name", { headers });
  await serin.request("/api/outside?both=name", { headers: visitorCookie(4) });
  await serin.request("/api/last?both=name", { headers });
  await eventually(async () => assert.ok((await copies(serin, "/api/last")).length));
  const got = new Set((await copies(serin)).map(({ path }) => path));
  for (const { path, method, body, status } of asked) {
    const mayBe = ["GET", "HEAD", "OPTIONS"].includes(method) && !body;
    if (!mayBe) assert.ok(!got.has(path), `${method} with a body of ${body?.length} bytes was copied`);
    else if (body === undefined && status < 400) assert.ok(got.has(path), `${method} was not copied`);
  }
  assert.ok(!got.has("/other") && !got.has("/api/outside"));
});

test("a canary that hangs holds a bounded number of copies, fails by its deadline, and delays nobody", async (t) => {
  const serin = await startSerin(t, { kv: OFF, vars: { CANARY_DEADLINE_SECONDS: 1 } });
  await mirroring(serin, { more: { mirroring: { inFlight: 3 } } });
  const begun = Date.now();
  const ask = (visitor) => serin.request("/hang?stable=name&canary=hang", { headers: visitorCookie(visitor) });
  const answers = await Promise.all(Array.from({ length: 40 }, (_, visitor) => ask(visitor + 10)));
  assert.ok(answers.every(({ status, text }) => status === 200 && text.startsWith("stable")));
  const took = Date.now() - begun;
  const soon = (await copies(serin, "/hang")).length;
  // The machine may be so slow that the first copies are over.
  assert.ok(soon <= 3 * (1 + Math.floor(took / 1_000)), `${soon} copies after ${took} ms`);
  await eventually(async () => {
    const { busy, canaryFailures, differences } = await mirrorOf(serin);
    assert.ok(busy >= 30 && canaryFailures >= 3, JSON.stringify({ busy, canaryFailures }));
    const hung = differences.find(({ path }) => path === "/hang");
    assert.deepEqual([hung?.stable, hung?.canary, hung?.counts], [200, null, "against-canary"]);
  });
});

test("a canary whose answers are worse is rolled back before it has a visitor, and what differs is shown", async (t) => {
  const serin = await startSerin(t, { kv: OFF });
  await mirroring(serin);
  const load = startLoad(t, serin, { visitors: 2_000, connections: 4, path: () => "/item/7?stable=name&canary=status:404&quiet" });
  const status = await serin.status(({ rollout }) => rollout.phase === "rolled-back");
  const answers = await load.stop();
  assert.ok(answers.every(({ status: code, variant }) => code === 200 && variant === "stable"));
  assert.match(status.rollout.reason, /The canary answers the same requests worse than stable: of \d+ visitors with copied requests/);
  const { differences, copies: sent, percentage } = status.rollout.mirror;
  const [{ path, stable, canary, counts, pairs }] = differences;
  assert.deepEqual([path, stable, canary, counts, percentage], ["/item/*", 200, 404, "against-canary", 0]);
  assert.ok(pairs >= 12 && sent >= pairs);
});

test("a status that the plan excuses does not count, a good canary gets its visitors, and the status says what it does", async (t) => {
  const serin = await startSerin(t, { kv: OFF });
  const statuses = [{ stable: "2xx", canary: 404, counts: "neither" }];
  await mirroring(serin, { more: { mirroring: { statuses } } });
  const load = startLoad(t, serin, { path: () => "/gone?stable=name&canary=status:404&quiet" });
  const status = await serin.status(({ rollout, headline }) => rollout.lastLook?.verdict === "pass" && headline.startsWith("Mirroring"));
  assert.match(status.headline, /^Mirroring 100 % of requests to the canary; no visitor is on it\. Step 1 of 3, healthy\./);
  assert.deepEqual([status.effective.percentage, status.policy.percentage], [0, 0]);
  const text = (await serin.api("GET", "metrics")).text;
  assert.match(text, /^serin_mirror_percentage 100$/m);
  assert.match(text, /^serin_mirror_requests\{result="answered"\} [1-9]\d*$/m);
  assert.match(text, /^serin_evidence_limit\{metric="answers"\} 400$/m);
  const answers = [...load.answers];
  assert.ok(answers.length > 20 && answers.every(({ variant }) => variant === "stable"), "nobody is on the canary");
  const next = await serin.api("POST", "rollouts/current/promote", { actor: "ada" });
  assert.deepEqual([next.json.rollout.step, next.json.rollout.percentage, next.json.rollout.mirror.percentage], [2, 50, 0]);
  await eventually(() => assert.ok(load.answers.some(({ variant }) => variant === "canary"), "visitors follow"));
  await load.stop();
});

for (const [what, stop] of [
  ["a halt", (serin) => serin.api("POST", "halt", { actor: "ada", reason: "test" })],
  ["disable_canary", (serin) => serin.api("PUT", "switches/disable_canary", { on: true, actor: "ada" })],
  ["an edit of canary-state by hand", (serin) => serin.kvSettled({ "canary-state": { enabled: false, percentage: 0 } })],
]) {
  test(`${what} ends the copies`, async (t) => {
    const serin = await startSerin(t, { kv: OFF });
    await mirroring(serin);
    await stop(serin);
    // From the isolate's next news on, no request is copied any more.
    let rounds = 0;
    await eventually(async () => {
      const path = `/round/${(rounds += 1)}`;
      const before = (await serin.reads()).length;
      while ((await serin.reads()).length < before + 2) await serin.request(`${path}?both=name`, { headers: visitorCookie(5) });
      assert.equal((await copies(serin, path)).length, 0);
    });
  });
}

test("a panic while a copy is answered costs no visitor an answer", async (t) => {
  const serin = await startSerin(t, { kv: OFF, panics: true });
  await mirroring(serin);
  const headers = { ...visitorCookie(6), "x-serin-panic": "copy" };
  const answer = await serin.request("/trap?both=name", { headers });
  assert.match(answer.text, /^stable/);
  await eventually(() => assert.ok(serin.output.some((line) => line.includes("panic"))));
  assert.equal((await copies(serin, "/trap")).length, 1);
  assert.equal(await serin.variant({ headers: visitorCookie(6) }), "stable");
});
