// Versions of one Worker as the variants: what is sent to the platform, and how Serin notices an answer of another version.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mint } from "../../scripts/override.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { CANARY_VERSION, STABLE_VERSION, startSerin } from "./harness/workerd.mjs";

const HEADER = "cloudflare-workers-version-overrides";
const ALL = { "canary-state": { enabled: true, percentage: 100 } };
const NONE = { "canary-state": { enabled: true, percentage: 0 } };
const PLAN = { ...QUICK_PLAN, steps: [50, 100], maxInconclusive: 1000 };

const start = (t, options) => startSerin(t, { versions: true, ...options });
const sentTo = async (serin, options) => (await serin.request("/", options)).json.headers.filter(([name]) => name.startsWith("cloudflare-"));

test("a request for the canary carries its version, byte for byte, and one for stable is untouched", async (t) => {
  const serin = await start(t, { kv: ALL });
  assert.deepEqual(await sentTo(serin), [[HEADER, `variants="${CANARY_VERSION}"`]]);
  assert.equal(await serin.variant(), "canary");
  await serin.kvSettled(NONE);
  assert.deepEqual(await sentTo(serin), []);
  await serin.kvSettled({ "canary-state": { ...NONE["canary-state"], stableVersion: STABLE_VERSION } });
  assert.deepEqual(await sentTo(serin), [[HEADER, `variants="${STABLE_VERSION}"`]]);
});

test("a client's own override selects no version, in any case, once or twice", async (t) => {
  const serin = await start(t, { kv: NONE });
  for (const name of [HEADER, "Cloudflare-Workers-Version-Overrides", HEADER.toUpperCase()]) {
    for (const value of [`variants="${CANARY_VERSION}"`, [`variants="${CANARY_VERSION}"`, `variants="${CANARY_VERSION}"`]]) {
      assert.equal(await serin.variant({ headers: { [name]: value } }), "stable", name);
      assert.deepEqual(await sentTo(serin, { headers: { [name]: value } }), [], name);
    }
  }
  await serin.kvSettled(ALL);
  assert.deepEqual(await sentTo(serin, { headers: { [HEADER]: `variants="${STABLE_VERSION}"` } }), [[HEADER, `variants="${CANARY_VERSION}"`]]);
});

test("body, method, cf and cookies arrive with the override as they do without it", async (t) => {
  const serin = await start(t, { kv: ALL });
  const echo = async () => (await serin.request("/a?b=c", { method: "PUT", body: "x".repeat(100_000), headers: { cookie: "a=1", "x-test-cf": '{"colo":"FRA"}' } })).json;
  const canary = await echo();
  await serin.kvSettled(NONE);
  const stable = await echo();
  const told = ({ method, url, headers, cf, length, sha256 }) => ({ method, url, headers: headers.filter(([name]) => name !== HEADER), cf, length, sha256 });
  assert.equal(canary.variant, "canary");
  assert.deepEqual(told(canary), told(stable));
});

test("a failed canary request is answered by stable without the canary's override, or with stable's own", async (t) => {
  const serin = await start(t, { kv: ALL });
  const retried = async () => Object.fromEntries((await serin.request("/?canary=status:503")).json.headers);
  const bare = await retried();
  assert.deepEqual([bare["serin-attempt"], bare[HEADER]], ["2", undefined]);
  await serin.kvSettled({ "canary-state": { ...ALL["canary-state"], stableVersion: STABLE_VERSION } });
  assert.equal((await retried())[HEADER], `variants="${STABLE_VERSION}"`);
});

test("a late answer of the platform meets the deadline, and stable answers", async (t) => {
  const serin = await start(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: "0.3" } });
  assert.equal(await serin.variant(), "canary");
  await serin.platform({ late: 600 });
  assert.equal(await serin.variant(), "stable");
  await serin.platform({ late: 0 });
});

test("a policy that names a version, and no SERVICE_WORKER: stable serves, also with CANARY bound, and /health says why", async (t) => {
  const serin = await startSerin(t, { versions: false, kv: { "canary-state": { enabled: true, percentage: 100, canaryVersion: CANARY_VERSION } } });
  assert.equal(await serin.variant(), "stable");
  const { components } = await serin.health();
  assert.equal(components.canary.status, "degraded");
  assert.match(components.canary.message, /SERVICE_WORKER is not set/);
});

test("a SERVICE_WORKER that the header cannot carry is logged with what is accepted, and stable serves", async (t) => {
  const serin = await start(t, { kv: ALL, vars: { SERVICE_WORKER: "My Shop" } });
  assert.equal(await serin.variant(), "stable");
  const { message } = await serin.logged("misconfigured", ({ name }) => name === "SERVICE_WORKER");
  assert.match(message, /"My Shop" is not accepted, accepted: the name of a Worker/);
});

test("/health says which version answered, that another one did, or that none is stated", async (t) => {
  const serin = await start(t, { kv: ALL });
  const canary = async () => (await serin.health()).components.canary;
  const { latencyMs, ...good } = await canary();
  assert.ok(latencyMs >= 0);
  assert.deepEqual(good, { status: "ok", askedVersion: CANARY_VERSION, version: CANARY_VERSION });
  await serin.platform({ override: "ignore" });
  const other = await canary();
  assert.deepEqual([other.status, other.version], ["degraded", STABLE_VERSION]);
  assert.match(other.message, new RegExp(`answered by version ${STABLE_VERSION}, not by ${CANARY_VERSION}`));
  await serin.platform({ marks: false });
  const unmarked = await canary();
  assert.deepEqual([unmarked.status, unmarked.version], ["ok", undefined]);
  assert.match(unmarked.message, /its version is not verified/);
});

test("QA's override reaches the canary's version at 0 %", async (t) => {
  const serin = await start(t, { kv: NONE, vars: { OVERRIDE_TOKEN: "a secret" } });
  const token = mint("a secret", { host: "shop.example", expires: Math.floor(Date.now() / 1000) + 600 });
  assert.equal(await serin.variant({ headers: { host: "shop.example", "serin-override": token } }), "canary");
});

const order = (serin) => serin.api("POST", "rollouts", { id: "r1", actor: "ada", ...PLAN });

test("while the platform ignores the override, a rollout holds, and its answers count for neither side", async (t) => {
  const serin = await start(t, { kv: NONE });
  await serin.platform({ override: "ignore" });
  const load = startLoad(t, serin);
  assert.equal((await order(serin)).status, 200);
  const held = await serin.status(({ rollout, versions }) => rollout?.lastLook?.sentence.includes("another version") && versions.wrong > 50);
  assert.deepEqual([held.rollout.lastLook.verdict, held.rollout.step], ["inconclusive", 1]);
  assert.deepEqual([held.versions.verified, held.versions.canary], ["each-request", CANARY_VERSION]);
  assert.equal(held.rollout.figures?.canary?.requests ?? 0, 0, "no answer counts for the canary");
  assert.match(held.headline, /held: .*another version/);
  const { components } = await serin.health();
  assert.match(components.controller.message, /answers are of another version.*The rollout holds/);
  const page = (await serin.api("GET", "metrics")).text;
  assert.match(page, /serin_rollout_versions\{variant="canary",version="wrong"\} [1-9]/);

  await serin.platform({ override: "honour" });
  await serin.status(({ rollout }) => rollout.phase === "completed");
  await load.stop();
});

test("a version that gets stable's requests holds a rollout too", async (t) => {
  const serin = await start(t, { kv: NONE });
  await serin.platform({ percentage: 100 });
  const load = startLoad(t, serin);
  await order(serin);
  const { rollout } = await serin.status(({ rollout }) => rollout?.lastLook?.sentence.includes("another version"));
  assert.equal(rollout.step, 1);
  await load.stop();
});

test("answers without a version: the rollout goes on, and the status says that versions are not verified on each request", async (t) => {
  const serin = await start(t, { kv: NONE });
  await serin.platform({ marks: false });
  const load = startLoad(t, serin);
  await order(serin);
  const { versions } = await serin.status(({ rollout }) => rollout?.phase === "completed");
  assert.match(versions.message, /^versions not verified on each request/);
  assert.equal(versions.verified, "no");
  await load.stop();
});

test("where only /health states its version, a probe at each analysis notices that the override is ignored", async (t) => {
  const serin = await start(t, { kv: NONE });
  await serin.platform({ marks: "health", override: "ignore" });
  const load = startLoad(t, serin);
  await order(serin);
  const held = await serin.status(({ rollout }) => rollout?.lastLook?.sentence.includes("Another version answered"));
  assert.deepEqual([held.rollout.step, held.versions.verified], [1, "probe"]);
  assert.match(held.versions.message, /^versions not verified on each request.*another version/);
  await load.stop();
});

test("a document that names another version during a rollout pauses it, and evidence about the first version is void", async (t) => {
  const serin = await start(t, { kv: NONE });
  const load = startLoad(t, serin);
  const started = await serin.api("POST", "rollouts", { ...PLAN, id: "r1", actor: "ada", hold: "1h" });
  assert.equal(started.status, 200, started.text);
  await serin.status(({ rollout }) => rollout.figures?.canary?.requests > 100);
  const written = JSON.parse((await serin.values())["canary-state"]);
  const edited = { ...written, canaryVersion: "another-version" };
  await serin.kv({ "canary-state": edited });
  const { rollout, versions } = await serin.status(({ rollout }) => rollout.phase === "paused");
  assert.match(rollout.reason, /canary-state says 50 %, salt "r1", canaryVersion another-version\. The rollout did not write that/);
  assert.equal(versions.canary, "another-version");
  assert.deepEqual(JSON.parse((await serin.values())["canary-state"]), edited);
  await load.stop();
});
