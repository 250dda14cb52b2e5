// Foreign text stays text: it adds no header and no second log line, and no secret is disclosed.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { NAVIGATION, visitorCookie, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { ADMIN_TOKEN, startSerin } from "./harness/workerd.mjs";

const HALF = { enabled: true, percentage: 50, rolloutId: "r0" };
/** Every sequence that ends a line or a header in some format, followed by a header and a log line. */
const BREAKS = ["\r\n", "\n", "\r", "\0", "\u000b", "\u000c", "\u0085", "\u2028", "\u2029", "\r\n\r\n"];
const EVIL = `${BREAKS.map((end, n) => `${end}x-evil-${n}: 1`).join("")}\n{"event":"evil"}\r\n`;

/** Raw headers of a response that are not on the list. */
const KNOWN = ["content-type", "content-length", "cache-control", "retry-after", "allow", "date", "connection", "keep-alive", "transfer-encoding", "x-variant", "set-cookie", "vary", "content-encoding"];

function hasNoHeaderOfOthers(answer, what) {
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    const [name, value] = answer.rawHeaders.slice(at, at + 2);
    assert.ok(KNOWN.includes(name.toLowerCase()), `${what}: ${name}: ${value}`);
    assert.doesNotMatch(value, /evil/, what);
  }
}

/** Checks that each line that Serin prints is JSON with a known event. */
function everyLineIsSerins(serin) {
  for (const line of serin.output) {
    if (line.startsWith("{")) assert.match(JSON.parse(line).event, /^(?!evil)[a-z-]+$/, line);
    else assert.doesNotMatch(line, /evil/);
  }
}

test("line breaks in any field of canary-state reach no header and no second line of the log", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  await serin.variant();
  const names = ["rolloutId", "canaryWorker", "stableWorker", "canaryUrl", "stableUrl", "deployedAt", "stage", "updatedAt", "updatedBy"];
  const states = [
    { ...HALF, ...Object.fromEntries(names.map((name) => [name, `${name}${EVIL}`])), rules: [{ match: { path: EVIL, header: { [`x${EVIL}`]: EVIL }, [EVIL]: 1 }, serve: "canary" }] },
    { ...HALF, [EVIL]: EVIL },
    { ...HALF, percentage: EVIL },
    { ...HALF, stickiness: [`cookie:${EVIL}`] },
    { ...HALF, rules: [{ match: { header: { [`${EVIL}`]: 7 } }, serve: "canary" }] },
    `${EVIL}{`,
  ];
  for (const state of states) {
    const document = typeof state === "string" ? state : JSON.stringify(state);
    await serin.kvSettled({ "canary-state": document });
    for (const [path, headers] of [["/?both=name", NAVIGATION], ["/health?detailed=true", {}], ["/health", {}]]) {
      const answer = await serin.request(path, { headers });
      assert.equal(answer.status, 200);
      hasNoHeaderOfOthers(answer, `${path} with ${document}`);
    }
    hasNoHeaderOfOthers(await serin.api("GET", "status"), document);
    hasNoHeaderOfOthers(await serin.api("GET", "metrics"), document);
  }
  // Most values changed the policy or were refused, each with a single log line.
  assert.ok(serin.logs("policy-changed").length >= 2 && serin.logs("policy-rejected").length >= 3);
  everyLineIsSerins(serin);
});

test("line breaks in the metrics' labels stay within their quotes", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { ...HALF, rolloutId: `r"${EVIL}` } } });
  const { text } = await serin.api("GET", "metrics");
  for (const line of text.trim().split("\n")) assert.match(line, /^(# (HELP|TYPE) serin_|serin_)/);
});

test("line breaks in a switch's reason and end reach no header and no second line of the log", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  await serin.variant();
  const values = [
    { reason: EVIL, until: "2030-01-01T00:00:00Z" },
    { reason: EVIL, until: `2030-01-01T00:00:00Z${EVIL}` },
    { reason: `"}${EVIL}`, switch: EVIL },
    EVIL,
  ];
  for (const value of values) {
    await serin.kv({ "canary-state": HALF, "ops:maintenance": value });
    const answer = await eventually(async () => {
      const answer = await serin.request("/");
      assert.equal(answer.status, 503);
      return answer;
    });
    hasNoHeaderOfOthers(answer, JSON.stringify(value));
    assert.match(answer.headers["retry-after"], /^\d+$/);
    assert.equal(answer.json.switch, "ops:maintenance");
    hasNoHeaderOfOthers(await serin.request("/health?detailed=true"), JSON.stringify(value));
    await serin.kv({ "canary-state": HALF });
    await eventually(async () => assert.equal((await serin.request("/")).status, 200));
  }
  assert.ok(serin.logs("switch-thrown").length >= values.length);
  everyLineIsSerins(serin);
});

test("line breaks in commands, their names and reasons reach no header and no second line of the log", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const plan = { schedule: "custom", steps: [50, 100], hold: "1h", settle: "1h" };
  for (const [method, path, body] of [
    ["POST", "rollouts", { ...plan, id: "r1", actor: EVIL, reason: EVIL }],
    ["POST", "rollouts", { ...plan, id: `r2${EVIL}` }],
    ["POST", "rollouts/current/pause", { actor: EVIL, reason: EVIL }],
    ["POST", "rollouts/current/abort", { rolloutId: EVIL }],
    ["PUT", "switches/disable_writes", { on: true, reason: EVIL, actor: EVIL }],
    ["PUT", "switches/disable_writes", { on: true, until: EVIL }],
    ["POST", "halt", { reason: EVIL, [EVIL]: 1 }],
    ["GET", `explain?${new URLSearchParams({ key: EVIL, path: `/${EVIL}`, [EVIL]: EVIL })}`],
    ["GET", `explain?${new URLSearchParams({ key: EVIL, path: `/${EVIL}` })}`],
    ["GET", "audit"],
  ]) {
    const answer = await serin.api(method, path, body);
    assert.doesNotThrow(() => answer.json, answer.text);
    hasNoHeaderOfOthers(answer, `${method} ${path}`);
    hasNoHeaderOfOthers(await serin.request("/", { method: "POST" }), `after ${method} ${path}`);
  }
  everyLineIsSerins(serin);
});

test("a visitor's id in a header is always one that Serin generated", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const own = "0".repeat(31);
  for (const value of [`${own}\u0085`, `${own}\u00ff`, `${own}0%0d%0aset-cookie: a=1`, `${own}\t0`, "é".repeat(16)]) {
    const cookie = Buffer.from(`__Host-serin=${value}`, "utf8").toString("latin1");
    const answer = await serin.request("/?both=name", { headers: { ...NAVIGATION, cookie } });
    assert.match(answer.cookies.join("\n"), /^__Host-serin=[0-9a-f]{32}; Max-Age=31536000; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
    hasNoHeaderOfOthers(answer, value);
  }
});

test("a variant's exception with line breaks in it is one line of the log, and not in the answer", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const say = encodeURIComponent(`: ${EVIL}`);
  const answer = await serin.request(`/?both=throw&say=${say}`, { method: "POST" });
  assert.equal(answer.status, 502);
  assert.doesNotMatch(answer.text, /evil/);
  hasNoHeaderOfOthers(answer, "an exception");
  const { cause } = await serin.logged("unanswered");
  assert.match(cause, /evil/);
  for (const line of serin.output.filter((line) => line.startsWith("{"))) assert.doesNotMatch(JSON.parse(line).event, /evil/);
});

test("the query in a variant's exception is not in the log", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { ...HALF, percentage: 100 } } });
  const say = encodeURIComponent(": http://shop.example/cart?session=needle&more=needle needle");
  for (const method of ["GET", "POST"]) await serin.request(`/?both=throw&say=${say}`, { method });
  for (const event of ["fallback", "unanswered"]) {
    const { cause } = await serin.logged(event);
    assert.match(cause, /http:\/\/shop\.example\/cart\?…$/);
  }
  for (const line of serin.output.filter((line) => line.startsWith("{"))) assert.doesNotMatch(line, /needle/);
});

test("a variant's own Location, Link and unusual headers pass unchanged, and none is added", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } } });
  const set = [
    ["location", "https://elsewhere.example/%0d%0aset-cookie:%20a=1?x=%0A#y"],
    ["link", '</a>; rel="preload", </b>; rel="next"'],
    ["x-odd", "a;b, c=\"d\\\"e\"  f"],
    ["x-obs", "caf\u00e9"],
    ["x-empty", ""],
  ];
  for (const headers of [{}, NAVIGATION]) {
    const path = `/?both=headers&set=${encodeURIComponent(JSON.stringify(set))}`;
    const answer = await serin.request(path, { headers });
    // The runtime encodes characters beyond ASCII as UTF-8, and Node reads bytes.
    const asRead = (value) => Buffer.from(value).toString("latin1");
    for (const [name, value] of set) assert.equal(answer.headers[name], asRead(value), name);
    const own = answer.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    const others = own.filter((name) => !KNOWN.includes(name) && !set.some(([known]) => known === name));
    assert.deepEqual(others, []);
  }
});

test("a response that sets a visitor's cookie is private to every cache on the way", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  for (const [sent, arrives] of [
    ["public, max-age=60", "public, max-age=60, private"],
    ["s-maxage=600", "s-maxage=600, private"],
    [undefined, "private"],
    ["no-store", "no-store"],
    ["private, max-age=5", "private, max-age=5"],
    ['private="x"', 'private="x", private'],
    ["ext-no-store", "ext-no-store, private"],
    ['ext="a, no-store, b"', 'ext="a, no-store, b", private'],
  ]) {
    const set = JSON.stringify(sent === undefined ? [] : [["cache-control", sent]]);
    const path = `/?both=headers&set=${encodeURIComponent(set)}`;
    const first = await serin.request(path, { headers: NAVIGATION });
    assert.deepEqual([first.cookies.length, first.headers["cache-control"]], [1, arrives]);
    const [cookie] = first.cookies[0].split(";");
    const again = await serin.request(path, { headers: { ...NAVIGATION, cookie } });
    assert.deepEqual([again.cookies.length, again.headers["cache-control"]], [0, sent], "without a cookie it is the variant's own");
  }
});

test("headers that outrank Cache-Control keep no cache's copy of a visitor's cookie either", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": HALF } });
  const outranking = ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control", "other-cdn-cache-control"];
  const set = JSON.stringify([["cache-control", "max-age=60"], ...outranking.map((name) => [name, "max-age=600"])]);
  const path = `/?both=headers&set=${encodeURIComponent(set)}`;
  const first = await serin.request(path, { headers: NAVIGATION });
  assert.deepEqual([first.cookies.length, first.headers["cache-control"]], [1, "max-age=60, private"]);
  for (const name of outranking) assert.equal(first.headers[name], "no-store", name);
  const [cookie] = first.cookies[0].split(";");
  const again = await serin.request(path, { headers: { ...NAVIGATION, cookie } });
  assert.equal(again.cookies.length, 0);
  for (const name of outranking) assert.equal(again.headers[name], "max-age=600", name);
});

for (const [variant, percentage] of Object.entries({ stable: 0, canary: 100 })) {
  test(`a variant cannot set Serin's own cookie, and its other cookies and its body stay (${variant})`, async (t) => {
    const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage } } });
    const id = visitorId(7);
    const forged = ["a=1", `__Host-serin=${id}; Path=/; Secure`, "b=__Host-serin=2", `=__Host-serin=${id}; Path=/; Secure`, "c=3"];
    const set = JSON.stringify([["cache-control", "public"], ...forged.map((value) => ["set-cookie", value])]);
    const path = `/?both=headers&say=hello&set=${encodeURIComponent(set)}`;
    for (const headers of [visitorCookie(1), {}, NAVIGATION, { "serin-override": "x" }]) {
      const answer = await serin.request(path, { headers });
      const own = headers === NAVIGATION ? 1 : 0;
      assert.deepEqual(answer.cookies.slice(0, 3), ["a=1", "b=__Host-serin=2", "c=3"]);
      assert.equal(answer.cookies.length, 3 + own);
      if (own) assert.doesNotMatch(answer.cookies[3], new RegExp(id));
      assert.deepEqual([answer.status, answer.text, answer.headers["x-variant"]], [200, `${variant} hello`, variant]);
      assert.equal(answer.headers["cache-control"], own ? "public, private" : "public");
    }
  });
}

test("secrets in headers, cookies, queries and bodies are in no log, answer, audit, webhook or stored row", async (t) => {
  const received = [];
  const receiver = createServer(async (request, response) => {
    for await (const chunk of request) received.push(chunk.toString());
    received.push(JSON.stringify(request.headers));
    response.end();
  }).listen(0, "127.0.0.1");
  t.after(() => receiver.close());
  await once(receiver, "listening");
  const needle = (name) => `needle-${name}`;
  const WEBHOOK = `http://127.0.0.1:${receiver.address().port}/${needle("webhook")}`;
  const vars = { ADMIN_TOKEN: needle("admin"), OVERRIDE_TOKEN: needle("override"), WEBHOOK_URL: WEBHOOK };
  const serin = await startSerin(t, { kv: { "canary-state": HALF }, vars, separate: true });
  const admin = { authorization: `Bearer ${vars.ADMIN_TOKEN}`, "content-type": "application/json" };
  const api = (method, path, body) => serin.request(`/__serin/${path}`, { method, headers: admin, body: body && JSON.stringify(body) });
  const answers = [];
  const record = async (answer) => answers.push((await answer).text);

  await record(api("POST", "rollouts", { schedule: "custom", steps: [50, 100], hold: "1h", settle: "1h", lookEvery: "1s", id: "r1", actor: "ada", reason: "release" }));
  const headers = { authorization: `Bearer ${needle("visitor")}`, cookie: `session=${needle("cookie")}; a=${needle("other")}`, "x-api-key": needle("header"), "serin-override": needle("token") };
  let visitor = 0;
  for (const behaviour of ["name", "throw", "status:503"]) {
    for (const method of ["GET", "POST", "GET", "POST", "GET", "POST", "GET", "POST"]) {
      const body = method === "POST" ? needle("body") : undefined;
      headers["cf-connecting-ip"] = `203.0.113.${(visitor += 1)}`;
      await serin.request(`/${needle("path")}?canary=${behaviour}&stable=name&q=${needle("query")}`, { method, headers, body });
    }
  }
  await serin.request(`/?both=throw&q=${needle("query")}`, { method: "POST", headers, body: needle("body") });
  await record(serin.request("/__serin/status", { headers: { authorization: `Bearer ${needle("wrong")}` } }));
  for (const path of ["status", "audit?limit=1000", "metrics", "rollouts/current", "explain?key=ada"]) await record(api("GET", path));
  await record(serin.request("/health?detailed=true", { headers }));
  await record(api("POST", "rollouts/current/pause", { actor: "ada" }));
  await eventually(() => assert.ok(received.some((notice) => notice.includes("paused")), "the webhook was notified"));
  await record(api("GET", "audit"));
  assert.ok(answers.every((text) => text.length > 0) && serin.logs("fallback").length + serin.logs("unanswered").length > 0);

  for (const [where, texts] of Object.entries({ answers, log: serin.output, webhook: received, storage: await serin.stored() })) {
    assert.ok(texts.length > 0, where);
    for (const text of texts) assert.doesNotMatch(text, /needle/, where);
  }
  assert.ok(!answers.some((text) => text.includes(ADMIN_TOKEN)));
});
