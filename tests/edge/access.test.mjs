// Permissions in the control API and names in the audit: the two tokens, and Cloudflare Access with keys made here.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import test from "node:test";
import { startSerin } from "./harness/workerd.mjs";

const HALF = { "canary-state": { enabled: true, percentage: 50 } };
const VIEWER_TOKEN = "token-of-a-viewer";
const viewer = { authorization: `Bearer ${VIEWER_TOKEN}` };
const PLAN = { schedule: "custom", steps: [50, 100], hold: "1h" };

const TEAM = "team.cloudflareaccess.com";
const AUD = "audience-of-the-tests";
const ACCESS = { ACCESS_TEAM_DOMAIN: TEAM, ACCESS_AUD: AUD };
const KEYS_URL = `https://${TEAM}/cdn-cgi/access/certs`;

function makeKey(kid) {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" } };
}

const KEY = makeKey("k1");
const seconds = () => Math.floor(Date.now() / 1000);
const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** An assertion as Access makes it, signed by `key`. */
function assertion(claims = {}, { key = KEY, header = {} } = {}) {
  const all = { iss: `https://${TEAM}`, aud: [AUD], email: "ada@example.com", type: "app", iat: seconds(), nbf: seconds(), exp: seconds() + 60, ...claims };
  const signed = `${encode({ alg: "RS256", typ: "JWT", kid: key.kid, ...header })}.${encode(all)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key.privateKey).toString("base64url")}`;
}

/** The internet: the team's keys, and nothing else. */
async function startInternet(t) {
  const internet = { keys: [KEY.jwk], asked: [], status: 200 };
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    internet.asked.push(request.url);
    if (internet.status !== 200) return response.writeHead(internet.status).end("no");
    return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: internet.keys, public_cert: {} }));
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  internet.port = server.address().port;
  return internet;
}

async function startBehindAccess(t, options = {}) {
  const internet = await startInternet(t);
  const serin = await startSerin(t, { kv: HALF, vars: ACCESS, internet: internet.port, ...options });
  const api = (method, path, body, token) => serin.api(method, path, body, token === undefined ? {} : { "cf-access-jwt-assertion": token });
  return { serin, internet, api };
}

test("VIEWER_TOKEN reads and checks plans; for everything else the problem names the token it needs", async (t) => {
  const serin = await startSerin(t, { kv: HALF, vars: { VIEWER_TOKEN } });
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "r1" })).status, 200);
  const before = await serin.status();
  for (const path of ["status", "audit", "metrics", "explain?key=a", "rollouts/current"]) {
    assert.equal((await serin.api("GET", path, undefined, viewer)).status, 200, path);
  }
  const refused = [
    ["POST", "rollouts", PLAN], ["PUT", "state", { state: { enabled: false, percentage: 0 } }], ["GET", "state"],
    ["PUT", "switches/maintenance", { on: true }], ["POST", "halt", {}], ["POST", "resume-canary", {}],
    ...["pause", "resume", "promote", "abort", "undo"].map((name) => ["POST", `rollouts/current/${name}`, {}]),
  ];
  for (const [method, path, body] of refused) {
    const answer = await serin.api(method, path, body, viewer);
    assert.deepEqual([answer.status, answer.json.type], [403, "urn:serin:read-only"], `${method} ${path}`);
    assert.match(answer.json.detail, /ADMIN_TOKEN/);
  }
  const after = await serin.status();
  assert.deepEqual([after.epoch, after.switches], [before.epoch, before.switches]);
});

test("without ADMIN_TOKEN a viewer still reads, and sees the details of /health", async (t) => {
  const serin = await startSerin(t, { kv: HALF, vars: { VIEWER_TOKEN, HEALTH_DETAIL: "token" }, without: ["ADMIN_TOKEN"] });
  assert.equal((await serin.api("GET", "status", undefined, viewer)).status, 200);
  assert.equal((await serin.api("POST", "halt", {}, viewer)).status, 403);
  assert.equal((await serin.api("GET", "status", undefined, { authorization: "Bearer other" })).status, 401);
  assert.ok((await serin.request("/health?detailed=true", { headers: viewer })).json.components);
  assert.equal((await serin.request("/health?detailed=true")).json.components, undefined);
});

test("without Access the audit marks the actor as claimed", async (t) => {
  const serin = await startSerin(t, { kv: HALF });
  const forged = { "serin-identity": "eve%40example%2Ecom", "cf-access-jwt-assertion": assertion({ email: "eve@example.com" }) };
  assert.equal((await serin.api("PUT", "switches/maintenance", { on: true, actor: "ada" }, forged)).status, 200);
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, actor: "ada" }, forged)).status, 200);
  const rows = await serin.audit();
  assert.deepEqual(rows.map(({ actor, claimed }) => [actor, claimed]), [["ada", true], ["ada", true]]);
});

test("behind Access the actor in the audit is the verified identity, whatever the request claims", async (t) => {
  const { serin, internet, api } = await startBehindAccess(t);
  assert.equal((await api("PUT", "switches/maintenance", { on: true, actor: "eve" }, assertion())).status, 200);
  assert.equal((await api("POST", "rollouts", { ...PLAN, actor: "eve" }, assertion())).status, 200);
  const service = assertion({ email: "", common_name: "ci.access" });
  assert.equal((await api("POST", "halt", { reason: "pager" }, service)).status, 200);
  const { rows } = (await api("GET", "audit", undefined, assertion())).json;
  assert.deepEqual(rows.map(({ actor, claimed }) => [actor, claimed]).reverse(), [
    ["ada@example.com", undefined], ["ada@example.com", undefined], ["ci.access", undefined],
  ]);
  assert.deepEqual(internet.asked, [KEYS_URL], "the keys are kept");
  // A role is the token's alone.
  const forged = { authorization: "Bearer other", "cf-access-jwt-assertion": assertion() };
  assert.equal((await serin.api("GET", "status", undefined, forged)).status, 401);
});

test("an assertion counts only with a good signature, for this application and in its time", async (t) => {
  const { api } = await startBehindAccess(t);
  assert.equal((await api("GET", "status", undefined, assertion())).status, 200);
  const good = assertion();
  const [header, claims, signature] = good.split(".");
  const changed = encode({ ...JSON.parse(Buffer.from(claims, "base64url")), email: "eve@example.com" });
  for (const [what, token, message] of [
    ["none", undefined, /did not come through/],
    ["no token", "garbage", /no three parts|not a JSON Web Token/],
    ["another's claims", [header, changed, signature].join("."), /signature/],
    ["a signature cut off", [header, claims, ""].join("."), /signature/],
    ["another key of the same id", assertion({}, { key: makeKey("k1") }), /signature/],
    ["a key of no team", assertion({}, { key: makeKey("k2") }), /key that the team does not have/],
    ["no algorithm", [encode({ alg: "none", kid: "k1" }), claims, ""].join("."), /RS256/],
    ["another algorithm", assertion({}, { header: { alg: "HS256" } }), /RS256/],
    ["another application", assertion({ aud: ["other"] }), /ACCESS_AUD/],
    ["another team", assertion({ iss: "https://other.cloudflareaccess.com" }), /ACCESS_TEAM_DOMAIN/],
    ["expired", assertion({ exp: seconds() - 1 }), /expired/],
    ["of the future", assertion({ nbf: seconds() + 120 }), /not valid yet/],
    ["nobody's", assertion({ email: undefined }), /neither an email/],
  ]) {
    const answer = await api("POST", "halt", {}, token);
    assert.deepEqual([answer.status, answer.json.type], [401, "urn:serin:no-identity"], `${what}: ${answer.text}`);
    assert.match(answer.json.detail, message, what);
  }
  assert.equal((await api("GET", "status", undefined, good)).json.halt, null);
});

test("keys that cannot be read are a problem that names their address, and then they are read again", async (t) => {
  const { internet, api } = await startBehindAccess(t);
  internet.status = 500;
  const answer = await api("GET", "status", undefined, assertion());
  assert.deepEqual([answer.status, answer.json.type], [503, "urn:serin:unavailable"]);
  assert.ok(answer.json.detail.includes(`${KEYS_URL}: answered 500`), answer.json.detail);
  internet.status = 200;
  assert.equal((await api("GET", "status", undefined, assertion())).status, 200);
});

test("half a configuration of Access closes the control API, and says which half is missing", async (t) => {
  for (const [vars, missing] of [[{ ACCESS_TEAM_DOMAIN: TEAM }, /ACCESS_AUD/], [{ ACCESS_AUD: AUD }, /ACCESS_TEAM_DOMAIN/]]) {
    const serin = await startSerin(t, { kv: HALF, vars });
    const answer = await serin.api("GET", "status");
    assert.deepEqual([answer.status, answer.json.type], [403, "urn:serin:forbidden"]);
    assert.match(answer.json.detail, missing);
    assert.equal((await serin.request("/")).status, 200, "traffic does not care");
  }
});

test("without a controller the identity is asked for too", async (t) => {
  const { api } = await startBehindAccess(t, { without: ["ROLLOUT", "METRICS"] });
  assert.equal((await api("PUT", "switches/maintenance", { on: true })).status, 401);
  assert.equal((await api("PUT", "switches/maintenance", { on: true }, assertion())).status, 200);
});
