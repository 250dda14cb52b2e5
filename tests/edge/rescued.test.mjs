// Outcome of the canary's failed requests: stable answered them, or a client saw the failure.

import assert from "node:assert/strict";
import test from "node:test";
import { expected } from "./harness/bucket.mjs";
import { visitorCookie, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const PLAN = { ...QUICK_PLAN, id: "r1", steps: [50, 100], hold: "1h" };
const FAILS = "/?canary=status:503&stable=name&quiet";
const VISITORS = Array.from({ length: 400 }, (_, number) => number).filter((number) => expected(visitorId(number), 50, "r1") === "canary");

test("failed canary requests that stable answered and that clients saw are counted, and a rollback's audit row says so", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 0 } }, vars: { REFRESH_SECONDS: 0.2 } });
  assert.equal((await serin.api("POST", "rollouts", PLAN)).status, 200);
  const visit = (number, options) => serin.request(FAILS, { ...options, headers: visitorCookie(number) });
  await eventually(async () => {
    await visit(0);
    const status = await serin.status();
    assert.ok(status.telemetry.lastReport, "isolates know of the rollout");
  });
  const before = (await serin.status()).rollout.impact;
  const read = await visit(VISITORS[0]);
  const written = await visit(VISITORS[1], { method: "POST", body: "x" });
  assert.deepEqual([read.status, written.status], [200, 503], "stable answers what may be sent again");
  const { rollout } = await serin.status(({ rollout }) => rollout.impact.failed >= before.failed + 2);
  assert.deepEqual(rollout.impact, { failed: before.failed + 2, rescued: before.rescued + 1, seen: before.seen + 1 });
  const metrics = (await serin.api("GET", "metrics")).text;
  assert.match(metrics, new RegExp(`^serin_rollout_rescued ${rollout.impact.rescued}$`, "m"));
  assert.match(metrics, new RegExp(`^serin_rollout_seen_failures ${rollout.impact.seen}$`, "m"));

  let next = 2;
  await eventually(async () => {
    for (let request = 0; request < 5; request++) await visit(VISITORS[next++ % VISITORS.length]);
    assert.equal((await serin.status()).rollout.phase, "rolled-back");
  });
  const [row] = (await serin.audit()).filter(({ action }) => action === "rolled-back");
  const [, failed, rescued, seen] = /Of (\d+) failed canary requests of this rollout, stable answered (\d+); clients saw (\d+)\.$/.exec(row.reason).map(Number);
  assert.ok(failed > 2 && rescued + seen === failed && seen >= 1, row.reason);
  const end = (await serin.status()).rollout.impact;
  assert.deepEqual([end.failed, end.seen], [failed, seen], "the numbers stay");
});
