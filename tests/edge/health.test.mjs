// /health: the short response, the detailed response, access to it, and the faults that take it down.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startSerin } from "./harness/workerd.mjs";

const QUARTER = { "canary-state": { enabled: true, percentage: 25, generation: 7, rolloutId: "spring" } };
const MINE = ({ path }) => path !== "/health";

test("the short answer is a status and a version", async (t) => {
  const serin = await startSerin(t, { kv: QUARTER });
  const answer = await serin.request("/health");
  assert.equal(answer.status, 200);
  assert.match(answer.headers["content-type"], /^application\/json/);
  assert.match(answer.headers["cache-control"], /no-store/);
  assert.deepEqual(Object.keys(answer.json).sort(), ["status", "version"]);
  assert.equal(answer.json.status, "ok");
  assert.match(answer.json.version, /^\d+\.\d+\.\d+/);
});

test("the detailed answer shows every part with its status", async (t) => {
  const serin = await startSerin(t, { kv: { ...QUARTER, "ops:disable_writes": { reason: "migration" } } });
  const health = await serin.health();
  assert.equal(health.httpStatus, 200);
  assert.equal(health.status, "degraded", "a switch is on");
  const { kv, policy, switches, stable, canary, randomness, build } = health.components;
  for (const part of [kv, stable, canary]) {
    assert.equal(part.status, "ok");
    assert.ok(part.latencyMs >= 0);
  }
  assert.equal(policy.status, "ok");
  assert.equal(policy.percentage, 25);
  assert.equal(policy.enabled, true);
  assert.equal(policy.generation, 7);
  assert.ok(policy.ageSeconds <= 2);
  assert.deepEqual(policy.warnings, []);
  const [{ since, ...writes }] = switches.on;
  assert.deepEqual([switches.on.length, writes], [1, { name: "ops:disable_writes", reason: "migration", heldBy: "kv" }]);
  assert.ok(Date.parse(since) > Date.now() - 60_000);
  assert.equal(randomness.status, "ok");
  assert.equal(build.status, "ok");
});

test("HEAD is answered like GET, without the body", async (t) => {
  const serin = await startSerin(t, { kv: QUARTER });
  for (const path of ["/health", "/health?detailed=true"]) {
    const answer = await serin.request(path, { method: "HEAD" });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.length, 0);
    assert.match(answer.headers["cache-control"], /no-store/);
  }
});

test("other methods get 405 with the allowed ones", async (t) => {
  const serin = await startSerin(t, { kv: QUARTER });
  for (const method of ["POST", "PUT", "DELETE"]) {
    const answer = await serin.request("/health", { method });
    assert.equal(answer.status, 405);
    assert.match(answer.headers.allow, /GET/);
    assert.match(answer.headers.allow, /HEAD/);
    assert.match(answer.headers["content-type"], /^application\/problem\+json/);
  }
});

test("/health is answered by Serin, and similar paths go to the variants", async (t) => {
  const serin = await startSerin(t, { kv: QUARTER });
  await serin.request("/health");
  await serin.request("/health?detailed=true");
  assert.deepEqual((await serin.journal()).filter(MINE), []);
  for (const path of ["/healthz", "/health/live", "/api/health", "/HEALTH"]) {
    assert.ok((await serin.request(path)).json.variant, path);
  }
});

for (const failure of ["503", "throw", "hang"]) {
  test(`stable is unreachable (${failure}): down, 503, within a second`, async (t) => {
    const serin = await startSerin(t, { kv: QUARTER });
    await serin.variantHealth({ stable: failure });
    const started = performance.now();
    const health = await serin.health();
    assert.ok(performance.now() - started < 1_200, "the limit is a second, and the machine is busy");
    assert.deepEqual([health.httpStatus, health.status, health.components.stable.status], [503, "down", "down"]);
    assert.equal(health.components.canary.status, "ok");
  });

  test(`the canary is unreachable (${failure}): degraded, 200`, async (t) => {
    const serin = await startSerin(t, { kv: QUARTER });
    await serin.variantHealth({ canary: failure });
    const health = await serin.health();
    assert.deepEqual([health.httpStatus, health.status, health.components.canary.status], [200, "degraded", "down"]);
    assert.equal(health.components.stable.status, "ok");
  });
}

test("everything hangs at once: /health still responds within a second", async (t) => {
  const serin = await startSerin(t, { kv: QUARTER });
  await serin.variant();
  await serin.variantHealth({ stable: "hang", canary: "hang" });
  await serin.kv(undefined, { kind: "hang" });
  const started = performance.now();
  const health = await serin.health();
  assert.ok(performance.now() - started < 1_200);
  assert.deepEqual([health.httpStatus, health.status], [503, "down"]);
});

test("HEALTH_DETAIL=token keeps the details for the admin", async (t) => {
  const vars = { HEALTH_DETAIL: "token", ADMIN_TOKEN: "a token of these tests" };
  const serin = await startSerin(t, { kv: QUARTER, vars });
  const detailed = async (headers) => (await serin.request("/health?detailed=true", { headers })).json.components;
  assert.ok(await detailed({ authorization: `Bearer ${vars.ADMIN_TOKEN}` }));
  for (const authorization of [undefined, "Bearer wrong", `Basic ${vars.ADMIN_TOKEN}`, vars.ADMIN_TOKEN, "Bearer "]) {
    assert.equal(await detailed(authorization ? { authorization } : {}), undefined, authorization);
  }
  assert.equal((await serin.request("/health")).json.status, "ok");
});

test("with HEALTH_DETAIL=token and no ADMIN_TOKEN no token is accepted", async (t) => {
  const serin = await startSerin(t, { kv: QUARTER, vars: { HEALTH_DETAIL: "token" } });
  for (const authorization of ["Bearer ", "Bearer", "Bearer undefined"]) {
    const answer = await serin.request("/health?detailed=true", { headers: { authorization } });
    assert.equal(answer.json.components, undefined);
  }
});

test("no secret is in the details", async (t) => {
  const vars = { OVERRIDE_TOKEN: "needle-one", ADMIN_TOKEN: "needle-two" };
  const serin = await startSerin(t, { kv: QUARTER, vars });
  assert.doesNotMatch((await serin.request("/health?detailed=true")).text, /needle/);
  assert.doesNotMatch(serin.output.join("\n"), /needle/);
});
