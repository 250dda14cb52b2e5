// One outsider beside a site: nobody takes a healthy canary out, and nobody keeps a bad one.

import assert from "node:assert/strict";
import test from "node:test";
import { expected } from "./harness/bucket.mjs";
import { Client, visitorCookie, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const OFF = { enabled: false, percentage: 0 };
/** `maxInconclusive`: an incident on both variants pauses no rollout here, so that each test sees the judgement itself. */
const PLAN = { ...QUICK_PLAN, id: "r1", steps: [20, 100], hold: "1h", settle: "100ms", lookEvery: "500ms", maxInconclusive: 1_000 };
/** Time for what takes some seconds where nothing else runs, in ms. */
const BUSY_MACHINE = 300_000;

/** Starts a rollout at 20 % that stays there unless the canary is rolled back, and the site's own visitors. */
async function startSite(t, load) {
  const serin = await startSerin(t, { kv: { "canary-state": OFF }, vars: { REFRESH_SECONDS: "0.5" } });
  const answer = await serin.api("POST", "rollouts", PLAN);
  assert.equal(answer.status, 200, answer.text);
  return { serin, site: startLoad(t, serin, load) };
}

const rollout = async (serin) => (await serin.api("GET", "status")).json.rollout;

/** Runs `act` again and again, side by side, until the returned function is called. */
function repeat(t, times, act) {
  let running = true;
  const loop = async (number) => {
    while (running) await act(number).catch(() => undefined);
  };
  const loops = Array.from({ length: times }, (_, number) => loop(number));
  const stop = async () => {
    running = false;
    await Promise.all(loops);
  };
  t.after(stop);
  return stop;
}

test("uploads that their clients send slowly do not roll a healthy canary back", async (t) => {
  const { serin } = await startSite(t);
  // Stable's p95 is known, so that latency is compared.
  await eventually(async () => assert.ok((await rollout(serin)).figures?.stable?.requests > 1_000), { within: BUSY_MACHINE });
  let uploads = 0;
  const stop = repeat(t, 12, async (number) => {
    const headers = { "content-length": "10", ...visitorCookie(900_000 + number) };
    const { message } = await serin.client.open("/?both=count&quiet", { method: "POST", headers }, (outgoing) => {
      outgoing.write("a".repeat(9));
      setTimeout(() => outgoing.end("b"), 300);
    });
    for await (const _ of message);
    assert.equal(message.statusCode, 200);
    uploads += 1;
  });
  await eventually(() => assert.ok(uploads > 120), { within: BUSY_MACHINE });
  await stop();
  const { phase, lastLook } = await rollout(serin);
  assert.equal(phase, "progressing", lastLook?.sentence);
});

test("a visitor who asks again and again for what fails on both variants keeps no other visitor from the canary", async (t) => {
  const { serin } = await startSite(t, { connections: 1 });
  const [attacker, ...others] = Array.from({ length: 100 }, (_, n) => 900_000 + n).filter((n) => expected(visitorId(n), 20, PLAN.id) === "canary");
  const nameOf = async (visitor) => (await serin.request("/?both=name&quiet", { headers: visitorCookie(visitor) })).text.split(" ")[0];
  await eventually(async () => assert.equal(await nameOf(attacker), "canary"));
  for (let round = 0; round < 60; round += 1) {
    for (const method of ["GET", "GET", "POST"]) await serin.request("/?both=status:503&quiet", { method, headers: visitorCookie(attacker) });
    assert.equal(await nameOf(others[round % others.length]), "canary", `after ${3 * (round + 1)} requests`);
  }
  const { phase, lastLook } = await rollout(serin);
  assert.equal(phase, "progressing", lastLook?.sentence);
});

test("a visitor with very many good requests does not hide a canary that fails for everybody else", async (t) => {
  let asked = 0;
  const path = () => (asked++ % 10 === 0 ? "/?canary=status:503&stable=name&quiet" : "/?both=name&quiet");
  const { serin } = await startSite(t, { connections: 2, path });
  let good = 0;
  repeat(t, 14, async () => {
    await serin.request("/?both=name&quiet", { headers: visitorCookie(900_000) });
    good += 1;
  });
  const { rollout: ended } = await serin.status(({ rollout: { phase } }) => phase === "rolled-back");
  assert.equal(ended.phase, "rolled-back");
  t.diagnostic(`after ${asked} requests of the site and ${good} of the visitor`);
});

/** Waits until `check` holds for the rollout. Throws at once if the canary was rolled back meanwhile. */
async function whileJudged(serin, check) {
  const ended = await eventually(async () => {
    const state = await rollout(serin);
    if (state.phase !== "progressing") return state;
    check(state);
  }, { within: BUSY_MACHINE });
  assert.equal(ended, undefined, `${ended?.phase}: ${ended?.lastLook?.sentence}`);
}

test("an incident on both variants does not roll the canary back, however many visitors fail", async (t) => {
  const { serin } = await startSite(t, { path: () => "/?both=status:503&quiet" });
  await whileJudged(serin, ({ figures }) => assert.ok(figures?.stable?.failedVisitors > 2_000, "many visitors have failed"));
});

test("thousands of identities that fail on both variants do not hide a canary that then fails for one visitor in 25", async (t) => {
  let asked = 0;
  let isBad = false;
  const path = () => (isBad && asked++ % 25 === 0 ? "/?canary=status:503&stable=name&quiet" : "/?both=name&quiet");
  const { serin } = await startSite(t, { visitors: 900_000, connections: 8, path });
  // The harness has no client addresses: no limit on the visitors of one network protects the analysis.
  let identities = 0;
  const attacker = new Client(serin.port, 16);
  t.after(() => attacker.close());
  const stop = repeat(t, 16, async () => {
    await attacker.request("/?both=status:503&quiet", { headers: visitorCookie(1_000_000 + identities++) });
  });
  await whileJudged(serin, () => assert.ok(identities >= 8_600));
  await stop();
  isBad = true;
  const begun = Date.now();
  const { phase, lastLook } = await eventually(async () => {
    const state = await rollout(serin);
    assert.notEqual(state.phase, "progressing", state.lastLook?.sentence);
    return state;
  }, { within: BUSY_MACHINE });
  assert.equal(phase, "rolled-back", lastLook?.sentence);
  t.diagnostic(`${((Date.now() - begun) / 1_000).toFixed(1)} s and ${asked} requests of the site after ${identities} identities`);
});
