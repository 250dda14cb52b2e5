// Rollouts in the built Worker, seconds for minutes: real objects with SQLite and alarms, real requests.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { startLoad } from "./harness/load.mjs";
import { startSerin } from "./harness/workerd.mjs";

/** The contract's custom steps, with seconds for minutes. */
export const PLAN = {
  schedule: "custom",
  steps: [5, 15, 35, 65, 100],
  hold: "1s",
  settle: "200ms",
  lookEvery: "300ms",
  bake: "1s",
  analysis: { tickMs: 200, flushIntervalMs: 200 },
};

test("a good canary goes all the way under load, and the audit tells it", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 0, canaryWorker: "app" } } });
  const load = startLoad(serin.port);
  const started = await serin.api("POST", "rollouts", { ...PLAN, id: "r1", who: "ada", why: "release 42" });
  assert.equal(started.status, 200, started.text);
  assert.equal(started.json.rollout.phase, "progressing");

  await serin.status(({ rollout }) => rollout.phase === "completed");
  const answers = await load.stop();
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  console.log(answers.length);
  const rows = await serin.audit();
  for (const r of rows) console.log(r.at, r.sentence);
  console.log(await serin.values());
});
