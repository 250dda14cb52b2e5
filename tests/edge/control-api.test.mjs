// The control API of the built Worker: authorization, refused requests, and the effect of commands at the edge.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { ADMIN_TOKEN, startSerin } from "./harness/workerd.mjs";

const HALF = { enabled: true, percentage: 50, rolloutId: "r0" };
const PLAN = { schedule: "custom", steps: [50, 100], hold: "1h", settle: "1h" };

test("only the whole token is accepted, and without a configured token none is", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const wrong = [undefined, "", "Bearer", `Bearer ${ADMIN_TOKEN.slice(0, -1)}`, `Bearer ${ADMIN_TOKEN}x`, `Basic ${ADMIN_TOKEN}`, ADMIN_TOKEN];
  for (const authorization of wrong) {
    for (const [method, path] of [["GET", "status"], ["POST", "halt"], ["GET", "nothing"], ["PUT", "state"]]) {
      const headers = authorization === undefined ? {} : { authorization };
      const answer = await serin.request(`/__serin/${path}`, { method, headers });
      assert.deepEqual([answer.status, answer.json.type], [401, "urn:serin:unauthorized"], `${authorization} ${path}`);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(answer.headers["cache-control"], "no-store");
    }
  }
  assert.equal((await serin.api("GET", "status")).status, 200);
  assert.equal((await serin.status()).halt, null, "nobody halted anything");
  assert.deepEqual(serin.output.filter((line) => line.includes(ADMIN_TOKEN)), []);

  const closed = await startSerin(t, { without: ["ADMIN_TOKEN"] });
  const answer = await closed.api("GET", "status");
  assert.deepEqual([answer.status, answer.json.type], [403, "urn:serin:forbidden"]);
  assert.match(answer.json.detail, /wrangler secret put ADMIN_TOKEN/);
});

test("a refusal names the field, the value and the accepted values", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const steps = (...all) => ({ schedule: "custom", steps: all });
  for (const [method, path, body, status, type, detail] of [
    ["GET", "nothing", undefined, 404, "not-found", undefined],
    ["POST", "status", {}, 405, "method-not-allowed", undefined],
    ["GET", "halt", undefined, 405, "method-not-allowed", undefined],
    ["POST", "rollouts", { schedule: "often" }, 422, "invalid", /schedule: "often" is not accepted, accepted: .*standard/],
    ["POST", "rollouts", steps(5, 3, 100), 422, "invalid", /steps\[1\].*3/],
    ["POST", "rollouts", { ...steps(100), hald: "1s" }, 422, "invalid", /hald/],
    ["POST", "halt", { reason: 7 }, 422, "invalid", /reason: 7 is not accepted/],
    ["POST", "halt", { reasn: "x" }, 422, "invalid", /reasn: is not known, accepted: one of actor, reason, epoch/],
    ["PUT", "switches/maintenance", { on: "yes" }, 422, "invalid", /on: "yes" is not accepted, accepted: true or false/],
    ["PUT", "switches/lights", { on: true }, 404, "not-found", undefined],
    ["PUT", "state", { state: { enabled: true, percentage: 101 } }, 422, "invalid", /percentage: 101 is not accepted/],
    ["GET", "audit?limit=0", undefined, 422, "invalid", /limit: 0 is not accepted/],
    ["POST", "rollouts/current/pause", {}, 409, "conflict", /there is no rollout to pause/],
  ]) {
    const answer = await serin.api(method, path, body);
    assert.deepEqual([answer.status, answer.json.type], [status, `urn:serin:${type}`], `${method} ${path}: ${answer.text}`);
    if (detail) assert.match(answer.json.detail, detail);
  }
  const big = await serin.api("PUT", "state", { state: { note: "x".repeat(70_000) } });
  assert.deepEqual([big.status, big.json.type], [413, "urn:serin:too-large"]);
  const form = await serin.api("POST", "halt", { reason: "x" }, { "content-type": "text/plain" });
  assert.deepEqual([form.status, form.json.type], [415, "urn:serin:not-json"]);
  assert.deepEqual(await serin.values(), { "canary-state": JSON.stringify(HALF) }, "nothing was written");
  assert.deepEqual(await serin.audit(), []);
});

test("a switch reaches busy isolates before KV does, and so does its end", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const on = await serin.api("PUT", "switches/maintenance", { on: true, actor: "ada", reason: "database" });
  const [OFF, DATABASE] = [{ on: false }, { on: true, reason: "database" }];
  assert.deepEqual([on.status, on.json], [200, { already: false, before: OFF, after: DATABASE }]);
  assert.deepEqual(await serin.values(), { "canary-state": JSON.stringify(HALF), "ops:maintenance": '{"reason":"database"}' });
  await eventually(async () => assert.equal((await serin.request("/")).status, 503));
  assert.equal((await serin.request("/")).json.detail, "database");
  const again = (await serin.api("PUT", "switches/maintenance", { on: true, reason: "database" })).json;
  assert.deepEqual([again.already, again.before.on, again.before.reason, again.after], [true, true, "database", DATABASE]);
  assert.equal((await serin.status()).switches.maintenance.reason, "database");

  const off = (await serin.api("PUT", "switches/maintenance", { on: false, actor: "ada" })).json;
  assert.deepEqual([off.already, off.before.on, off.before.reason, off.after], [false, true, "database", OFF]);
  assert.deepEqual(Object.keys(await serin.values()), ["canary-state"]);
  await eventually(async () => assert.equal((await serin.request("/")).status, 200));
  const rows = (await serin.audit()).map(({ actor, action, before, after, sentence }) => [actor, action, before, after, sentence]);
  const value = '{"reason":"database"}';
  assert.deepEqual(rows, [
    ["ada", "written", null, value, "ops:maintenance written by ada: database"],
    ["ada", "cleared", value, null, "ops:maintenance cleared by ada"],
  ]);
});

test("a switch that KV refuses still reaches busy isolates, and the response says that KV does not have it", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  await serin.kv(undefined, undefined, { kind: "status", status: 503 });
  const answer = await serin.api("PUT", "switches/disable_canary", { on: true, reason: "pager" });
  assert.deepEqual([answer.status, answer.json.already], [200, false]);
  assert.match(answer.json.failed.kv, /503/);
  const variants = async () => Promise.all(Array.from({ length: 20 }, () => serin.variant()));
  await eventually(async () => assert.deepEqual([...new Set(await variants())], ["stable"]));
});

test("a document is checked, written unchanged, and audited", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const state = { enabled: true, percentage: 10, rolloutId: "r1", note: "kept" };
  assert.deepEqual((await serin.api("GET", "state")).json, { state: HALF });
  const change = { already: false, before: { state: HALF }, after: { state } };
  assert.deepEqual((await serin.api("PUT", "state", { state, actor: "ci" })).json, change);
  assert.deepEqual(JSON.parse((await serin.values())["canary-state"]), state);
  assert.deepEqual((await serin.api("GET", "state")).json, { state });
  const [row] = await serin.audit();
  assert.deepEqual([row.actor, row.action, JSON.parse(row.before), JSON.parse(row.after)], ["ci", "written", HALF, state]);
  const { policy } = await serin.status();
  assert.deepEqual([policy.percentage, policy.rolloutId], [10, "r1"]);
  for (const [text, shown] of [[undefined, null], ["no JSON", "no JSON"]]) {
    await serin.kv(text === undefined ? {} : { "canary-state": text });
    assert.deepEqual((await serin.api("GET", "state")).json, { state: shown });
  }
});

test("explain names the variant that a visitor gets", async (t) => {
  const rules = [{ match: { path: "/beta/*" }, serve: "canary" }];
  const serin = await startSerin(t, { kv: { "canary-state": { ...HALF, rules } } });
  for (let visitor = 0; visitor < 40; visitor++) {
    const id = visitor.toString(16).padStart(32, "0");
    const cookie = `__Host-serin=${id}`;
    for (const path of ["/", "/beta/x"]) {
      const query = new URLSearchParams({ path, "cookie.__Host-serin": id });
      const { json } = await serin.api("GET", `explain?${query}`);
      const served = (await serin.request(`${path}?both=name`, { headers: { cookie } })).text.split(" ")[0];
      assert.equal(json.variant, served, JSON.stringify(json));
      assert.equal(json.reason, path === "/" ? "percentage" : "rule");
      assert.equal(json.changesAt <= 50, json.bucket < 50_000);
    }
  }
});

test("metrics are Prometheus text with the position of the rollout", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "r1" })).status, 200);
  const load = startLoad(t, serin);
  await serin.status(({ telemetry }) => telemetry.lastReport !== null);
  const { text, headers } = await serin.api("GET", "metrics");
  await load.stop();
  assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  const value = (name) => Number(text.split("\n").find((line) => line.startsWith(`serin_${name} `))?.split(" ")[1]);
  assert.deepEqual([value("canary_enabled"), value("canary_percentage"), value('rollout_phase{phase="progressing"}')], [1, 50, 1]);
  for (const line of text.trim().split("\n")) {
    assert.match(line, /^(# (HELP|TYPE) serin_[a-z_]+ .+|serin_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+-]+)$/);
  }
});

test("without a controller KV alone is used, and rollout commands are refused", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF }, without: ["ROLLOUT", "METRICS"] });
  const { epoch, rollout, policy } = await serin.status();
  assert.deepEqual([epoch, rollout, policy.percentage], [null, null, 50]);
  for (const [method, path] of [["POST", "rollouts"], ["POST", "halt"], ["GET", "audit"], ["GET", "rollouts/current"]]) {
    const answer = await serin.api(method, path, method === "POST" ? (path === "halt" ? {} : PLAN) : undefined);
    assert.deepEqual([answer.status, answer.json.type], [501, "urn:serin:unbound"], `${method} ${path}`);
  }
  assert.equal((await serin.api("PUT", "switches/maintenance", { on: true })).status, 200);
  await eventually(async () => assert.equal((await serin.request("/")).status, 503));
  assert.equal((await serin.api("PUT", "switches/maintenance", { on: false })).status, 200);
  assert.equal((await serin.api("PUT", "state", { state: { enabled: false, percentage: 0 } })).status, 200);
  assert.deepEqual(await serin.values(), { "canary-state": '{"enabled":false,"percentage":0}' });
  assert.equal((await serin.health()).components.controller.status, "ok");
});

for (const [format, field] of [["json", "text"], ["text", "text"], ["content", "content"]]) {
  test(`the webhook (${format}) receives each transition once, in order, although it fails at first`, async (t) => {
    const received = [];
    let failures = 1;
    const receiver = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      if (failures-- > 0) return response.writeHead(503).end();
      received.push(JSON.parse(body));
      response.end();
    }).listen(0, "127.0.0.1");
    t.after(() => receiver.close());
    await once(receiver, "listening");
    const vars = { WEBHOOK_URL: `http://127.0.0.1:${receiver.address().port}/hook`, WEBHOOK_FORMAT: format };
    const serin = await startSerin(t, { kv: { "canary-state": HALF }, vars });
    const order = (path, body) => serin.api("POST", path, { actor: "ada", ...body });
    assert.equal((await order("rollouts", { ...PLAN, id: "r1", reason: "release" })).status, 200);
    for (const path of ["pause", "resume", "promote", "abort"]) {
      assert.equal((await order(`rollouts/current/${path}`)).status, 200);
    }
    await serin.status(({ outbox }) => outbox.length === 0);
    const words = received.map((notice) => /^Rollout r1 (.*?) by ada/.exec(notice[field])?.[1]);
    assert.deepEqual(words, ["started", "paused", "resumed", "promoted", "aborted"]);
    if (format === "json") assert.deepEqual(received.map(({ action, rolloutId }) => [action, rolloutId])[0], ["started", "r1"]);
    else assert.deepEqual(Object.keys(received[0]), [field]);
  });
}

test("a body that is too long is refused while it streams, and no more of it is taken in", async (t) => {
  for (const without of [[], ["ROLLOUT", "METRICS"]]) {
    const serin = await startSerin(t, { kv: { "canary-state": HALF }, without });
    await serin.variant();
    const before = await serin.peakMemory();
    const chunk = Buffer.alloc(1 << 20, " ");
    const most = 200;
    let sent = 0;
    const upload = async (outgoing) => {
      while (sent < most && !outgoing.destroyed) {
        sent += 1;
        if (!outgoing.write(chunk)) await Promise.race([once(outgoing, "drain"), once(outgoing, "close")]).catch(() => {});
      }
      outgoing.end();
    };
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json", "transfer-encoding": "chunked" };
    const opened = serin.client.open("/__serin/state", { method: "PUT", headers, agent: false }, upload);
    // A client that is still writing may find the connection closed before it has read the answer.
    const { message, outgoing, code } = await opened.catch((error) => error);
    const sentByThen = sent;
    outgoing?.on("error", () => {});
    outgoing?.destroy();
    if (code) assert.match(code, /^(EPIPE|ECONNRESET)$/);
    else assert.equal(message.statusCode, 413);
    assert.ok(sentByThen < most / 2, `${sentByThen} MiB had been sent by then`);
    const grown = ((await serin.peakMemory()) - before) / 2 ** 20;
    assert.ok(grown < 64, `${grown} MiB more`);
    assert.equal((await serin.api("GET", "status")).status, 200);
  }
});

test("explain says the percentage at which a key changes sides as an operator writes it", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  for (let n = 0; n < 50; n += 1) {
    const { text } = await serin.api("GET", `explain?key=key-${n}`);
    assert.match(text, /"changesAt":\d+(\.\d{1,3})?,/);
  }
});
