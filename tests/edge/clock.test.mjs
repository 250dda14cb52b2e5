// A clock that jumps: nothing that is due waits until the clock has caught up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const HOUR = 3_600;
const ALL = { "canary-state": { enabled: true, percentage: 100 } };
const PLAN = { ...QUICK_PLAN, id: "r1", steps: [50, 100] };

for (const [name, jump] of [["back", -HOUR], ["ahead", HOUR]]) {
  test(`the clock jumps an hour ${name}: the policy is still read, and orders still arrive`, async (t) => {
    const serin = await startSerin(t, { kv: ALL, lab: true });
    assert.equal(await serin.variant(), "canary");
    await serin.clockAhead(jump);
    await serin.kv({ "canary-state": { enabled: true, percentage: 0 } });
    await eventually(async () => assert.equal(await serin.variant(), "stable"));
    await serin.kv(ALL);
    await eventually(async () => assert.equal(await serin.variant(), "canary"));
    assert.equal((await serin.api("POST", "halt", { reason: "pager" })).status, 200);
    await eventually(async () => assert.equal(await serin.variant(), "stable"));
    assert.equal((await serin.health()).components.policy.ageSeconds, 0);
  });

  test(`the clock jumps an hour ${name} in a rollout: it completes`, async (t) => {
    const serin = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 0 } }, lab: true });
    const load = startLoad(t, serin);
    assert.equal((await serin.api("POST", "rollouts", PLAN)).status, 200);
    await serin.status(({ rollout }) => rollout.lastLook !== null);
    await serin.clockAhead(jump);
    await serin.status(({ rollout }) => rollout.percentage === 100);
    await serin.status(({ rollout }) => rollout.phase === "completed");
    const answers = await load.stop();
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  });
}

test("the clock jumps an hour back while the breaker is open: the canary is tried again", async (t) => {
  const serin = await startSerin(t, { kv: ALL, lab: true });
  for (let n = 0; n < 12; n += 1) await serin.request("/?canary=throw&stable=name");
  await serin.logged("breaker", ({ state }) => state === "open");
  await serin.clockAhead(-HOUR);
  await eventually(async () => assert.equal(await serin.variant(), "canary"), { within: 20_000 });
});
