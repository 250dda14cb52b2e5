// Documents that operators and older tools write into `canary-state`: accepted unchanged, or rejected whole with an explanation.

import assert from "node:assert/strict";
import { test } from "node:test";
import { expected } from "./harness/bucket.mjs";
import { visitorCookie, visitorId } from "./harness/client.mjs";
import { ADMIN_TOKEN, startSerin } from "./harness/workerd.mjs";

const GOOD = { enabled: true, percentage: 100 };

/** Invalid documents, and the field that /health must name. */
const REJECTED = {
  "no JSON": ["{enabled: true", "canary-state"],
  "an empty text": ["", "canary-state"],
  "a list": ["[]", "canary-state"],
  "null": ["null", "canary-state"],
  "a number": ["25", "canary-state"],
  "no enabled": [{ percentage: 5 }, "enabled"],
  "enabled as text": [{ enabled: "true", percentage: 5 }, "enabled"],
  "no percentage": [{ enabled: true }, "percentage"],
  "percentage as text": [{ enabled: true, percentage: "5" }, "percentage"],
  "more than all": [{ enabled: true, percentage: 100.001 }, "percentage"],
  "less than none": [{ enabled: true, percentage: -1 }, "percentage"],
  "finer than a thousandth": [{ enabled: true, percentage: 0.0005 }, "percentage"],
  "an unknown stickiness": [{ ...GOOD, stickiness: ["phase-of-moon"] }, "stickiness"],
  "stickiness as text": [{ ...GOOD, stickiness: "ip" }, "stickiness"],
  "rules as an object": [{ ...GOOD, rules: {} }, "rules"],
  "a rule that serves nobody": [{ ...GOOD, rules: [{ match: {}, serve: "blue" }] }, "serve"],
  "a rule's percentage out of range": [{ ...GOOD, rules: [{ match: {}, serve: { percentage: 101 } }] }, "percentage"],
  "fallback as text": [{ ...GOOD, fallback: "yes" }, "fallback"],
  "a salt that is a number": [{ ...GOOD, rolloutId: 7 }, "rolloutId"],
};

test("an invalid document is rejected whole: the last good policy stays, and /health and the log name the field", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": GOOD } });
  assert.equal(await serin.variant(), "canary");
  for (const [name, [document, field]] of Object.entries(REJECTED)) {
    await serin.kvSettled({ "canary-state": document });
    assert.equal(await serin.variant(), "canary", name);
    const { httpStatus, status, components } = await serin.health();
    assert.equal(httpStatus, 200, name);
    assert.equal(status, "degraded", name);
    assert.ok(components.policy.error.field.includes(field), `${name}: ${JSON.stringify(components.policy.error)}`);
    assert.ok(components.policy.error.message.length > 10, name);
    await serin.logged("policy-rejected", (line) => line.field === components.policy.error.field);
  }
  await serin.kvSettled({ "canary-state": { enabled: true, percentage: 0 } });
  assert.equal(await serin.variant(), "stable");
  const { status, components } = await serin.health();
  assert.equal(status, "ok");
  assert.equal(components.policy.error, undefined);
});

test("an isolate that has only read an invalid document serves stable", async (t) => {
  for (const [document] of Object.values(REJECTED).slice(0, 4)) {
    const serin = await startSerin(t, { kv: { "canary-state": document } });
    assert.equal(await serin.variant(), "stable");
    assert.equal((await serin.health()).status, "degraded");
  }
});

test("a document with a key twice is rejected, in KV and in the control API", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": GOOD } });
  assert.equal(await serin.variant(), "canary");
  const twice = '{"enabled":false,"percentage":100,"percentage":0}';
  await serin.kvSettled({ "canary-state": twice });
  assert.equal(await serin.variant(), "canary", "the last good policy stays");
  assert.match((await serin.logged("policy-rejected")).message, /percentage is there twice/);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
  for (const [method, path, body] of [["PUT", "state", `{"state":${twice}}`], ["POST", "rollouts", '{"schedule":"fast","id":"a","id":"b"}'], ["PUT", "switches/maintenance", '{"on":false,"on":true}']]) {
    const answer = await serin.request(`/__serin/${path}`, { method, headers, body });
    assert.deepEqual([answer.status, answer.json.type], [422, "urn:serin:invalid"], `${path}: ${answer.text}`);
    assert.match(answer.json.detail, /(percentage|id|on) is there twice/);
  }
});

test("switches apply with any document", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": "{{{", "ops:maintenance": "1" } });
  assert.equal((await serin.request("/")).status, 503);
});

test("no document means canary off, with a warning", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": GOOD } });
  assert.equal(await serin.variant(), "canary");
  await serin.kvSettled({});
  assert.equal(await serin.variant(), "stable");
  const { policy } = (await serin.health()).components;
  assert.equal(policy.warnings.length, 1);
});

test("a document of the older tooling works unchanged", async (t) => {
  const document = {
    enabled: true,
    percentage: 5,
    canaryWorker: "my-api-canary",
    stableWorker: "my-api-stable",
    canaryUrl: "https://my-api-canary.example.workers.dev",
    stableUrl: "https://my-api-stable.example.workers.dev",
    deployedAt: "2025-11-05T19:00:00Z",
  };
  const serin = await startSerin(t, { kv: { "canary-state": document } });
  for (let n = 0; n < 100; n += 1) {
    assert.equal(await serin.variant({ headers: visitorCookie(n) }), expected(visitorId(n), 5), `visitor ${n}`);
  }
  const { policy } = (await serin.health()).components;
  assert.equal(policy.status, "ok");
  assert.equal(policy.enabled, true);
  assert.equal(policy.percentage, 5);
  assert.equal(policy.canaryWorker, "my-api-canary");
});

test("enabled: false sends all to stable", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 100 } } });
  assert.equal(await serin.variant(), "stable");
});

test("fields of a newer schema are ignored, and the newer version is a warning", async (t) => {
  const document = { ...GOOD, schemaVersion: 2, shadow: { percentage: "all" }, $comment: [1, 2] };
  const serin = await startSerin(t, { kv: { "canary-state": document } });
  assert.equal(await serin.variant(), "canary");
  const { status, components } = await serin.health();
  assert.equal(status, "ok");
  assert.match(components.policy.warnings.join(), /schemaVersion 2/);
});

test("a policy change is one log line with the old and the new policy", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 5 } } });
  await serin.variant();
  await serin.kvSettled({ "canary-state": { enabled: true, percentage: 50, updatedBy: "alice" } });
  const change = await serin.logged("policy-changed", (line) => line.after?.percentage === 50);
  assert.equal(change.before.percentage, 5);
  assert.equal(change.after.updatedBy, "alice");
  await serin.kvSettled({ "canary-state": { enabled: true, percentage: 50, updatedBy: "alice" } });
  assert.equal(serin.logs("policy-changed").filter((line) => line.after?.percentage === 50).length, 1);
});

test("two splitters share a namespace by their key", async (t) => {
  const kv = { "canary-state": { enabled: true, percentage: 0 }, "shop-state": GOOD };
  const serin = await startSerin(t, { kv, vars: { CANARY_STATE_KEY: "shop-state" } });
  assert.equal(await serin.variant(), "canary");
});
