// `serin canary`: takes a version from its folder to stable, or out again, on Workers of this machine, while visitors keep sending
// requests.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { COMPATIBILITY_DATE, QUICK, STAND_IN, splitterConfig, startWorld } from "./harness/canary-world.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";

test("one version is promoted, one is rejected, one is rolled back, and no visitor notices", async (t) => {
  const { account, splitter, serin, release, plan, state } = await startWorld(t);
  let strained = false;
  const load = startLoad(t, splitter, { path: () => (strained ? "/?strain" : "/") });
  const served = (from = 0) => [...new Set(load.answers.slice(from).map(({ variant }) => variant))].sort();

  // The canary keeps its visitors while stable is being deployed.
  account.beforeDeploy = async (name) => {
    const from = load.answers.length;
    if (name === "app") await eventually(() => assert.ok(served(from).includes("v2")));
  };
  const v2 = await release("v2");
  assert.match(await serin(["canary", "deploy", v2, ...QUICK]), /app-canary/);
  const { updatedAt, deployedAt, ...written } = await state();
  const names = { canaryWorker: "app-canary", stableWorker: "app", stage: "canary", updatedBy: "ada" };
  assert.deepEqual(written, { enabled: true, percentage: 5, ...names });
  await eventually(() => assert.deepEqual(served(), ["v1", "v2"]));
  assert.match(await serin(["canary", "deploy", v2, ...QUICK], 1), /in use, nothing was deployed: canary-state gives it 5 %/);
  await serin(["start", "--plan", plan, "--id", "r2", "--watch"]);
  await serin(["canary", "clean-up", v2, ...QUICK.slice(0, 2)], 1);
  await serin(["canary", "promote", v2, ...QUICK.slice(2)]);
  assert.deepEqual([(await state()).enabled, account.has("app-canary")], [false, true]);
  assert.match(await serin(["canary", "promote", v2]), /nothing to do: app-canary was promoted to app/);
  await serin(["canary", "clean-up", v2, ...QUICK.slice(0, 2)]);
  assert.equal(account.has("app-canary"), false);
  assert.match(await serin(["canary", "clean-up", v2, ...QUICK.slice(0, 2)]), /was already deleted/);

  const v3 = await release("v3", { health: "down" });
  assert.match(await serin(["canary", "deploy", v3, "--tries", "2", ...QUICK], 5), /canary is down/);
  assert.equal((await state()).enabled, false);
  assert.match(await serin(["canary", "promote", v3], 1), /there is no canary.*nothing was deployed/);

  const v4 = await release("v4", { fragile: true });
  await serin(["canary", "deploy", v4, ...QUICK]);
  await serin(["start", "--plan", plan, "--id", "r4"]);
  const watching = serin(["watch"], 4);
  await splitter.status(({ rollout }) => rollout.percentage === 25);
  strained = true;
  await watching;
  assert.match(await serin(["canary", "promote", v4], 1), /halted by controller/);
  await serin(["canary", "clean-up", v4, ...QUICK.slice(0, 2)]);
  assert.equal(account.has("app-canary"), false);
  const from = load.answers.length;
  await eventually(() => assert.ok(load.answers.length > from + 400));

  const answers = await load.stop();
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.deepEqual([served(), served(from)], [["v1", "v2", "v4"], ["v2"]]);
  assert.deepEqual(account.missed, [], "nobody was sent to a Worker that was not there");
  t.diagnostic(`${answers.length} requests, none failed`);
});

for (const command of ["deploy", "promote"]) {
  test(`canary ${command} is killed at every step, and a second run completes it`, async (t) => {
    const { account, splitter, run, serin, release, state } = await startWorld(t);
    const load = startLoad(t, splitter, { connections: 4, path: () => "/" });
    const v2 = await release("v2");
    if (command === "promote") await serin(["canary", "deploy", v2, "--percentage", "50", ...QUICK]);
    const args = ["canary", command, v2, ...(command === "deploy" ? QUICK : QUICK.slice(2))];
    const name = command === "deploy" ? "app-canary" : "app";
    const begun = (kill) => run(args, (child) => kill(() => child.kill("SIGKILL")));

    for (const [step, killAt] of [
      ["its first gate", (kill) => { account.onRequest = (_, url) => url.startsWith("/health") && kill(); }],
      ["the deployment", (kill) => { account.beforeDeploy = async () => kill(); }],
      ["its second gate", (kill) => {
        account.beforeDeploy = async () => {
          account.onRequest = (worker, url) => worker === name && url.startsWith("/health") && kill();
        };
      }],
    ]) {
      const { signal } = await begun(killAt);
      assert.equal(signal, "SIGKILL", step);
      [account.onRequest, account.beforeDeploy] = [() => {}, async () => {}];
      assert.equal((await state()).percentage, command === "deploy" ? undefined : 50, step);
    }
    await serin(args);
    const { enabled, percentage, stage } = await state();
    const expected = command === "deploy" ? [true, 5, "canary"] : [false, 0, "promoted"];
    assert.deepEqual([enabled, percentage, stage], expected);
    const answers = await load.stop();
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    assert.deepEqual(account.missed, []);
  });
}

test("a rollback stops the canary at once: it aborts a rollout, or else halts the canary", async (t) => {
  const { account, splitter, serin, release, plan, state } = await startWorld(t);
  const v2 = await release("v2");
  assert.match(await serin(["canary", "rollback"]), /nothing to do/);
  await serin(["canary", "deploy", v2, ...QUICK]);
  await serin(["canary", "rollback", "--why", "pager"]);
  assert.deepEqual([(await state()).enabled, (await state()).stage], [false, "rolled-back"]);
  assert.equal((await splitter.status()).halt.reason, "pager");
  assert.match(await serin(["canary", "rollback"]), /nothing to do/);
  assert.match(await serin(["canary", "deploy", v2, ...QUICK], 1), /ada halted the canary \(pager\).*resume-canary/);
  const assertOwn = async () => {
    const rows = await splitter.audit();
    assert.deepEqual(rows.filter(({ action }) => action === "hand-edited"), [], "the command line's own writes are no edits by hand");
  };
  await assertOwn();

  await serin(["resume-canary"]);
  await serin(["canary", "deploy", v2, ...QUICK]);
  await serin(["start", "--plan", plan, "--id", "r1", "--hold", "1h"]);
  assert.match(await serin(["canary", "promote", v2], 1), /rollout r1 is progressing/);
  await splitter.status(({ outbox }) => outbox.length === 0);
  assert.equal((await state()).stage, undefined, "the stage of an earlier canary is gone");
  await eventually(async () => assert.equal((await splitter.health()).components.policy.stage, undefined));
  await serin(["canary", "rollback"]);
  const { rollout } = await splitter.status();
  assert.deepEqual([rollout.phase, (await state()).enabled], ["aborted", false]);
  // A halt by a rollout that has ended does not block the next canary.
  await serin(["canary", "deploy", v2, ...QUICK]);
  assert.equal((await splitter.status()).halt, null);
  assert.ok(account.has("app-canary"));
  await assertOwn();
});

test("without a controller and a token, KV is enough", async (t) => {
  const { account, serin, release, state } = await startWorld(t, { without: ["ROLLOUT", "METRICS"], env: { SERIN_TOKEN: "" } });
  const v2 = await release("v2");
  await serin(["canary", "deploy", v2, "--percentage", "0.5", ...QUICK]);
  assert.deepEqual([(await state()).enabled, (await state()).percentage], [true, 0.5]);
  await serin(["canary", "rollback"]);
  assert.deepEqual([(await state()).enabled, (await state()).percentage], [false, 0]);
  await serin(["canary", "clean-up", v2, ...QUICK.slice(0, 2)]);
  assert.equal(account.has("app-canary"), false);
  const verbs = account.calls.map((call) => call.filter((word) => !word.startsWith("-")).slice(0, 3).join(" "));
  assert.ok(verbs.includes("kv key put") && verbs.includes("kv key get"), verbs.join("\n"));
});

test("a gate at the Worker's own address checks its version and smoke requests", async (t) => {
  const { account, folder, serin, release, state } = await startWorld(t);
  const v2 = await release("v2");
  const smoke = join(folder, "smoke.toml");
  await writeFile(smoke, '[[request]]\npath = "/?strain"\ncontains = "v2"\n');
  const url = `http://127.0.0.1:${await account.port("app-canary")}`;
  const args = ["canary", "deploy", v2, "--canary-url", url, "--tries", "1", "--smoke", smoke, ...QUICK, "--expect-version"];
  assert.match(await serin([...args, "v9"], 5), /version is v2, not v9/);
  await serin([...args, "v2"]);
  assert.equal((await state()).canaryUrl, url);
  assert.match(await serin(["canary", "promote", v2, "--expect-version", "v2"], 2), /--expect-version needs --stable-url/);
});

test("a canary that the splitter is not bound to is refused, and nothing is deployed", async (t) => {
  const { account, folder, splitter, serin, release } = await startWorld(t);
  const v2 = await release("v2");
  const before = await splitter.values();
  const refusal = async (expected, ...args) => {
    const said = await serin(["canary", "deploy", v2, ...QUICK, ...args], 1);
    assert.match(said, expected);
    assert.match(said, /nothing was deployed[^]*--canary-name[^]*--splitter-config/, "the next step");
  };
  await refusal(/the splitter's CANARY is not other, [^]*wrangler\.toml binds app-canary/, "--canary-name", "other");
  const other = join(folder, "other.toml");
  await writeFile(other, splitterConfig("market-canary"));
  await refusal(/is not app-canary, [^]*other\.toml binds market-canary/, "--splitter-config", other);
  assert.match(await serin(["canary", "deploy", v2, "--splitter-env", "none", "--splitter-config", other], 2), /there is no env\.none/);

  // The file is right, but the version that answers was deployed before it was.
  account.versions.set("test-version", [{ type: "service", name: "CANARY", service: "market-canary" }]);
  await refusal(/version test-version at http[^ ]+ binds market-canary/, "--remote");
  account.versions.set("test-version", []);
  await refusal(/version test-version at http[^ ]+ binds no Worker/, "--remote");
  assert.deepEqual([account.has("app-canary"), await splitter.values()], [false, before]);

  account.versions.set("test-version", [{ type: "service", name: "CANARY", service: "app-canary" }]);
  assert.match(await serin(["canary", "deploy", v2, ...QUICK, "--remote"]), /checked +CANARY in wrangler\.toml, and CANARY of version test-version at /);
  assert.ok(account.has("app-canary"));
});

test("what cannot be checked of the splitter's binding is said, and the gates decide", async (t) => {
  const { account, folder, serin, release } = await startWorld(t);
  const v2 = await release("v2");
  account.versions.clear();
  assert.match(await serin(["canary", "deploy", v2, ...QUICK, "--remote", "--dry-run"]), /not checked: that the deployed splitter's CANARY is app-canary: [^]*10007/);
  await rm(join(folder, "wrangler.toml"));
  assert.match(await serin(["canary", "deploy", v2, ...QUICK]), /not checked: that the splitter's CANARY is app-canary; --splitter-config FILE/);
});

test("the stand-in for wrangler refuses unknown arguments", async (t) => {
  const { account, folder, release } = await startWorld(t);
  const config = join(await release("v2"), "wrangler.toml");
  const env = { PATH: process.env.PATH, SERIN_TEST_ACCOUNT: account.url };
  for (const args of [["deploy", "--config", config, "--nmae", "x"], ["deploy", "twice", "--config", config], ["publish"],
    ["delete", "--config", config], ["deploy", "--config", join(folder, "none.toml")]]) {
    await assert.rejects(promisify(execFile)(STAND_IN, args, { env }), `${args}`);
  }
  assert.deepEqual([account.has("app"), account.has("app-canary")], [true, false]);
});

test("a dry run prints each call and document in order, and executes none", async (t) => {
  const { account, splitter, serin, run, release } = await startWorld(t);
  const v2 = await release("v2");
  const before = await splitter.values();
  const origin = `http://127.0.0.1:${splitter.port}`;
  const steps = async (...args) => {
    const { steps } = (await run(["canary", ...args, "--dry-run", "--json"])).json();
    return steps.map(({ step, call, document }) => ({ step, call: call.replaceAll(origin, "SERIN").replaceAll(v2, "DIR"), document }));
  };
  const planned = await steps("deploy", v2, "--percentage", "10");
  assert.deepEqual(planned.map(({ step, call }) => `${step}: ${call}`), [
    "gate stable: GET SERIN/health?detailed=true, component stable; 3 tries, 5s apart",
    `deploy app-canary: cd DIR && ${STAND_IN} deploy --name app-canary --config DOCUMENT`,
    "gate canary: GET SERIN/health?detailed=true, component canary; 3 tries, 5s apart",
    "write canary-state: PUT SERIN/__serin/state",
  ]);
  const config = { name: "app-canary", main: "index.js", compatibility_date: COMPATIBILITY_DATE, workers_dev: false };
  assert.deepEqual(planned[1].document, config);
  assert.deepEqual([planned[3].document.enabled, planned[3].document.percentage], [true, 10]);
  assert.deepEqual([account.calls, await splitter.values()], [[], before]);
  assert.match(await serin(["canary", "deploy", v2, "--dry-run"]), /1\. gate stable\n[^]*2\. deploy app-canary\n[^]*"workers_dev": false/);

  await serin(["canary", "deploy", v2, ...QUICK]);
  const calls = account.calls.length;
  const names = async (...args) => (await steps(...args)).map(({ step }) => step);
  assert.deepEqual(await names("promote", v2), ["gate canary", "deploy app", "gate stable", "write canary-state"]);
  assert.deepEqual(await names("rollback"), ["halt the canary", "write canary-state"]);
  await serin(["canary", "promote", v2, ...QUICK.slice(2)]);
  const cleaned = await steps("clean-up", v2, "--settle", "0s");
  const call = `cd DIR && ${STAND_IN} delete --name app-canary --force --config DOCUMENT`;
  assert.deepEqual(cleaned, [{ step: "delete app-canary", call, document: config }]);
  assert.ok(account.has("app-canary") && account.calls.length === calls + 1);
  assert.deepEqual((await readdir(v2)).sort(), ["index.js", "wrangler.toml"], "what was made for wrangler is gone");
});
