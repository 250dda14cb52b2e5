// The kill switches: the requests that each one stops, the values that count as on, and the automatic end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const STATE = { "canary-state": { enabled: true, percentage: 100 } };
const WRITES = ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"];
const READS = ["GET", "HEAD", "OPTIONS"];

test("ops:disable_canary sends every visitor to stable, and back when it is cleared", async (t) => {
  const serin = await startSerin(t, { kv: STATE });
  assert.equal(await serin.variant(), "canary");
  await serin.kv({ ...STATE, "ops:disable_canary": "1" });
  await eventually(async () => assert.equal(await serin.variant(), "stable"));
  await serin.kv(STATE);
  await eventually(async () => assert.equal(await serin.variant(), "canary"));
  await serin.logged("switch-thrown", (line) => line.switch === "ops:disable_canary");
  await serin.logged("switch-cleared", (line) => line.switch === "ops:disable_canary");
});

test("ops:disable_writes refuses writes with an error that names the switch, and passes reads", async (t) => {
  const serin = await startSerin(t, { kv: { ...STATE, "ops:disable_writes": "1" } });
  for (const method of WRITES) refusal(await serin.request("/orders", { method }), "ops:disable_writes");
  for (const method of READS) assert.equal((await serin.request("/orders", { method })).status, 200, method);
  const seen = (await serin.journal()).filter(({ method }) => WRITES.includes(method));
  assert.deepEqual(seen, [], "no write reached a variant");
});

test("ops:maintenance refuses everything but /health", async (t) => {
  const serin = await startSerin(t, { kv: { ...STATE, "ops:maintenance": "1" } });
  for (const method of [...READS, ...WRITES]) {
    const answer = await serin.request("/", { method });
    if (method === "HEAD") assert.equal(answer.status, 503);
    else refusal(answer, "ops:maintenance");
  }
  assert.equal((await serin.request("/health")).status, 200);
  assert.deepEqual(
    (await serin.journal()).filter(({ path }) => path !== "/health"),
    [],
  );
});

test("maintenance outranks disabled writes, and both outrank the canary's share", async (t) => {
  const all = { "ops:maintenance": "1", "ops:disable_writes": "1", "ops:disable_canary": "1" };
  const serin = await startSerin(t, { kv: { ...STATE, ...all } });
  refusal(await serin.request("/", { method: "POST" }), "ops:maintenance");
  await serin.kvSettled({ ...STATE, ...all, "ops:maintenance": "0" });
  refusal(await serin.request("/", { method: "POST" }), "ops:disable_writes");
  assert.equal(await serin.variant(), "stable");
});

test("a few values mean off", async (t) => {
  const serin = await startSerin(t, { kv: STATE });
  for (const word of ["", "0", "false", "FALSE", "off", "Off", "no", "No"]) {
    await serin.kvSettled({ ...STATE, "ops:maintenance": word, "ops:disable_canary": word, "ops:disable_writes": word });
    assert.equal(await serin.variant({ method: "POST" }), "canary", JSON.stringify(word));
  }
});

test("any other value means on, valid or not", async (t) => {
  const serin = await startSerin(t, { kv: STATE });
  for (const word of ["1", "true", "TRUE", "on", "yes", "ture", "00", "-", "null", "{}", '{"reason":', "🐤"]) {
    await serin.kvSettled({ ...STATE, "ops:maintenance": word });
    assert.equal((await serin.request("/")).status, 503, JSON.stringify(word));
  }
});

test("a switch is off after its end, without another read", async (t) => {
  const until = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2_000);
  const serin = await startSerin(t, {
    kv: { ...STATE, "ops:maintenance": { reason: "moving the database", until: until.toISOString() } },
    // Only the first request reads KV: the end comes from the snapshot.
    vars: { REFRESH_SECONDS: "60" },
  });
  assert.equal((await serin.request("/")).status, 503);
  const { switches } = (await serin.health()).components;
  assert.equal(switches.on.length, 1);
  assert.equal(switches.on[0].name, "ops:maintenance");
  assert.equal(switches.on[0].reason, "moving the database");
  assert.equal(Date.parse(switches.on[0].until), until.getTime());

  await eventually(async () => assert.equal(await serin.variant(), "canary"));
  assert.ok(Date.now() >= until.getTime(), "not before its end");
});

test("an end in the past means off, and an unreadable end is ignored", async (t) => {
  const serin = await startSerin(t, { kv: { ...STATE, "ops:maintenance": { until: "2020-01-01T00:00:00Z" } } });
  assert.equal(await serin.variant(), "canary");
  await serin.kvSettled({ ...STATE, "ops:maintenance": { until: "tomorrow" } });
  assert.equal((await serin.request("/")).status, 503);
});

function refusal(answer, name) {
  assert.equal(answer.status, 503);
  assert.match(answer.headers["content-type"], /^application\/problem\+json/);
  assert.match(answer.headers["retry-after"], /^\d+$/);
  assert.equal(answer.json.status, 503);
  assert.ok(answer.text.includes(name), `${answer.text} names ${name}`);
}
