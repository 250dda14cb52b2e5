// Entry points: nearly correct tokens, spellings of the reserved paths, and methods that other Workers could call.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { text } from "node:stream/consumers";
import { ADMIN_TOKEN, startSerin } from "./harness/workerd.mjs";

const HALF = { "canary-state": { enabled: true, percentage: 50 } };

test("a nearly correct token is refused: any byte changed, any part, two headers, another place", async (t) => {
  const serin = await startSerin(t, { kv: HALF });
  const good = `Bearer ${ADMIN_TOKEN}`;
  const wrong = [];
  for (let place = 0; place < ADMIN_TOKEN.length; place += 1) {
    const flipped = String.fromCharCode(ADMIN_TOKEN.charCodeAt(place) ^ 1);
    wrong.push([`Bearer ${ADMIN_TOKEN.slice(0, place)}${flipped}${ADMIN_TOKEN.slice(place + 1)}`]);
    wrong.push([`Bearer ${ADMIN_TOKEN.slice(0, place)}`], [`Bearer ${ADMIN_TOKEN.slice(place + 1)}`]);
  }
  wrong.push([`Bearer ${ADMIN_TOKEN.toUpperCase()}`], [`Bearer ${ADMIN_TOKEN}${ADMIN_TOKEN}`], [`Bearer ${ADMIN_TOKEN},`]);
  wrong.push([`Basic ${btoa(`admin:${ADMIN_TOKEN}`)}`], [`Bearer "${ADMIN_TOKEN}"`], [`Bearer${ADMIN_TOKEN}`], [`Token ${ADMIN_TOKEN}`]);
  wrong.push([good, good], ["Bearer wrong", good], [good, "Bearer wrong"]);
  for (const values of wrong) {
    const headers = ["host", "shop.example", ...values.flatMap((value) => ["Authorization", value])];
    for (const [method, path] of [["GET", "status"], ["POST", "halt"]]) {
      assert.equal((await serin.request(`/__serin/${path}`, { method, headers })).status, 401, values.join(" and "));
    }
  }
  const elsewhere = { cookie: `authorization=${good}`, "x-authorization": good, "proxy-authorization": good, "x-http-method-override": "GET" };
  const query = `?authorization=${encodeURIComponent(good)}&access_token=${ADMIN_TOKEN}`;
  assert.equal((await serin.request(`/__serin/status${query}`, { headers: elsewhere })).status, 401);
  assert.equal((await serin.status()).halt, null);
});

/** Sends a request line unchanged, which Node's client would not do. */
async function raw(port, target) {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n`);
  const answer = await text(socket);
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), answer };
}

test("no spelling of the reserved paths opens them without the token, or reaches a variant", async (t) => {
  const serin = await startSerin(t, { kv: HALF });
  const reserved = [
    "/__serin", "/__serin/", "/__serin/status", "/__serin?x=1", "/__serin/status?both=name", "/__serin//status", "/x/../__serin/status", "/./__serin/status",
    "/%2e/__serin/status", "/x/%2E%2e/__serin/status", "/__serin\\status", "/\\../__serin/status", "/__serin/./halt", "/__serin/x/../halt",
    "/__ser\tin/status", "/__serin/status#x", "/__serin/%2e%2e/__serin/status", "http://shop.example/__serin/status", "/__serin/;/../status",
  ];
  const others = [
    "/__SERIN/status", "/__Serin/status", "/__serin%2Fstatus", "/__serin%2fstatus", "/%5F_serin/status", "/%5f%5fserin/status", "//__serin/status", "///__serin/status",
    "/__serinx/status", "/__serin;/status", "/__serin%00/status", "/__serin%20/status", "/_serin/status", "/x/__serin/status", "/__serin/../status", "/__serin/%2e%2e/halt",
    "/__serin%5Cstatus", "/__serin%252Fstatus", "/?/__serin/status", "/#/__serin/status", "/%255F_serin/status",
  ];
  for (const target of [...reserved, ...others]) {
    const { status, answer } = await raw(serin.port, target);
    // Some lines are not HTTP, and the runtime rejects them.
    const isRefused = status === 401 && answer.includes("urn:serin:unauthorized");
    const isServed = status === 200 && /"variant":"(stable|canary)"/.test(answer);
    assert.ok(isRefused || isServed || status === 400, `${target}: ${answer}`);
    if (others.includes(target)) assert.ok(!isRefused, `${target} is the variants'`);
    else assert.ok(!isServed, `${target} is Serin's`);
  }
  const seen = (await serin.journal()).map(({ path }) => path);
  assert.ok(seen.length >= others.length - 3, `${seen.length} arrived at a variant`);
  assert.deepEqual(seen.filter((path) => path === "/__serin" || path.startsWith("/__serin/")), []);
});

test("with the token too, only the calls in the documentation of the control API exist", async (t) => {
  // The isolate's first request asks its shard, and no later one does.
  const serin = await startSerin(t, { kv: HALF, vars: { REFRESH_SECONDS: "3600" } });
  await serin.variant();
  const before = await serin.status(({ telemetry }) => telemetry.lastReport !== null);
  for (const path of ["", "report", "standing", "../report", "state/", "switches/", "rollouts/current/", "status/x", "Status"]) {
    for (const method of ["GET", "POST", "PUT", "DELETE"]) {
      const answer = await serin.api(method, path, method === "GET" ? undefined : {});
      // `..` leaves Serin's own namespace, so the request goes to a variant.
      if (path === "../report") assert.ok(answer.json.variant, path);
      else assert.deepEqual([answer.status, answer.json.type], [404, "urn:serin:not-found"], `${method} ${path}`);
    }
  }
  // The bare name is neither a call nor a message of a shard.
  const forged = JSON.stringify({ from: "FRA", seq: 1 });
  for (const [method, body] of [["GET", undefined], ["POST", forged]]) {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const answer = await serin.request("/__serin", { method, headers, body });
    assert.deepEqual([answer.status, answer.json.type], [404, "urn:serin:not-found"], `${method}: ${answer.text}`);
  }
  const after = await serin.status();
  assert.deepEqual([after.epoch, after.telemetry], [before.epoch, before.telemetry]);
});

const CALLER = `
import * as serin from "./index.js";

const NAMES = ["api", "fetch", "controllerFetch", "controllerAlarm", "shardFetch", "shardAlarm", "alarm", "own", "scheduled", "env", "restart",
  "RolloutController", "MetricsShard", "__wbg_reset_state", "memory", "default"];

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/exports") {
      const methods = (it) => Object.getOwnPropertyNames(it.prototype).sort();
      const { RolloutController, MetricsShard } = serin;
      return Response.json({
        names: Object.keys(serin).sort(),
        handlers: Object.keys(serin.default),
        controller: methods(RolloutController),
        shard: methods(MetricsShard),
        parents: [RolloutController, MetricsShard].map((it) => Object.getPrototypeOf(it) === Function.prototype),
      });
    }
    const outcomes = {};
    for (const name of NAMES) {
      if (name === "fetch") continue;
      try {
        const called = await env.SERIN[name]("https://shop.example/__serin/report", {});
        outcomes[name] = "answered " + typeof called;
      } catch (error) {
        outcomes[name] = "refused";
      }
    }
    const inside = await env.SERIN.fetch("https://shop.example/__serin/status");
    return Response.json({ outcomes, inside: inside.status });
  },
};
`;

test("the Worker exports its fetch and its two objects, with fetch and alarm each, and nothing else is callable", async (t) => {
  const serin = await startSerin(t, { kv: HALF, caller: CALLER });
  assert.deepEqual((await serin.caller.request("/exports")).json, {
    names: ["MetricsShard", "RolloutController", "default"],
    handlers: ["fetch"],
    controller: ["alarm", "constructor", "fetch"],
    shard: ["alarm", "constructor", "fetch"],
    // A class that extends DurableObject would expose each of its methods to other Workers.
    parents: [true, true],
  });
  const { outcomes, inside } = (await serin.caller.request("/call")).json;
  assert.deepEqual([...new Set(Object.values(outcomes))], ["refused"], JSON.stringify(outcomes));
  assert.equal(inside, 401, "a binding is no token");
});
