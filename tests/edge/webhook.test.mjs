// Messages to the webhook: each is a row of the audit under the same number, and as docs/webhook.schema.json has it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import test from "node:test";
import Ajv from "ajv/dist/2020.js";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const DOCS = join(import.meta.dirname, "..", "..", "docs");
const SCHEMA = JSON.parse(await readFile(join(DOCS, "webhook.schema.json"), "utf8"));
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(SCHEMA);
const HALF = { "canary-state": { enabled: true, percentage: 50 } };
const PLAN = { ...QUICK_PLAN, steps: [50, 100], hold: "1h" };
const QUIET = ["looked", "look-failed"];

function assertValid(message) {
  assert.ok(validate(message), JSON.stringify([validate.errors, message], null, 1));
  assert.deepEqual(Object.keys(message).filter((name) => !(name in SCHEMA.properties)), [], "every field is in the schema");
}

async function startReceiver(t) {
  const received = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    received.push(JSON.parse(body));
    response.end();
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return { received, vars: { WEBHOOK_URL: `http://127.0.0.1:${server.address().port}/hook`, SERVICE_NAME: "shop" } };
}

test("switches, halts, documents and a rollout are announced, each under its audit row's number", async (t) => {
  const { received, vars } = await startReceiver(t);
  const serin = await startSerin(t, { kv: HALF, vars });
  const done = async (method, path, body = {}) => {
    const answer = await serin.api(method, path, { actor: "ada", ...body }, { host: "shop.example" });
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
  };
  await done("PUT", "switches/maintenance", { on: true, reason: "database" });
  await done("PUT", "switches/maintenance", { on: false });
  await done("POST", "rollouts", { ...PLAN, id: "r1", reason: "release" });
  await done("PUT", "switches/disable_writes", { on: true, reason: "migration" });
  await done("POST", "halt", { reason: "pager" });
  await done("POST", "resume-canary");
  await done("POST", "rollouts/current/abort", { reason: "enough" });
  await done("PUT", "state", { state: { enabled: false, percentage: 0 } });
  await serin.status(({ outbox }) => outbox.length === 0);

  received.forEach(assertValid);
  const rows = (await serin.audit()).filter(({ action }) => !QUIET.includes(action));
  const shared = ({ seq, at, action, actor, reason }) => [seq, at, action, actor, reason];
  assert.deepEqual(received.map(shared), rows.map(shared), "one numbering");
  assert.deepEqual(received.map(({ text }) => text), rows.map(({ sentence }) => sentence));
  assert.ok(received.every(({ service, host, statusUrl }) => `${service} ${host} ${statusUrl}` === "shop shop.example http://shop.example/__serin/status"));
  const words = received.map(({ action, key, phase, percentage, halted }) => [action, key, phase, percentage, halted]).slice(0, 7);
  assert.deepEqual(words, [
    ["written", "ops:maintenance", null, null, false],
    ["cleared", "ops:maintenance", null, null, false],
    ["started", null, "progressing", 50, false],
    ["written", "ops:disable_writes", "progressing", 50, false],
    ["halted", null, "paused", 0, true],
    ["canary-resumed", null, "paused", 50, false],
    ["aborted", null, "aborted", 0, true],
  ]);
  for (const { actor, claimed } of received) assert.equal(claimed, actor === "ada");
});

test("an automatic rollback is announced with its reason and figures", async (t) => {
  const { received, vars } = await startReceiver(t);
  const serin = await startSerin(t, { kv: HALF, vars: { ...vars, SERVICE_NAME: "" } });
  const load = startLoad(t, serin, { path: () => "/?canary=status:503&stable=name&quiet" });
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "r1" })).status, 200);
  await serin.status(({ rollout }) => rollout.phase === "rolled-back");
  const message = await eventually(() => received.find(({ action }) => action === "rolled-back") ?? assert.fail("not yet"));
  await load.stop();
  assertValid(message);
  assert.deepEqual([message.actor, message.claimed, message.percentage, message.halted], ["controller", false, 0, true]);
  assert.match(message.reason, /visitors failed/);
  assert.equal(message.service, `127.0.0.1:${serin.port}`, "without a name the host has to do");
  const row = (await serin.audit()).find(({ seq }) => seq === message.seq);
  assert.deepEqual([row.action, row.reason], ["rolled-back", message.reason]);
});

test("the page's example is a message", async () => {
  const page = await readFile(join(DOCS, "webhook.md"), "utf8");
  const examples = [...page.matchAll(/```json\n([^]*?)```/g)].map(([, text]) => JSON.parse(text));
  assert.equal(examples.length, 1);
  examples.forEach(assertValid);
});
