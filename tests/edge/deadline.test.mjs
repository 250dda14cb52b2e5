// The canary's deadline: its length, the requests that it applies to, and its timer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const ALL = { "canary-state": { enabled: true, percentage: 100 } };
const HANGS = "/?canary=hang&stable=status:200";

test("a hanging canary has until its deadline: then stable answers what may be retried, and 504 the rest", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: "0.3" } });
  for (const [method, body] of [["GET"], ["HEAD"]]) {
    const begun = performance.now();
    const answer = await serin.request(HANGS, { method, body });
    const took = performance.now() - begun;
    assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "stable"], method);
    assert.ok(took >= 290 && took < 1_500, `${method} took ${took} ms`);
  }
  for (const method of ["DELETE"]) {
    const answer = await serin.request("/?canary=hang", { method });
    assert.equal(answer.status, 504, method);
    assert.deepEqual([answer.json.type, answer.json.status], ["urn:serin:late", 504]);
  }
  const sent = (await serin.journal()).map(({ variant, method }) => `${method} ${variant}`);
  assert.deepEqual(sent, ["GET canary", "GET stable", "HEAD canary", "HEAD stable", "DELETE canary"]);
  const { cause } = await serin.logged("fallback");
  assert.match(cause, /did not answer within 300 ms/);
});

test("the deadline applies to the head of a response: bodies, uploads and other protocols may take longer", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: "0.2" } });
  const { message } = await serin.client.open("/?canary=endless");
  let chunks = 0;
  const until = performance.now() + 600;
  for await (const _ of message) {
    chunks += 1;
    if (performance.now() > until) break;
  }
  assert.ok(chunks > 10, `${chunks} chunks in three deadlines`);

  // A slow upload. The canary responds after its end.
  const { message: counted } = await serin.client.open(
    "/?canary=count",
    { method: "POST", headers: { "transfer-encoding": "chunked" } },
    (outgoing) => {
      outgoing.write("a".repeat(1_000));
      setTimeout(() => outgoing.end("b"), 500);
    },
  );
  assert.equal(counted.statusCode, 200);
  counted.resume();
});

test("a short upload that its client sends slowly is answered by the canary as it is by stable", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: "0.2" } });
  const headers = { "content-length": "10" };
  const { message } = await serin.client.open("/?canary=count", { method: "POST", headers }, (outgoing) => {
    outgoing.write("a".repeat(9));
    setTimeout(() => outgoing.end("b"), 700);
  });
  assert.equal(message.statusCode, 200);
  message.resume();
});

test("a deadline of 0 is none", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: "0" } });
  assert.equal((await serin.request("/?canary=late:400")).text, "canary at last");
  assert.deepEqual(serin.logs("misconfigured"), []);
});

// Each canary request has its own timer, so neither an answered request nor a client that left affects the others.
test("an answered request or a client that left does not disturb the deadlines of others", async (t) => {
  const deadline = 800;
  const serin = await startSerin(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: String(deadline / 1_000) } });
  const answeredByStable = async () => {
    const begun = performance.now();
    const answer = await serin.request(HANGS);
    const took = performance.now() - begun;
    assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "stable"]);
    assert.ok(took >= deadline - 10 && took < deadline + 700, `${took} ms`);
  };
  assert.equal(await serin.variant(), "canary", "the canary answers the first request");
  await Promise.all([answeredByStable(), answeredByStable()]);

  let leave;
  const left = serin.client.open("/left?canary=hang", {}, (outgoing) => {
    leave = () => outgoing.destroy();
    outgoing.end();
  });
  await eventually(async () => assert.ok((await serin.journal()).some(({ path }) => path === "/left"), "it is with the canary"));
  leave();
  await assert.rejects(left);
  await answeredByStable();
});

test("a deadline of 17 seconds holds", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: "17" } });
  const begun = performance.now();
  const answer = await serin.request(HANGS);
  assert.deepEqual([answer.status, answer.headers["x-variant"]], [200, "stable"]);
  const took = performance.now() - begun;
  assert.ok(took >= 16_990 && took < 19_000, `${took} ms`);
});
