// A panic leaves the Wasm instance unusable. Stable answers requests that may be sent (again), and the next request gets a fresh instance.
// The Worker under test is the build that panics where the header `x-serin-panic` says.

import assert from "node:assert/strict";
import test from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const ALL = { "canary-state": { enabled: true, percentage: 100 } };
const panicAt = (place) => ({ "x-serin-panic": place });

test("a panic loses nothing but a write without a body, and the next request is served as before", async (t) => {
  const serin = await startSerin(t, { kv: ALL, panics: true });
  assert.equal(await serin.variant(), "canary");
  for (const [method, body] of [["GET"], ["HEAD"], ["OPTIONS"], ["POST", "x"]]) {
    const answer = await serin.request("/trap", { method, body, headers: panicAt("route") });
    assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "stable"], method);
    if (body) assert.equal(answer.json.length, body.length);
    assert.equal(await serin.variant(), "canary");
  }
  // The write may have been sent, so it must not be repeated.
  assert.equal((await serin.request("/trap", { method: "DELETE", headers: panicAt("route") })).status, 500);
  assert.equal(await serin.variant(), "canary");
  assert.equal(serin.output.filter((line) => line.includes('"event":"panic"')).length, 5);
});

test("a panic after the canary's answer loses no answer, and no write is sent again", async (t) => {
  const serin = await startSerin(t, { kv: ALL, panics: true });
  assert.equal(await serin.variant(), "canary");
  for (const [method, body] of [["GET"], ["POST", "x"]]) {
    const answer = await serin.request("/trap", { method, body, headers: panicAt("answer") });
    assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "canary"], method);
  }
  const failing = "/trap?canary=status:503";
  const headers = panicAt("answer");
  assert.equal((await serin.request(failing, { headers })).headers["x-variant"], "stable");
  assert.equal((await serin.request(failing, { method: "POST", body: "x", headers })).headers["x-variant"], "canary");
  const posts = (await serin.journal()).filter(({ method }) => method === "POST").map(({ variant }) => variant);
  assert.deepEqual(posts, ["canary", "canary"]);
});

test("requests that wait for the first policy of an instance that panics wait for the next instance's", async (t) => {
  const serin = await startSerin(t, { kv: ALL, mode: { kind: "hang", first: 2 }, panics: true });
  const waiting = [serin.request("/first"), serin.request("/first", { method: "POST", body: "x" })];
  await eventually(async () => assert.ok((await serin.reads()).length >= 2, "both are reading"));
  // The reads of the next instance are answered.
  assert.equal((await serin.request("/trap", { headers: panicAt("route") })).headers["x-variant"], "stable");
  for (const answer of await Promise.all(waiting)) assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "canary"]);
});

test("a panic in a background task loses no request, and the next request is served as before", async (t) => {
  const serin = await startSerin(t, { kv: ALL, panics: true });
  assert.equal(await serin.variant(), "canary");
  const underWay = serin.request("/?canary=late:500");
  for (const [method, body] of [["GET"], ["HEAD"], ["POST", "x"], ["DELETE"]]) {
    const panicked = serin.output.filter((line) => line.includes("panic")).length;
    const answer = await serin.request("/", { method, body, headers: panicAt("background") });
    assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "canary"], method);
    await eventually(() => assert.ok(serin.output.filter((line) => line.includes("panic")).length > panicked, "it has panicked"));
    assert.equal(await serin.variant(), "canary");
  }
  assert.equal((await underWay).text, "canary at last");
  assert.equal((await serin.journal()).filter(({ method }) => method !== "GET").length, 3, "no request was sent twice");
  // The isolate still follows KV.
  await serin.kvSettled({ "canary-state": { enabled: true, percentage: 0 } });
  assert.equal(await serin.variant(), "stable");
});
