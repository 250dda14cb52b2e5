// Switches that are ordered through the control API while KV fails or lags, or while the controller cannot store: an order holds until KV
// has it, and it succeeds where one of its two ways works.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const ALL = { "canary-state": { enabled: true, percentage: 100 } };
/** Longer than KV takes to reach every location. */
const LONG_AFTER = 600;
const FAILS = { kind: "status", status: 503 };
const REASON = '{"reason":"database"}';

const order = (serin, name, on) => serin.api("PUT", `switches/${name}`, { on, actor: "ada", reason: "database" });
const write = async (serin) => (await serin.request("/?both=name", { method: "POST", body: "x" })).status;
const held = async (serin) => (await serin.health()).components.switches.on;
/** Several refresh intervals with a request in each. */
async function refreshes(serin, check, times = 6) {
  for (let n = 0; n < times; n += 1) {
    await check();
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
}

test("a switch that is ordered while KV lags stays on until KV has it, and from then on KV decides", async (t) => {
  const serin = await startSerin(t, { kv: ALL, lab: true });
  assert.equal(await write(serin), 200);
  await serin.kv(undefined, { kind: "lag" });
  const ordered = Date.now();
  const { json } = await order(serin, "disable_writes", true);
  assert.deepEqual([json.already, json.before, json.after.on], [false, { on: false }, true]);
  await eventually(async () => assert.equal(await write(serin), 503));
  await serin.clockAhead(LONG_AFTER);
  await refreshes(serin, async () => assert.equal(await write(serin), 503));
  const [{ name, heldBy, since }] = await held(serin);
  assert.deepEqual([name, heldBy], ["ops:disable_writes", "controller"]);
  assert.ok(Math.abs(Date.parse(since) - ordered) < 5_000, since);
  assert.equal((await serin.status()).switches.disable_writes.heldBy, "controller");

  await serin.kv(undefined, { kind: "ok" });
  await eventually(async () => assert.deepEqual((await held(serin)).map(({ heldBy }) => heldBy), ["kv"]));
  await eventually(async () => {
    await write(serin);
    assert.equal((await serin.status()).switches.disable_writes.heldBy, "kv");
  });
  await serin.kv(ALL);
  await eventually(async () => assert.equal(await write(serin), 200));
  await refreshes(serin, async () => assert.equal(await write(serin), 200));
  assert.equal((await serin.status()).switches.disable_writes.on, false);
});

test("a switch that is ordered while KV fails stays on, is written when KV works again, and says who holds it", async (t) => {
  const serin = await startSerin(t, { kv: ALL, lab: true });
  assert.equal(await write(serin), 200);
  await serin.kv(undefined, FAILS, FAILS);
  const answer = await order(serin, "disable_writes", true);
  assert.deepEqual([answer.status, answer.json.already], [200, false]);
  assert.match(answer.json.failed.kv, /503/);
  assert.equal(answer.json.failed.controller, undefined);
  await eventually(async () => assert.equal(await write(serin), 503));
  assert.deepEqual((await serin.status()).outbox, ["switch"]);
  await serin.clockAhead(LONG_AFTER);
  await refreshes(serin, async () => assert.equal(await write(serin), 503));
  assert.deepEqual((await held(serin)).map(({ heldBy }) => heldBy), ["controller"]);
  assert.equal((await serin.status()).switches.disable_writes.heldBy, "controller");

  await serin.kv(undefined, { kind: "ok" }, { kind: "ok" });
  await eventually(async () => assert.equal((await serin.values())["ops:disable_writes"], REASON), { within: 60_000 });
  await serin.status(({ outbox }) => outbox.length === 0);
  await eventually(async () => assert.deepEqual((await held(serin)).map(({ heldBy }) => heldBy), ["kv"]));
});

test("a halt holds while KV fails, however long, and the status says who holds it", async (t) => {
  const serin = await startSerin(t, { kv: ALL, lab: true });
  assert.equal(await serin.variant(), "canary");
  await serin.kv(undefined, FAILS, FAILS);
  assert.equal((await serin.api("POST", "halt", { actor: "ada", reason: "pager" })).status, 200);
  await eventually(async () => assert.equal(await serin.variant(), "stable"));
  await serin.kv(undefined, { kind: "ok" }, { kind: "ok" });
  await serin.clockAhead(LONG_AFTER);
  await refreshes(serin, async () => assert.equal(await serin.variant(), "stable"));
  assert.equal((await serin.status()).halt.heldBy, "controller");
  const { halt } = (await serin.health()).components;
  assert.equal(halt.heldBy, "controller");
  assert.ok(Date.parse(halt.since) > 0);
});

test("an order off ends a switch while KV lags, and a switch that is turned on by hand later holds", async (t) => {
  const on = { ...ALL, "ops:disable_writes": "1" };
  const serin = await startSerin(t, { kv: on, lab: true });
  assert.equal(await write(serin), 503);
  await serin.kv(undefined, { kind: "lag" });
  const { already, before, after } = (await order(serin, "disable_writes", false)).json;
  assert.deepEqual([already, before.on, after], [false, true, { on: false }]);
  await eventually(async () => assert.equal(await write(serin), 200));
  await refreshes(serin, async () => assert.equal(await write(serin), 200));
  // KV never showed that the key was gone before the key was written again.
  await serin.kv(on, { kind: "ok" });
  await serin.clockAhead(LONG_AFTER);
  await eventually(async () => assert.equal(await write(serin), 503));
});

test("a switch that is turned on by hand right after an order off holds at once", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { REFRESH_SECONDS: "1" } });
  assert.equal(await write(serin), 200);
  for (const value of ["incident", "another incident"]) {
    assert.equal((await order(serin, "disable_writes", false)).status, 200);
    await serin.kv({ ...ALL, "ops:disable_writes": value });
    await eventually(async () => assert.equal(await write(serin), 503), { within: 20_000 });
    assert.equal((await order(serin, "disable_writes", false)).status, 200);
    await eventually(async () => assert.equal(await write(serin), 200), { within: 20_000 });
  }
});

test("orders are decided by what the controller knows, and not by an old value in KV", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  await serin.kv(undefined, { kind: "lag" });
  const already = async (on) => (await order(serin, "maintenance", on)).json.already;
  assert.deepEqual([await already(true), await already(true), await already(false), await already(false)], [false, true, false, true]);
  assert.deepEqual(Object.keys(await serin.values()), ["canary-state"], "off reached KV although reads say that it was off already");
  assert.equal(await already(true), false);
  assert.ok((await serin.values())["ops:maintenance"]);
  await eventually(async () => assert.equal((await serin.request("/")).status, 503));
});

test("a switch that was cleared in KV by hand is on again when it is ordered again", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  await order(serin, "disable_writes", true);
  await eventually(async () => assert.deepEqual((await held(serin)).map(({ heldBy }) => heldBy), ["kv"]));
  await serin.kv(ALL);
  await eventually(async () => assert.equal(await write(serin), 200));
  assert.equal((await order(serin, "disable_writes", true)).status, 200);
  assert.ok((await serin.values())["ops:disable_writes"]);
  await eventually(async () => assert.equal(await write(serin), 503));
});

test("KV hangs: a switch and a halt succeed through the controller, and the answer says that KV did not", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  assert.equal(await serin.variant(), "canary");
  await serin.kv(undefined, { kind: "hang" }, { kind: "hang" });
  const answer = await order(serin, "disable_writes", true);
  assert.deepEqual([answer.status, answer.json.already], [200, false]);
  assert.match(answer.json.failed.kv, /no answer within/);
  await eventually(async () => assert.equal(await write(serin), 503));
  assert.equal((await serin.api("POST", "halt", { actor: "ada", reason: "pager" })).status, 200);
  await eventually(async () => assert.equal(await serin.variant(), "stable"));
});

for (const failure of ["full", "throw", "hang"]) {
  test(`the controller cannot store (${failure}): a switch and a halt succeed through KV, and the answer says that it did not`, async (t) => {
    const serin = await startSerin(t, { kv: ALL, lab: true });
    assert.equal(await serin.variant(), "canary");
    await serin.misbehave("controller", failure);
    const answer = await order(serin, "disable_writes", true);
    assert.deepEqual([answer.status, answer.json.already], [200, false], answer.text);
    assert.ok(answer.json.failed.controller, answer.text);
    assert.equal((await serin.values())["ops:disable_writes"], REASON);
    await eventually(async () => assert.equal(await write(serin), 503));
    const cleared = await order(serin, "disable_writes", false);
    assert.equal(cleared.status, 200);
    await eventually(async () => assert.equal(await write(serin), 200));

    const halt = await serin.api("POST", "halt", { actor: "ada", reason: "pager" });
    assert.equal(halt.status, 200, halt.text);
    assert.match(halt.json.failed.controller, /ops:disable_canary/);
    assert.match((await serin.values())["ops:disable_canary"], /pager/);
    await eventually(async () => assert.equal(await serin.variant(), "stable"));
    await serin.misbehave("controller", "ok");
    assert.equal((await serin.api("POST", "resume-canary", { actor: "ada" })).status, 200);
    assert.deepEqual(Object.keys(await serin.values()), ["canary-state"]);
    await eventually(async () => assert.equal(await serin.variant(), "canary"));

    await serin.misbehave("controller", failure);
    await serin.kv(undefined, undefined, FAILS);
    const neither = await order(serin, "maintenance", true);
    assert.deepEqual([neither.status, neither.json.type], [503, "urn:serin:unavailable"]);
    assert.match(neither.json.detail, /controller.*KV/);
  });
}
