// The console over HTTP: the files of its page, signing in and out, and what a session may do. tests/console has it in a browser.

import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { ADMIN_TOKEN, startSerin } from "./harness/workerd.mjs";

const KV = { "canary-state": { enabled: true, percentage: 50 } };
const VIEWER_TOKEN = "token-of-a-viewer";
const vars = { VIEWER_TOKEN };
const start = (t, options = {}) => startSerin(t, { console: true, kv: KV, vars, ...options });

const FILES = ["", "console.js", "console.css", "console.svg"];
const COOKIE = "__Host-serin-console";

/** The headers of a call that the page makes. */
const own = (serin) => ({ origin: `http://127.0.0.1:${serin.port}`, "serin-console": "1", "content-type": "application/json", host: `127.0.0.1:${serin.port}` });

async function signIn(serin, token = ADMIN_TOKEN, headers = {}) {
  const answer = await serin.request("/__serin/session", { method: "POST", body: JSON.stringify({ token }), headers: { ...own(serin), ...headers } });
  const [line] = answer.cookies;
  return { answer, cookie: line?.split(";")[0], line };
}

const call = (serin, cookie, method, path, body, headers = own(serin)) =>
  serin.request(`/__serin/${path}`, { method, body: body && JSON.stringify(body), headers: { ...headers, cookie, host: `127.0.0.1:${serin.port}` } });

test("the page and its files come with a policy that permits nothing from elsewhere, and hold no data", async (t) => {
  const serin = await start(t);
  let bytes = 0;
  for (const file of FILES) {
    const { status, headers, body, text } = await serin.request(`/__serin/${file}`);
    assert.equal(status, 200, file);
    const policy = headers["content-security-policy"];
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"]) {
      assert.ok(policy.split("; ").includes(part), `${file}: ${part} in ${policy}`);
    }
    assert.ok(!policy.includes("unsafe"), policy);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["x-frame-options"], "DENY");
    assert.ok(!text.includes(ADMIN_TOKEN) && !text.includes("canary-state\":"), file);
    bytes += gzipSync(body).length;
  }
  assert.ok(bytes < 120 * 1024, `${bytes} bytes gzipped`);
  const page = await serin.request("/__serin/");
  assert.match(page.headers["content-type"], /^text\/html/);
  assert.doesNotMatch(page.text, /<script(?![^>]* src=)|<style| on\w+=|https?:/, "no inline script, and nothing from elsewhere");
  const bare = await serin.request("/__serin");
  assert.deepEqual([bare.status, bare.headers.location], [308, "/__serin/"]);
  assert.equal((await serin.request("/__serin/", { method: "POST" })).status, 405);
});

test("no visitor's path is answered by the assets, and no file but the page's own is served", async (t) => {
  const serin = await start(t);
  for (const path of ["/", "/console.js", "/console.html", "/console.css", "/console", "/__serinx/console.js", "/index.html", "/favicon.ico"]) {
    const answer = await serin.request(path);
    assert.ok(["stable", "canary"].includes(answer.json.variant), `${path}: ${answer.text.slice(0, 80)}`);
  }
  for (const path of ["console.html", "console.js/", "console.js%00", "..%2fconsole.js", "console.map", "assets/console.js", "Console.js"]) {
    const answer = await serin.request(`/__serin/${path}`);
    assert.deepEqual([answer.status, answer.json.type], [401, "urn:serin:unauthorized"], path);
  }
});

test("a token becomes a session of its role for eight hours, in a cookie that no script, no other site and no other host gets", async (t) => {
  const serin = await start(t);
  for (const [token, role] of [[ADMIN_TOKEN, "admin"], [VIEWER_TOKEN, "viewer"]]) {
    const { answer, cookie, line } = await signIn(serin, token);
    assert.deepEqual([answer.status, answer.json.role, answer.json.identity], [200, role, null], answer.text);
    assert.equal(line.replace(/=[^;]*/, "="), `${COOKIE}=; Max-Age=28800; Path=/; Secure; HttpOnly; SameSite=Strict`);
    assert.ok(!line.includes(token), "the token is not in the cookie");
    const left = Date.parse(answer.json.expires) - Date.now();
    assert.ok(left > 7.9 * 3_600_000 && left <= 8 * 3_600_000, `${left} ms`);
    const session = await call(serin, cookie, "GET", "session");
    assert.deepEqual([session.status, session.json], [200, answer.json]);
    assert.equal((await call(serin, cookie, "GET", "status")).status, 200);
    assert.equal((await call(serin, cookie, "GET", "series")).status, 200);
  }
  for (const token of ["", "wrong", `${ADMIN_TOKEN}x`]) {
    const { answer, line } = await signIn(serin, token);
    assert.deepEqual([answer.status, answer.json.type, line], [401, "urn:serin:unauthorized", undefined]);
  }
  assert.equal((await serin.request("/__serin/session")).status, 401);
  assert.deepEqual(serin.output.filter((line) => line.includes(ADMIN_TOKEN)), []);
});

test("signing out ends the session of the browser, and a new token ends all sessions of the old one", async (t) => {
  const serin = await start(t);
  const { cookie } = await signIn(serin);
  const out = await call(serin, cookie, "DELETE", "session");
  assert.deepEqual([out.status, out.cookies], [200, [`${COOKIE}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict`]]);

  const replaced = await start(t, { vars: { ...vars, ADMIN_TOKEN: "another" } });
  // The signature covers the host, not the port, so that only the token differs.
  assert.equal((await call(replaced, cookie, "GET", "status")).status, 401);
});

test("a session that is forged, changed, expired or of another host is none", async (t) => {
  const serin = await start(t, { lab: true });
  const { cookie } = await signIn(serin, VIEWER_TOKEN);
  const [name, value] = cookie.split("=");
  const [role, expires, signature] = value.split(".");
  for (const forged of [
    `admin.${expires}.${signature}`, `${role}.${Number(expires) + 1}.${signature}`, `${role}.${expires}.${signature.slice(0, -1)}`, `${role}.${expires}.`,
    `${role}.${expires}`, "", `${value}.x`, `${role}.9999999999.${signature}`, `${role}.+${expires}.${signature}`, signature,
  ]) {
    assert.equal((await call(serin, `${name}=${forged}`, "GET", "status")).status, 401, forged);
  }
  const elsewhere = await serin.request("/__serin/status", { headers: { cookie, host: "other.example" } });
  assert.equal(elsewhere.status, 401);
  assert.equal((await call(serin, cookie, "GET", "status")).status, 200);
  await serin.clockAhead(8 * 3_600 + 1);
  assert.equal((await call(serin, cookie, "GET", "status")).status, 401);
});

test("a call by cookie changes something only from the page itself, with its header", async (t) => {
  const serin = await start(t);
  const { cookie } = await signIn(serin);
  const { origin } = own(serin);
  const json = { "content-type": "application/json" };
  for (const [what, headers] of [
    ["a form", { origin, "content-type": "application/x-www-form-urlencoded" }],
    ["no header", { origin, ...json }],
    ["no origin", { "serin-console": "1", ...json }],
    ["another origin", { origin: "https://evil.example", "serin-console": "1", ...json }],
    ["an opaque origin", { origin: "null", "serin-console": "1", ...json }],
    ["another port", { origin: "http://127.0.0.1:1", "serin-console": "1", ...json }],
    ["another scheme", { origin: origin.replace("http:", "https:"), "serin-console": "1", ...json }],
  ]) {
    for (const [method, path, body] of [["POST", "halt", {}], ["PUT", "switches/maintenance", { on: true }], ["POST", "session", { token: ADMIN_TOKEN }], ["DELETE", "session", undefined]]) {
      const answer = await call(serin, cookie, method, path, body, headers);
      assert.deepEqual([answer.status, answer.json.type, answer.cookies], [403, "urn:serin:foreign-origin", []], `${what}: ${method} ${path}`);
    }
  }
  assert.equal((await serin.status()).halt, null);
  assert.equal((await call(serin, cookie, "POST", "halt", { reason: "mine" })).status, 200);
  assert.equal((await serin.status()).halt.reason, "mine");
});

test("a viewer's session changes nothing", async (t) => {
  const serin = await start(t);
  const { cookie } = await signIn(serin, VIEWER_TOKEN);
  const plan = { schedule: "custom", steps: [50, 100], hold: "1h" };
  for (const [method, path, body] of [["POST", "halt", {}], ["POST", "resume-canary", {}], ["PUT", "switches/maintenance", { on: true }], ["POST", "rollouts", plan], ["GET", "state", undefined]]) {
    const answer = await call(serin, cookie, method, path, body);
    assert.deepEqual([answer.status, answer.json.type], [403, "urn:serin:read-only"], `${method} ${path}`);
  }
  assert.equal((await call(serin, cookie, "POST", "rollouts?dryRun=true", plan)).status, 200);
  assert.equal((await serin.status()).halt, null);
});

test("no variant sees the session, and none can set or clear it", async (t) => {
  const serin = await start(t);
  const { cookie } = await signIn(serin);
  for (const sent of [`a=1; ${cookie}; b=2`, cookie, `${cookie}; a=1; ${cookie}`]) {
    const seen = Object.fromEntries((await serin.request("/", { headers: { cookie: sent } })).json.headers);
    assert.ok(!JSON.stringify(seen).includes(COOKIE), JSON.stringify(seen));
    assert.equal(seen.cookie, sent === cookie ? undefined : sent.includes("b=2") ? "a=1; b=2" : "a=1");
  }
  const set = [["set-cookie", `${COOKIE}=; Max-Age=0; Path=/; Secure`]];
  const answer = await serin.request(`/?both=headers&set=${encodeURIComponent(JSON.stringify(set))}`);
  assert.deepEqual(answer.cookies.filter((line) => line.startsWith(COOKIE)), []);
});

test("without the assets there is no page and nobody can sign in, and a cookie without a token configured is nothing", async (t) => {
  const serin = await startSerin(t, { kv: KV });
  assert.equal((await serin.request("/__serin/")).status, 401);
  assert.equal((await signIn(serin)).answer.status, 401);
  const closed = await start(t, { without: ["ADMIN_TOKEN"], vars: {} });
  assert.equal((await closed.request("/__serin/")).status, 200);
  const { answer } = await signIn(closed);
  assert.deepEqual([answer.status, answer.json.type], [403, "urn:serin:forbidden"]);
  assert.match(answer.json.detail, /wrangler secret put ADMIN_TOKEN/);
});
