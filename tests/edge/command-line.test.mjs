// `serin`, the command line, against the built Worker: its commands, its output and its exit codes.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { before } from "node:test";
import { buildProgram, serinFor as serinOf } from "./harness/command-line.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { startSerin } from "./harness/workerd.mjs";

const OFF = { enabled: false, percentage: 0 };
const PLAN = { ...QUICK_PLAN, steps: [25, 100] };

let program;

before(() => {
  program = buildProgram();
});

const serinFor = (splitter, env) => serinOf(program, splitter, env);

test("a rollout is started, paused, promoted, stopped and shown", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": OFF } });
  const serin = serinFor(splitter);
  const done = async (args) => {
    const { code, stdout, stderr } = await serin(args);
    assert.equal(code, 0, `serin ${args.join(" ")}: ${stdout}${stderr}`);
    return stdout;
  };
  assert.match(await done(["start", "standard", "--id", "r1", "--why", "release 42"]), /r1/);
  assert.match(await done(["status"]), /r1[^]*5 %/);
  await done(["pause", "--why", "lunch"]);
  assert.equal((await serin(["status", "--json"])).json().rollout.phase, "paused");
  await done(["resume"]);
  await done(["promote"]);
  assert.equal((await serin(["status", "--json"])).json().rollout.percentage, 25);
  assert.match(await done(["explain", "u-17"]), /u-17/);
  await done(["switch", "maintenance", "on", "--why", "database"]);
  assert.deepEqual(Object.keys(await splitter.values()).sort(), ["canary-state", "ops:maintenance"]);
  await done(["switch", "maintenance", "off"]);
  await done(["halt", "--why", "pager"]);
  await done(["resume-canary"]);
  await done(["abort", "--why", "enough"]);
  assert.match(await done(["health", "--detailed"]), /controller/);
  const rows = await done(["audit"]);
  for (const word of ["started", "paused", "resumed", "promoted", "halted", "aborted", "ada", "release 42"]) {
    assert.ok(rows.includes(word), `${word} in\n${rows}`);
  }
  const again = await serin(["resume"]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /aborted/);
});

test("watch follows a good rollout to its end and a bad one to its rollback, with different exit codes", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": OFF } });
  const serin = serinFor(splitter);
  let bad = false;
  const load = startLoad(t, splitter, { path: () => (bad ? "/?canary=status:503&stable=name&quiet" : "/?both=name&quiet") });
  const directory = await mkdtemp(join(tmpdir(), "serin-plan-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const plan = join(directory, "plan.json");
  await writeFile(plan, JSON.stringify(PLAN));
  const good = await serin(["start", "--plan", plan, "--id", "good", "--watch"]);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /completed/);
  bad = true;
  const failed = await serin(["start", "--plan", plan, "--id", "bad", "--yes", "--watch"]);
  assert.equal(failed.code, 4, failed.stderr);
  assert.match(failed.stdout + failed.stderr, /visitors failed/);
  await load.stop();
});

test("errors have exit codes that scripts can rely on", async (t) => {
  const splitter = await startSerin(t, { kv: { "canary-state": OFF } });
  const code = async (args, env) => (await serinFor(splitter, env)(args)).code;
  assert.equal(await code(["status"], { SERIN_TOKEN: "wrong" }), 1);
  assert.equal(await code(["status"], { SERIN_URL: "http://127.0.0.1:1" }), 3);
  assert.equal(await code(["start", "custom"]), 2);
  assert.equal(await code(["pause"]), 1);
  assert.equal(await code(["gate", "--tries", "1"]), 0);
  await splitter.variantHealth({ stable: "down" });
  assert.equal(await code(["health"]), 5);
  assert.equal(await code(["gate", "--tries", "2", "--every", "10ms"]), 5);
});
