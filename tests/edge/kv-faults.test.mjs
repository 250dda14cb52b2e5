// KV that is missing, fails, hangs, is slow or returns garbage: traffic continues, and /health and the log report the fault.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const ALL = { "canary-state": { enabled: true, percentage: 100 } };

const FAULTS = {
  "answers 500": { kind: "status", status: 500 },
  "answers 429": { kind: "status", status: 429 },
  throws: { kind: "throw" },
  "answers garbage": { kind: "garbage" },
  "breaks off in the middle": { kind: "truncated" },
};

for (const [name, mode] of Object.entries(FAULTS)) {
  test(`KV ${name}: the last good policy stays, then the next one is read`, async (t) => {
    const serin = await startSerin(t, { kv: ALL });
    assert.equal(await serin.variant(), "canary");
    await serin.kvSettled(undefined, mode);
    assert.equal(await serin.variant(), "canary");
    const { httpStatus, status, components } = await serin.health();
    assert.deepEqual([httpStatus, status], [200, "degraded"]);
    assert.notEqual(components.kv.status, "ok");
    await serin.logged("policy-unreadable");

    await serin.kv({ "canary-state": { enabled: true, percentage: 0 } }, { kind: "ok" });
    await eventually(async () => assert.equal(await serin.variant(), "stable"));
    await serin.logged("policy-recovered");
    assert.equal((await serin.health()).status, "ok");
  });

  test(`KV ${name} from the start: stable serves`, async (t) => {
    const serin = await startSerin(t, { kv: ALL, mode });
    for (let n = 0; n < 5; n += 1) assert.equal(await serin.variant(), "stable");
    assert.equal((await serin.health()).status, "degraded");
    await serin.kv(undefined, { kind: "ok" });
    await eventually(async () => assert.equal(await serin.variant(), "canary"));
  });
}

test("KV hangs: requests do not wait for it, and the last good policy stays", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  assert.equal(await serin.variant(), "canary");
  await serin.kv(undefined, { kind: "hang" });
  const before = (await serin.reads()).length;
  await eventually(async () => {
    assert.equal(await serin.variant(), "canary");
    assert.ok((await serin.reads()).length > before, "a read hangs");
  });
  for (let n = 0; n < 20; n += 1) {
    const { took, variant } = await timed(serin);
    assert.equal(variant, "canary");
    assert.ok(took < 250, `a request took ${took} ms`);
  }
  const started = performance.now();
  const { httpStatus, status, components } = await serin.health();
  assert.ok(performance.now() - started < 1_000, "/health answers within a second");
  assert.deepEqual([httpStatus, status, components.kv.status], [200, "degraded", "down"]);
});

test("KV hangs and a new isolate has no policy: its first answer comes within 250 ms, from stable", async (t) => {
  const serin = await startSerin(t, { kv: ALL, mode: { kind: "hang" } });
  const { took, variant } = await timed(serin);
  assert.equal(variant, "stable");
  // The time above 250 ms is the start of a process that compiles Wasm on a busy machine.
  assert.ok(took < 700, `the first request took ${took} ms`);
  assert.equal((await timed(serin)).variant, "stable");
});

test("KV is slow: the first requests of an isolate use its policy if it arrives in time", async (t) => {
  const serin = await startSerin(t, { kv: ALL, mode: { kind: "slow", milliseconds: 50 } });
  const first = await Promise.all([serin.variant(), serin.variant(), serin.variant()]);
  assert.deepEqual(first, ["canary", "canary", "canary"]);
});

test("KV is slower than an isolate's first request may wait: stable at first, the policy as soon as it arrives", async (t) => {
  const serin = await startSerin(t, { kv: ALL, mode: { kind: "slow", milliseconds: 900 } });
  assert.equal(await serin.variant(), "stable");
  await eventually(async () => assert.equal(await serin.variant(), "canary"));
});

test("a read that hangs does not block later reads", async (t) => {
  const serin = await startSerin(t, { kv: ALL, mode: { kind: "hang" } });
  assert.equal(await serin.variant(), "stable");
  await serin.kv(undefined, { kind: "ok" });
  await eventually(async () => assert.equal(await serin.variant(), "canary"));
});

test("without a KV binding stable serves and /health names the missing binding", async (t) => {
  const serin = await startSerin(t, { kv: ALL, without: ["CANARY_STATE"] });
  assert.equal(await serin.variant(), "stable");
  const { httpStatus, status, components } = await serin.health();
  assert.deepEqual([httpStatus, status], [200, "degraded"]);
  assert.equal(components.kv.status, "down");
  assert.match(JSON.stringify(components.kv), /CANARY_STATE/);
});

test("the whole policy is one KV operation, at most once in a refresh interval, and none per request", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { REFRESH_SECONDS: "60" } });
  await Promise.all(Array.from({ length: 8 }, () => serin.variant()));
  const cold = await serin.reads();
  assert.ok(cold.every(({ bulk }) => bulk));
  const keys = ["canary-state", "ops:disable_canary", "ops:disable_writes", "ops:maintenance"];
  assert.deepEqual(Object.keys(cold[0].found).sort(), keys);
  for (let n = 0; n < 100; n += 1) await serin.variant();
  assert.equal((await serin.reads()).length, cold.length);
});

async function timed(serin) {
  const started = performance.now();
  const variant = await serin.variant();
  return { variant, took: Math.round(performance.now() - started) };
}
