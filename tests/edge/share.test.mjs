// Effects of commands on the canary's share of visitors, and on the visitors themselves.

import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { visitorCookie } from "./harness/client.mjs";
import { buildProgram, serinFor } from "./harness/command-line.mjs";
import { startSerin } from "./harness/workerd.mjs";

const PLAN = { schedule: "custom", steps: [50, 100], hold: "1h", settle: "1h" };
const VISITORS = 40;

/** The variant of each of some visitors. */
const sides = (serin) => Promise.all(Array.from({ length: VISITORS }, (_, index) => serin.variant({ headers: visitorCookie(index) })));

test("a rollout beside a canary with visitors keeps every visitor on its side", async (t) => {
  const kv = { "canary-state": { enabled: true, percentage: 50, rolloutId: "spring" } };
  const serin = await startSerin(t, { kv });
  const before = await sides(serin);
  assert.deepEqual([...new Set(before)].sort(), ["canary", "stable"]);

  assert.equal((await serin.api("POST", "rollouts", { id: "r1", ...PLAN })).status, 200);
  await eventually(async () => assert.equal(JSON.parse((await serin.values())["canary-state"]).generation, 1));
  await eventually(async () => {
    await serin.variant();
    assert.equal((await serin.health()).components.policy.generation, 1);
  });
  assert.deepEqual(await sides(serin), before);
  assert.equal(JSON.parse((await serin.values())["canary-state"]).rolloutId, "spring");

  await serin.api("POST", "rollouts/current/abort", {});
  const started = await serin.api("POST", "rollouts", { id: "r2", ...PLAN, reassign: true });
  assert.equal(started.status, 200, started.text);
  await eventually(async () => assert.equal(JSON.parse((await serin.values())["canary-state"]).rolloutId, "r2"));
});

test("lifting a halt asks for the percentage that an edit of canary-state has raised", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 0 } } });
  const serin = serinFor(buildProgram(), splitter);
  const api = async (method, path, body = {}) => assert.equal((await splitter.api(method, path, body)).status, 200);
  await api("POST", "rollouts", { id: "r1", ...PLAN });
  await api("POST", "rollouts/current/abort");
  await api("PUT", "state", { state: { enabled: true, percentage: 100 } });

  const refused = await serin(["resume-canary"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /100 % of visitors on the canary[^]*--yes/);
  assert.notEqual((await splitter.status()).halt, null);
  const wrong = await splitter.api("POST", "resume-canary", { percentage: 50 });
  assert.deepEqual([wrong.status, wrong.json.type, wrong.json.percentage], [409, "urn:serin:unconfirmed", 100]);

  const lifted = await serin(["resume-canary", "--yes"]);
  assert.deepEqual([lifted.code, lifted.stderr], [0, ""]);
  assert.match(lifted.stdout, /the halt is lifted: 100 % of visitors go to the canary/);
  await eventually(async () => assert.equal(await splitter.variant(), "canary"));
});

test("a switch whose end is in the past is refused and clears nothing", async (t) => {
  const serin = await startSerin(t, { kv: { "ops:maintenance": "on" } });
  const refused = await serin.api("PUT", "switches/maintenance", { on: true, until: "2026-01-01T00:00:00Z" });
  assert.deepEqual([refused.status, refused.json.field], [422, "until"]);
  assert.deepEqual(await serin.values(), { "ops:maintenance": "on" });
  assert.equal((await serin.request("/")).status, 503);
});

test("the status says what is in force beside what canary-state says, and why", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100 } } });
  const serin = serinFor(buildProgram(), splitter);
  assert.deepEqual((await splitter.status()).effective, { percentage: 100 });
  assert.equal((await splitter.status()).headline, "Canary at 100 %. No rollout is under way.");

  await splitter.api("POST", "halt", { actor: "ada", reason: "pager" });
  const { effective, policy, headline } = await splitter.status();
  assert.deepEqual([policy.percentage, effective], [100, { percentage: 0, reason: "the canary is halted" }]);
  assert.match(headline, /^Stable serves all visitors: ada halted the canary at .*: pager\. `serin resume-canary` lifts the halt\.$/);
  await eventually(async () => {
    await splitter.variant();
    const { percentage, effectivePercentage, stoppedBy } = (await splitter.health()).components.policy;
    assert.deepEqual([percentage, effectivePercentage, stoppedBy], [100, 0, "the canary is halted"]);
  });
  const warning = "canary-state gives the canary 100 % of visitors, but it gets 0 %: the canary is halted";
  assert.deepEqual(policy.warnings, [warning]);
  const { status, components } = await splitter.health();
  assert.deepEqual([status, components.policy.warnings], ["degraded", [warning]]);
  const { actor, reason, since, heldBy, ...halt } = components.halt;
  assert.deepEqual([halt.status, actor, reason, heldBy], ["degraded", "ada", "pager", "controller"]);
  assert.ok(Date.parse(since) > Date.now() - 60_000);
  assert.equal(splitter.output.filter((line) => line.includes('"event":"canary-stopped"') && line.includes(warning)).length, 1);
  const shown = await serin(["status"]);
  assert.match(shown.stdout, /^Stable serves all visitors: ada halted/);
  assert.match(shown.stdout, /canary +0 % in force, 100 % in canary-state/);
  const metrics = (await splitter.api("GET", "metrics")).text;
  assert.match(metrics, /^serin_canary_percentage 100$/m);
  assert.match(metrics, /^serin_canary_effective_percentage 0$/m);

  await splitter.api("POST", "resume-canary", { percentage: 100 });
  await eventually(async () => {
    await splitter.variant();
    const { status, components } = await splitter.health();
    assert.deepEqual([status, components.halt, components.policy.warnings], ["ok", { status: "ok" }, []]);
  });
});

test("the status of a rollout says what it waits for", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 0 } } });
  await splitter.api("POST", "rollouts", { id: "r1", ...PLAN });
  const { headline, waitsFor } = await splitter.status();
  assert.equal(waitsFor.for, "settle");
  assert.match(headline, /^Canary at 50 %, step 1 of 2, just begun\. Next analysis in .* min, next step in about .* min\.$/);
  await splitter.api("POST", "rollouts/current/pause", { actor: "ada", reason: "lunch" });
  const paused = await splitter.status();
  assert.equal(paused.waitsFor.for, "approval");
  assert.equal(paused.headline, "Canary at 50 %, step 1 of 2, paused by ada: lunch. `serin resume` continues.");
  assert.match((await splitter.api("GET", "metrics")).text, /^serin_rollout_waits_for\{for="approval"\} 1$/m);
});
