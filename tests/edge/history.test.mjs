// The history of the control API: the series, past rollouts, locations. The console draws nothing else.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { visitorCookie } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const STATE = { enabled: true, percentage: 0, stableWorker: "shop-v1", canaryWorker: "shop-v2" };
const PLAN = { ...QUICK_PLAN, steps: [50, 100], hold: "1h" };

const VIEWER_TOKEN = "token-of-a-viewer";
const viewer = { authorization: `Bearer ${VIEWER_TOKEN}` };

async function read(serin, path) {
  const answer = await serin.api("GET", path, undefined, viewer);
  assert.equal(answer.status, 200, `${path}: ${answer.text}`);
  return answer.json;
}

test("a viewer reads the series, the locations and the rollout with its end, its highest share and its audit", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": STATE }, vars: { VIEWER_TOKEN } });
  startLoad(t, serin);
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "r1", actor: "ada", reason: "faster search" })).status, 200);

  const point = await eventually(async () => {
    const { points } = await read(serin, "series");
    const last = points.at(-1);
    assert.ok(last?.canary.requests > 50 && last.stable.requests > 50, JSON.stringify(points));
    return last;
  }, { within: 30_000 });
  assert.deepEqual([point.rolloutId, point.step, point.percentage, point.halted], ["r1", 1, 50, false]);
  assert.ok(point.canary.p50Ms <= point.canary.p95Ms && point.canary.p95Ms <= point.canary.p99Ms, JSON.stringify(point));
  assert.equal(typeof point.evidence.errors, "number");

  const { rows: locations } = await read(serin, "locations");
  assert.ok(locations[0].canary.requests > 0 && locations[0].rolloutId === "r1", JSON.stringify(locations));
  assert.deepEqual((await read(serin, `locations?after=${locations.at(-1).name}`)).rows, []);

  const { rows: [under] } = await read(serin, "rollouts");
  assert.deepEqual([under.id, under.phase, under.endedAt, under.versions], ["r1", "progressing", null, { from: "shop-v1", to: "shop-v2" }]);

  assert.equal((await serin.api("POST", "rollouts/current/abort", { actor: "bob", reason: "wrong build" })).status, 200);
  const { rollout, series, audit } = await read(serin, "rollouts/r1");
  assert.deepEqual(
    [rollout.phase, rollout.actor, rollout.reason, rollout.endedBy, rollout.endedReason, rollout.highest],
    ["aborted", "ada", "faster search", "bob", "wrong build", 50],
  );
  assert.equal(rollout.durationMs, Date.parse(rollout.endedAt) - Date.parse(rollout.startedAt));
  assert.deepEqual(rollout.steps.map(({ percentage }) => percentage), [50, 100]);
  assert.equal(series.points.at(-1).percentage, 0, "after the abort the canary has nobody");
  assert.deepEqual([audit.rows.at(-1).action, audit.rows[0].action], ["started", "aborted"]);
  const older = await read(serin, `rollouts/r1?limit=1&before=${audit.rows[0].seq}`);
  assert.deepEqual(older.audit.rows, audit.rows.slice(1, 2));

  assert.equal((await serin.api("GET", "rollouts/unknown", undefined, viewer)).status, 404);
  const refused = await serin.api("GET", "series?step=61", undefined, viewer);
  assert.deepEqual([refused.status, refused.json.type, refused.json.field], [422, "urn:serin:invalid", "step"]);
});

test("past rollouts are listed newest first, a page at a time, and a rollback says why", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": STATE } });
  for (const id of ["r1", "r2"]) {
    assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id })).status, 200);
    assert.equal((await serin.api("POST", "rollouts/current/abort", {})).status, 200);
  }
  startLoad(t, serin, { path: () => "/?stable=name&canary=status:500&quiet" });
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "r3" })).status, 200);
  const ended = await eventually(async () => {
    const { rollout } = (await serin.api("GET", "rollouts/r3")).json;
    assert.equal(rollout.phase, "rolled-back");
    return rollout;
  }, { within: 30_000 });
  assert.match(ended.endedReason, /fail/);
  assert.equal(ended.endedBy, "controller");

  const first = (await serin.api("GET", "rollouts?limit=2")).json;
  assert.deepEqual(first.rows.map(({ id }) => id), ["r3", "r2"]);
  const second = (await serin.api("GET", `rollouts?limit=2&before=${first.next}`)).json;
  assert.deepEqual([second.rows.map(({ id }) => id), second.next], [["r1"], null]);
});

test("a minute is forgotten after seven days, a rollout is not", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": STATE }, lab: true });
  await serin.clockAhead(-8 * 86_400);
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "old" })).status, 200);
  assert.equal((await serin.api("POST", "rollouts/current/abort", {})).status, 200);
  const week = 7 * 86_400_000;
  const everything = (days) => `series?step=86400&from=${new Date(Date.now() - days * 86_400_000).toISOString()}&to=${new Date(Date.now() - week).toISOString()}`;
  assert.equal((await serin.api("GET", everything(9))).json.points.length, 1);
  await serin.clockAhead(0);
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "new" })).status, 200);
  await serin.clockAhead(-8 * 86_400);
  assert.equal((await serin.api("GET", everything(9))).json.points.length, 0);
  const { rows } = (await serin.api("GET", "rollouts")).json;
  assert.deepEqual(rows.map(({ id }) => id), ["new", "old"]);
});

test("the series says which failures stable rescued and which a client saw, and rows of a version that did not are read", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": STATE }, separate: true });
  const load = startLoad(t, serin, { connections: 4 });
  assert.equal((await serin.api("POST", "rollouts", { ...PLAN, id: "r1" })).status, 200);
  // A write with a body cannot be sent to stable again.
  const failing = (visitor, options) => serin.request("/?stable=name&canary=status:500&quiet", { headers: { ...visitorCookie(visitor), "content-type": "text/plain" }, ...options });
  let visitor = 0;
  const point = await eventually(async () => {
    await failing(visitor++, {});
    await failing(visitor++, { method: "POST", body: "x" });
    const { points } = (await serin.api("GET", "series")).json;
    const last = points.findLast(({ rescued, seen }) => rescued > 0 && seen > 0);
    assert.ok(last, JSON.stringify(points));
    return last;
  }, { within: 30_000 });
  assert.equal(point.rescued + point.seen, point.canary.failures);
  await load.stop();

  await serin.killAndRestart(undefined, async (folder) => {
    const changed = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(".sqlite")).map((file) => {
      const database = new DatabaseSync(join(folder, file));
      const hasSeries = database.prepare("SELECT name FROM sqlite_master WHERE name = 'series'").get();
      const { changes } = hasSeries ? database.prepare("UPDATE series SET body = json_remove(body, '$.rescued', '$.seen')").run() : { changes: 0 };
      database.close();
      return Number(changes);
    });
    assert.ok(changed.some((rows) => rows > 0), `${changed}: the rows of the series were not found`);
  });
  const { points } = (await serin.api("GET", "series")).json;
  const old = points.find(({ at }) => at === point.at);
  assert.ok(old.canary.failures >= point.canary.failures, JSON.stringify(points));
  assert.ok(points.every(({ rescued, seen, canary }) => rescued + seen <= canary.failures) && points.some(({ rescued, seen }) => rescued + seen === 0), JSON.stringify(points));
});
