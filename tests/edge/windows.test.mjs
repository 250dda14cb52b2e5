// Windows of a plan's freeze in the built Worker, by the runtime's own time zone database.

import assert from "node:assert/strict";
import test from "node:test";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const OFF = { enabled: false, percentage: 0, canaryWorker: "app-canary" };
const PLAN = { ...QUICK_PLAN, steps: [25, 100], hold: "500ms", bake: "500ms" };

const start = (serin, freeze) => serin.api("POST", "rollouts", { id: "r1", actor: "ada", reason: "release 42", ...PLAN, freeze });

/** The date in a zone, the given number of days from now. */
const date = (timeZone, days = 0) =>
  new Intl.DateTimeFormat("sv-SE", { timeZone }).format(new Date(Date.now() + days * 86_400_000));

test("a step waits for the end of a window, the status and the audit name the end, and promote continues", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  startLoad(t, serin);
  // Kathmandu is 5:45 ahead of UTC without daylight saving time: its midnight is at 18:15 UTC.
  const timeZone = "Asia/Kathmandu";
  const dates = [`${date(timeZone)}..${date(timeZone, 1)}`];
  assert.equal((await start(serin, { timeZone, dates })).status, 200);

  const { rollout } = await serin.status(({ rollout }) => rollout.frozenUntil !== null);
  const end = new Date(`${date(timeZone, 2)}T00:00:00+05:45`).toISOString();
  assert.deepEqual([rollout.phase, rollout.step, rollout.frozenUntil], ["progressing", 1, end]);
  const waits = `Frozen by the plan (Asia/Kathmandu) until ${end.replace(".000Z", "Z")}.`;
  const row = (await serin.audit()).find(({ reason }) => reason.includes(waits));
  assert.ok(row, JSON.stringify(await serin.audit()));
  const metrics = await serin.api("GET", "metrics");
  assert.match(metrics.text, /^serin_rollout_frozen 1$/m);

  assert.equal((await serin.api("POST", "rollouts/current/promote", { actor: "ada", reason: "on call" })).status, 200);
  const promoted = await serin.status(({ rollout }) => rollout.phase === "baking");
  assert.equal(promoted.rollout.step, 2);
});

test("outside its windows a rollout continues", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  startLoad(t, serin);
  // Samoa is half a day ahead, Pago Pago half a day behind: the same date a day later is not today there.
  assert.equal((await start(serin, { timeZone: "Pacific/Pago_Pago", dates: [date("Pacific/Pago_Pago", 2)] })).status, 200);
  await serin.status(({ rollout }) => rollout.phase === "completed");
});

test("an unknown time zone is refused at the start of the rollout, by name", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  const answer = await start(serin, { timeZone: "Europe/Berlim", days: ["sat", "sun"] });
  assert.equal(answer.status, 422);
  assert.equal(answer.json.field, "freeze.timeZone");
  assert.equal(
    answer.json.detail,
    'freeze.timeZone: "Europe/Berlim" is not accepted, accepted: a name of the IANA time zone database such as Europe/Berlin, or UTC',
  );
});
