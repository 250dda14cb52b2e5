// The dead man's switch: a canary that operators can no longer stop is stopped.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const ALL = { "canary-state": { enabled: true, percentage: 100 } };
const vars = { MAX_STALE_SECONDS: "1" };

for (const mode of [{ kind: "status", status: 500 }, { kind: "hang" }]) {
  test(`the canary is off after the policy has been unreadable for too long (KV: ${mode.kind}), and on again with it`, async (t) => {
    const serin = await startSerin(t, { kv: ALL, vars });
    assert.equal(await serin.variant(), "canary");
    const broken = performance.now();
    await serin.kv(undefined, mode);
    await eventually(async () => assert.equal(await serin.variant(), "stable"));
    // The last good read may have started up to a refresh interval before KV failed.
    assert.ok(performance.now() - broken > 500, "not at the first failed read");
    const { status, components } = await serin.health();
    assert.deepEqual([status, components.policy.status], ["degraded", "degraded"]);
    assert.ok(components.policy.ageSeconds >= 1);

    await serin.kv(undefined, { kind: "ok" });
    await eventually(async () => assert.equal(await serin.variant(), "canary"));
  });
}

test("switches that were on stay on", async (t) => {
  const serin = await startSerin(t, { kv: { ...ALL, "ops:disable_writes": "1" }, vars });
  assert.equal((await serin.request("/", { method: "POST" })).status, 503);
  await serin.kv(undefined, { kind: "status", status: 500 });
  await eventually(async () => assert.equal(await serin.variant(), "stable"));
  assert.equal((await serin.request("/", { method: "POST" })).status, 503);
});

test("a document that stays invalid counts as unreadable, and ends the canary after the same time", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars });
  await serin.variant();
  await serin.kvSettled({ "canary-state": "not a document" });
  assert.equal(await serin.variant(), "canary", "the last good policy stays for a while");
  await eventually(async () => assert.equal(await serin.variant(), "stable"));
  assert.equal((await serin.health()).components.policy.error.field, "canary-state");
});
