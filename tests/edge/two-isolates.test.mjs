// Two isolates of one Worker, which share KV and the objects and nothing else, as on two machines of a location.

import assert from "node:assert/strict";
import { test } from "node:test";
import { expected } from "./harness/bucket.mjs";
import { visitorCookie, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const OFF = { "canary-state": { enabled: false, percentage: 0 } };
const PLAN = { ...QUICK_PLAN, id: "r1", steps: [50, 100], hold: "1h", bake: "1h", settle: "100ms", lookEvery: "200ms" };
const sideOf = (visitor) => expected(visitorId(visitor), 50, PLAN.id);
const ON_CANARY = Array.from({ length: 40 }, (_, visitor) => visitor).filter((visitor) => sideOf(visitor) === "canary");

const nameOf = async (client, visitor) => (await client.request("/?both=name&quiet", { headers: visitorCookie(visitor) })).text.split(" ")[0];

/** Two isolates that carry out a rollout. */
async function start(t, percentage = 50) {
  const serin = await startSerin(t, { kv: OFF, others: [undefined] });
  const isolates = [serin.client, ...serin.others];
  const steps = percentage === 100 ? [100] : [percentage, 100];
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, steps })).status, 200);
  for (const client of isolates) {
    await eventually(async () => {
      for (let visitor = 0; visitor < 20; visitor += 1) {
        assert.equal(await nameOf(client, visitor), expected(visitorId(visitor), percentage, PLAN.id));
      }
    });
  }
  return { serin, isolates };
}

/** Requests of both variants that the controller has counted in this step. */
async function counted(serin) {
  const { canary, stable } = (await serin.api("GET", "status")).json.rollout.figures ?? {};
  return (canary?.requests ?? 0) + (stable?.requests ?? 0);
}

test("both isolates assign each visitor alike, and the requests of both count", async (t) => {
  const { serin, isolates } = await start(t);
  for (const client of isolates) {
    const before = await counted(serin);
    // An isolate counts from when it has heard of the rollout with its own reports.
    await eventually(async () => {
      for (let visitor = 100; visitor < 160; visitor += 1) assert.equal(await nameOf(client, visitor), sideOf(visitor));
      const now = await counted(serin);
      assert.ok(now >= before + 60, `${now - before} more`);
    }, { within: 60_000 });
  }
});

test("a halt reaches both isolates", async (t) => {
  const { serin, isolates } = await start(t);
  assert.equal((await serin.api("POST", "halt", { reason: "a test" })).status, 200);
  for (const client of isolates) {
    await eventually(async () => {
      for (const visitor of ON_CANARY) assert.equal(await nameOf(client, visitor), "stable");
    });
  }
});

for (const percentage of [50, 100]) {
  test(`a canary that fails in one isolate only is rolled back in both, at ${percentage} %`, async (t) => {
    const { serin, isolates } = await start(t, percentage);
    let running = true;
    const load = async (client, path) => {
      for (let visitor = 0; running; visitor += 1) await client.request(path, { headers: visitorCookie(visitor % 400) });
    };
    const paths = ["/?both=name&quiet", "/?canary=status:503&stable=name&quiet"];
    const loads = isolates.map((client, at) => load(client, paths[at]));
    try {
      const { rollout } = await serin.status(({ rollout }) => rollout.phase === "rolled-back");
      t.diagnostic(rollout.lastLook.sentence);
    } finally {
      running = false;
      await Promise.all(loads);
    }
    for (const client of isolates) {
      await eventually(async () => {
        for (const visitor of ON_CANARY) assert.equal(await nameOf(client, visitor), "stable");
      });
    }
  });
}
