// Requests that wait for the policy: those of a cold isolate, and those that write where the policy is old. Nobody else waits.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const ALL = { "canary-state": { enabled: true, percentage: 100 } };
const NO_WRITES = { ...ALL, "ops:disable_writes": "1" };
const SLOW = { kind: "slow", milliseconds: 400 };
/** Only requests that need it read the policy again. */
const IDLE = { REFRESH_SECONDS: "3600" };
/** Time that a busy machine may add, in ms. */
const SLACK = 500;

const write = async (serin, method = "POST") => (await serin.request("/?both=name", { method })).status;
const timed = async (ask) => {
  const begun = performance.now();
  return { answer: await ask(), took: performance.now() - begun };
};

for (const vars of [{}, { REFRESH_SECONDS: "5" }]) {
  test(`a cold isolate refuses writes although KV is slow (refresh: ${vars.REFRESH_SECONDS ?? "default of the tests"})`, async (t) => {
    const serin = await startSerin(t, { kv: NO_WRITES, mode: SLOW, vars });
    const methods = ["POST", "DELETE", "PUT", "PATCH"];
    assert.deepEqual(await Promise.all(methods.map((method) => write(serin, method))), methods.map(() => 503));
    assert.deepEqual(await serin.journal(), [], "no write reached a variant");
  });
}

for (const late of [0, 60]) {
  test(`a cold isolate waits for a write at most 2 s, and for a read at most 250 ms, where nothing answers (timers ${late} ms late)`, async (t) => {
    const serin = await startSerin(t, { kv: NO_WRITES, mode: { kind: "hang" }, lab: true });
    await serin.misbehave("metrics", "hang");
    await serin.delayTimers(late);
    const [read, written] = await Promise.all([timed(() => serin.variant()), timed(() => write(serin))]);
    assert.equal(read.answer, "stable");
    assert.ok(read.took < 250 + SLACK, `a read took ${read.took} ms`);
    assert.equal(written.answer, 200, "nobody knows of the switch");
    assert.ok(written.took >= 1_990 && written.took < 2_000 + SLACK, `a write took ${written.took} ms`);
  });
}

test("a cold isolate takes over what its location has read, where KV hangs", async (t) => {
  const serin = await startSerin(t, { kv: NO_WRITES, separate: true });
  for (let n = 0; n < 3; n += 1) {
    assert.equal(await write(serin), 503);
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  await eventually(async () => assert.equal((await serin.health()).status, "degraded"));
  await serin.kv(undefined, { kind: "hang" });
  await serin.killAndRestart();
  const { answer, took } = await timed(() => write(serin));
  assert.equal(answer, 503);
  assert.ok(took < 1_900, `it did not wait for KV: ${took} ms`);
  assert.equal(await serin.variant(), "canary");
});

test("an order through the API reaches a cold isolate, where KV hangs", async (t) => {
  const serin = await startSerin(t, { kv: ALL, separate: true });
  assert.equal(await write(serin), 200);
  await serin.kv(undefined, { kind: "hang" }, { kind: "hang" });
  assert.equal((await serin.api("PUT", "switches/disable_writes", { on: true, reason: "x" })).status, 200);
  await eventually(async () => assert.equal(await write(serin), 503));
  await serin.killAndRestart();
  assert.equal(await write(serin), 503);
});

test("an idle isolate asks before it lets a write through, and not before a read", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: IDLE, lab: true });
  assert.equal(await write(serin), 200);
  await serin.clockAhead(29);
  await serin.kv(NO_WRITES, SLOW);
  assert.equal(await write(serin), 200, "the policy is young enough");
  await serin.clockAhead(31);
  const read = await timed(() => serin.variant());
  assert.equal(read.answer, "canary");
  assert.ok(read.took < SLOW.milliseconds, `a read took ${read.took} ms`);
  const writes = await Promise.all(Array.from({ length: 29 }, () => write(serin)));
  assert.deepEqual([...new Set(writes)], [503]);
});

test("MAX_SWITCH_AGE_SECONDS is how old the policy may be for a write", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { ...IDLE, MAX_SWITCH_AGE_SECONDS: "100" }, lab: true });
  assert.equal(await write(serin), 200);
  await serin.kv(NO_WRITES);
  await serin.clockAhead(99);
  assert.equal(await write(serin), 200);
  await serin.clockAhead(101);
  assert.equal(await write(serin), 503);
});

test("a switch that was cleared while the isolate was idle stops no write", async (t) => {
  const serin = await startSerin(t, { kv: NO_WRITES, vars: IDLE, lab: true });
  assert.equal(await write(serin), 503);
  await serin.kv(ALL);
  await serin.clockAhead(31);
  assert.equal(await write(serin), 200);
});

test("after a long idle time the canary's visitors are the canary's where KV is healthy, and stable's where it is not", async (t) => {
  const serin = await startSerin(t, { kv: ALL, lab: true });
  assert.equal(await serin.variant(), "canary");
  for (const idle of [301, 3_600]) {
    await serin.clockAhead(idle);
    assert.equal(await serin.variant(), "canary", `${idle} s later`);
  }
  await serin.kv(undefined, { kind: "hang" });
  await serin.clockAhead(7_200);
  const { answer, took } = await timed(() => serin.variant());
  assert.equal(answer, "stable");
  assert.ok(took >= 240 && took < 250 + SLACK, `${took} ms`);
});

test("250 requests at once in a cold isolate share their reads of KV: one in 100 ms", async (t) => {
  const serin = await startSerin(t, { kv: ALL, mode: { kind: "slow", milliseconds: 60 }, vars: IDLE });
  const client = new Client(serin.port, 250);
  t.after(() => client.close());
  const begun = performance.now();
  const answers = await Promise.all(Array.from({ length: 250 }, () => client.request("/?both=name", { method: "POST" })));
  assert.deepEqual([...new Set(answers.map(({ text }) => text.split(" ")[0]))], ["canary"]);
  const took = performance.now() - begun;
  const reads = (await serin.reads()).length;
  // A request that has waited 100 ms for another's read reads as well, and a busy machine takes longer for all of this.
  assert.ok(reads <= 1 + took / 100, `${reads} reads in ${took} ms`);
});

test("the client whose request reads for the others leaves: the others are answered all the same", async (t) => {
  const serin = await startSerin(t, { kv: NO_WRITES, mode: { kind: "slow", milliseconds: 1_000 }, vars: IDLE });
  let leave;
  const left = serin.client.open("/", { method: "POST", agent: false }, (outgoing) => {
    leave = () => outgoing.destroy();
    outgoing.end();
  });
  await eventually(async () => assert.ok((await serin.reads()).length > 0));
  const others = Array.from({ length: 7 }, () => timed(() => write(serin)));
  leave();
  await assert.rejects(left);
  for (const { answer, took } of await Promise.all(others)) {
    assert.equal(answer, 503);
    assert.ok(took < 2_000, `${took} ms`);
  }
});
