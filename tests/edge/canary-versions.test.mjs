// `serin canary` on versions of one Worker of this machine, while visitors keep sending requests.

import assert from "node:assert/strict";
import test from "node:test";
import { QUICK, STAND_IN, startWorld } from "./harness/canary-world.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";

const ONE_WORKER = { without: ["CANARY"], vars: { SERVICE_WORKER: "app" } };
const shares = (account) => account.deployment("app").versions.map(({ version_id, percentage }) => [version_id, percentage]);
const served = (load, from = 0) => [...new Set(load.answers.slice(from).map(({ variant }) => variant))].sort();

test("a version is uploaded, deployed at 0 %, grown by a rollout and promoted, and no visitor notices", async (t) => {
  const { account, splitter, serin, release, plan, state } = await startWorld(t, ONE_WORKER);
  const load = startLoad(t, splitter, { path: () => "/" });
  const [[v1]] = shares(account);
  // As on the platform, a deployment takes a while to be everywhere.
  account.lag = 500;
  const v2 = await release("v2");
  assert.match(await serin(["canary", "deploy", v2, "--versions", ...QUICK]), /a version of app/);
  const { canaryVersion, updatedAt, deployedAt, ...written } = await state();
  assert.deepEqual(written, { enabled: true, percentage: 5, stableWorker: "app", stage: "canary", updatedBy: "ada" });
  assert.deepEqual(shares(account), [[v1, 100], [canaryVersion, 0]]);
  await eventually(() => assert.deepEqual(served(load), ["v1", "v2"]));
  assert.match(await serin(["canary", "deploy", v2, "--versions", ...QUICK], 1), /in use, nothing was deployed/);

  await serin(["start", "--plan", plan, "--id", "r2", "--watch"]);
  const { versions } = await splitter.status();
  assert.deepEqual([versions.verified, versions.canary, versions.wrong], ["each-request", canaryVersion, 0]);
  assert.match(await serin(["status"]), /versions +canary [0-9a-f-]{36}; canary: 0 of \d+ answers are of another version/);
  await serin(["canary", "promote", v2, "--every", "100ms"]);
  assert.deepEqual(shares(account), [[canaryVersion, 100]]);
  assert.deepEqual([(await state()).enabled, (await state()).stage], [false, "promoted"]);
  assert.match(await serin(["canary", "promote", v2]), /nothing to do/);
  await serin(["canary", "clean-up", v2, "--settle", "0s"]);
  assert.deepEqual([shares(account), (await state()).canaryVersion], [[[canaryVersion, 100]], undefined]);
  const from = load.answers.length;
  await eventually(() => assert.ok(load.answers.length > from + 200));
  const answers = await load.stop();
  assert.deepEqual([[...new Set(answers.map(({ status }) => status))], served(load, from)], [[200], ["v2"]]);
  assert.equal(account.has("app-canary"), false);
});

test("a version that is not healthy gets no visitors, and a clean-up removes it from the deployment", async (t) => {
  const { account, serin, release, state } = await startWorld(t, ONE_WORKER);
  const [[v1]] = shares(account);
  const bad = await release("v2", { health: "down" });
  assert.match(await serin(["canary", "deploy", bad, "--versions", "--settle", "0s", "--every", "100ms"], 5), /canary is down/);
  const { enabled, canaryVersion } = await state();
  assert.deepEqual([enabled, shares(account)], [false, [[v1, 100], [canaryVersion, 0]]]);
  assert.match(await serin(["canary", "promote", bad], 1), /there is no canary.*nothing was deployed/);

  // A second run replaces the version of the first one, which no visitor had.
  const good = await release("v3");
  await serin(["canary", "deploy", good, "--versions", ...QUICK]);
  const next = (await state()).canaryVersion;
  assert.notEqual(next, canaryVersion);
  assert.deepEqual(shares(account), [[v1, 100], [next, 0]]);
  assert.match(await serin(["canary", "clean-up", good, "--settle", "0s"], 1), /is in use/);
  await serin(["canary", "rollback", "--why", "pager"]);
  await serin(["canary", "clean-up", good, "--settle", "0s"]);
  assert.deepEqual([shares(account), (await state()).canaryVersion], [[[v1, 100]], undefined]);
});

test("what another person deployed meanwhile is noticed and not overwritten", async (t) => {
  const { account, serin, release, state } = await startWorld(t, ONE_WORKER);
  const [[v1]] = shares(account);
  const v2 = await release("v2");
  // Between the upload and the deployment.
  account.onRequest = (_, url) => {
    if (!url.startsWith("/health")) return;
    account.onRequest = () => {};
    account.deployVersions("app", [{ version_id: v1, percentage: 100 }]);
  };
  assert.match(await serin(["canary", "deploy", v2, "--versions", ...QUICK], 1), /app was deployed meanwhile: .*ada@shop.example; nothing was deployed/);
  assert.deepEqual(shares(account), [[v1, 100]]);

  await serin(["canary", "deploy", v2, "--versions", ...QUICK]);
  const { canaryVersion } = await state();
  await account.deployVersions("app", [{ version_id: v1, percentage: 60 }, { version_id: canaryVersion, percentage: 40 }]);
  assert.match(await serin(["canary", "promote", v2, "--every", "100ms"], 1), /not one of this command's.*nothing was deployed/s);
  await account.deployVersions("app", [{ version_id: v1, percentage: 100 }]);
  assert.match(await serin(["canary", "promote", v2, "--every", "100ms"], 1), /not in app's deployment any more/);
  assert.deepEqual(shares(account), [[v1, 100]]);
});

test("a deployment that is killed at every step is completed by a second run", async (t) => {
  const { account, run, serin, release, state } = await startWorld(t, ONE_WORKER);
  const v2 = await release("v2");
  const args = ["canary", "deploy", v2, "--versions", ...QUICK];
  for (const [step, killAt] of [
    ["its first gate", (kill) => { account.onRequest = (_, url) => url.startsWith("/health") && kill(); }],
    ["the deployment", (kill) => { account.beforeDeploy = async () => kill(); }],
    ["its second gate", (kill) => {
      account.beforeDeploy = async () => { account.onRequest = (_, url) => url.startsWith("/health") && kill(); };
    }],
  ]) {
    const { signal } = await run(args, (child) => killAt(() => child.kill("SIGKILL")));
    assert.equal(signal, "SIGKILL", step);
    [account.onRequest, account.beforeDeploy] = [() => {}, async () => {}];
    assert.notEqual((await state()).enabled, true, step);
  }
  await serin(args);
  const { enabled, percentage, canaryVersion } = await state();
  assert.deepEqual([enabled, percentage, shares(account)[1]], [true, 5, [canaryVersion, 0]]);
});

test("a dry run of versions prints each call and document in order, and changes nothing", async (t) => {
  const { account, splitter, run, release } = await startWorld(t, ONE_WORKER);
  const v2 = await release("v2");
  const before = [await splitter.values(), account.deployment("app")];
  const origin = `http://127.0.0.1:${splitter.port}`;
  const [[v1]] = shares(account);
  const { steps } = (await run(["canary", "deploy", v2, "--versions", "--settle", "1m", "--dry-run", "--json"])).json();
  const calls = steps.map(({ step, call }) => `${step}: ${call.replaceAll(origin, "SERIN").replaceAll(v2, "DIR").replaceAll(v1, "V1")}`);
  const wrangler = `cd DIR && ${STAND_IN}`;
  assert.deepEqual(calls, [
    "gate stable: GET SERIN/health?detailed=true, component stable; 3 tries, 5s apart",
    `upload a version of app: ${wrangler} versions upload --name app --config wrangler.toml`,
    "write canary-state: PUT SERIN/__serin/state",
    `deploy versions of app: ${wrangler} versions deploy V1@100 UPLOADED-VERSION@0 --name app --config wrangler.toml --yes`,
    "gate canary: GET SERIN/health?detailed=true, component canary, version UPLOADED-VERSION; 13 tries, 5s apart",
    "write canary-state: PUT SERIN/__serin/state",
  ]);
  assert.deepEqual([steps[2].document.enabled, steps[2].document.canaryVersion], [false, "UPLOADED-VERSION"]);
  assert.deepEqual([steps[5].document.enabled, steps[5].document.percentage], [true, 5]);
  assert.deepEqual([await splitter.values(), account.deployment("app")], before);
  assert.deepEqual(account.calls.map(([first, second]) => `${first} ${second}`), ["deployments status"]);
});
