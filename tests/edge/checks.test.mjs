// A plan's own check in the built Worker: an HTTP endpoint of the operator's that the controller asks.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";
import { eventually } from "./harness/eventually.mjs";
import { startLoad } from "./harness/load.mjs";
import { QUICK_PLAN } from "./harness/quick-plan.mjs";
import { ADMIN_TOKEN, startSerin } from "./harness/workerd.mjs";

const OFF = { enabled: false, percentage: 0, canaryWorker: "app-canary" };
const QUERY_SECRET = "secret-of-the-query";
const CHECK_TOKEN = "token-of-the-check";

/** A check that answers as `reply(response, number)` says; keeps what it was asked. */
async function startCheck(t, reply) {
  const asked = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push({ method: request.method, path: request.url, headers: request.headers, body: JSON.parse(body) });
    reply(response, asked.length);
  }).listen(0, "127.0.0.1");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  const { port } = server.address();
  return { asked, port, url: `http://127.0.0.1:${port}/gate?key=${QUERY_SECRET}`, place: `127.0.0.1:${port}/gate` };
}

const says = (status, message) => (response) => response.end(JSON.stringify({ status, message }));

const plan = (check, more) => ({
  id: "r1",
  actor: "ada",
  ...QUICK_PLAN,
  steps: [{ percentage: 25, check }, 100],
  hold: "400ms",
  lookEvery: "200ms",
  bake: "400ms",
  ...more,
});

async function startRollout(t, serin, check, more) {
  const load = startLoad(t, serin);
  const answer = await serin.api("POST", "rollouts", plan({ every: "200ms", timeout: "2s", ...check }, more));
  assert.equal(answer.status, 200, answer.text);
  return load;
}

test("a check that waits holds the step with its words, and one that passes lets it go on", async (t) => {
  let verdict = says("wait", "load test at 60 %");
  const gate = await startCheck(t, (response) => verdict(response));
  const serin = await startSerin(t, { kv: { "canary-state": OFF }, vars: { CHECK_TOKEN } });
  await startRollout(t, serin, { url: gate.url });
  const held = await serin.status(({ headline }) => headline.includes("says wait"));
  assert.match(held.headline, /^Canary at 25 %, step 1 of 2, held: The check \S+ says wait: load test at 60 %\. The step is held\./);
  assert.equal(held.waitsFor.for, "check");
  assert.deepEqual([held.rollout.check.verdict, held.rollout.check.message], ["wait", "load test at 60 %"]);
  assert.equal(held.rollout.steps[0].check, gate.place);
  assert.ok(Date.parse(held.waitsFor.since) > 0);
  // The hold is over long ago.
  await eventually(() => assert.ok(gate.asked.length >= 8));
  const still = await serin.status();
  assert.deepEqual([still.rollout.phase, still.rollout.step, still.rollout.inconclusive], ["progressing", 1, 0]);

  verdict = says("pass", "load test done");
  await serin.status(({ rollout }) => rollout.phase === "completed");
  const [{ method, path, headers, body }] = gate.asked;
  assert.deepEqual([method, path], ["POST", `/gate?key=${QUERY_SECRET}`]);
  assert.deepEqual([headers["content-type"], headers.authorization], ["application/json", `Bearer ${CHECK_TOKEN}`]);
  const { since, ...rest } = body;
  assert.deepEqual(rest, { rolloutId: "r1", step: 1, of: 2, percentage: 25, canaryWorker: "app-canary" });
  assert.ok(Date.parse(since) > Date.now() - 120_000);
});

test("a check that says fail as often as its limit rolls back with its words, and fewer do not", async (t) => {
  const verdicts = ["fail", "pass", "fail", "fail", "fail"];
  const gate = await startCheck(t, (response, number) => says(verdicts[number - 1] ?? "wait", "carts are empty")(response));
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await startRollout(t, serin, { url: gate.url, failureLimit: 3 }, { hold: "1h" });
  const { halt } = await serin.status(({ rollout }) => rollout.phase === "rolled-back");
  const sentence = `The check ${gate.place} says fail: carts are empty. Fails in a row: 3, limit 3.`;
  assert.deepEqual([halt.byRollout, halt.reason], [true, sentence]);
  const [row] = (await serin.audit()).filter(({ action }) => action === "rolled-back");
  assert.equal(row.reason, sentence);
  assert.equal(gate.asked.length, 5, "nobody asks after a rollback");
  await eventually(async () => assert.equal(JSON.parse((await serin.values())["canary-state"]).percentage, 0));
});

test("with onFail hold, a check that fails pauses the rollout where it is", async (t) => {
  const gate = await startCheck(t, says("fail", "carts are empty"));
  const serin = await startSerin(t, { kv: { "canary-state": OFF } });
  await startRollout(t, serin, { url: gate.url, failureLimit: 2 }, { hold: "1h", onFail: "hold" });
  const { rollout } = await serin.status(({ rollout }) => rollout.phase === "paused");
  assert.deepEqual([rollout.percentage, rollout.step], [25, 1]);
  assert.match(rollout.reason, /says fail: carts are empty\. .*an operator must decide/);
});

test("a check without a verdict is an error of the analysis that holds the step, and never the canary's failure", async (t) => {
  const cases = [
    ["hangs", () => {}, /has no verdict: no answer within 2000 ms/],
    ["breaks off", (response) => response.destroy(), /has no verdict: /],
    ["fails", (response) => response.writeHead(502).end("bad gateway"), /has no verdict: it answered 502/],
    ["is another API", (response) => response.end('{"status":"success"}'), /answered 200 with the status "success", accepted: pass, fail or wait/],
    ["is too long", (response) => response.end("x".repeat(65 << 10)), /has no verdict: its answer is longer than 64 KiB/],
  ];
  for (const [what, reply, expected] of cases) {
    await t.test(`that ${what}`, async (t) => {
      let verdict = reply;
      const gate = await startCheck(t, (response) => verdict(response));
      const serin = await startSerin(t, { kv: { "canary-state": OFF } });
      await startRollout(t, serin, { url: gate.url, timeout: what === "hangs" ? "2s" : "10s", failureLimit: 1 });
      const { rollout, waitsFor } = await serin.status(({ rollout }) => rollout.errors >= 2);
      assert.deepEqual([rollout.phase, rollout.step, rollout.failures, waitsFor.for], ["progressing", 1, 0, "check"]);
      assert.match(rollout.lastLook.sentence, expected);
      assert.match((await serin.audit()).find(({ action }) => action === "look-failed").reason, /They do not count against the canary/);
      verdict = says("pass");
      await serin.status(({ rollout }) => rollout.phase === "completed");
    });
  }
});

test("a plan's check reaches only the address of the plan: HTTPS to a name, no redirect, and no secret is kept", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": OFF }, vars: { CHECK_TOKEN } });
  for (const url of ["http://gate.example/", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1/", "https://user:pass@gate.example/", "https://localhost@gate.example/", "file:///etc/passwd", "https://[fd00::1]/"]) {
    for (const path of ["rollouts", "rollouts?dryRun=true"]) {
      const { status, json } = await serin.api("POST", path, plan({ url }));
      assert.deepEqual([status, json.field], [422, "steps[0].check.url"], url);
    }
  }
  const inside = await startCheck(t, says("fail", "reached"));
  const gate = await startCheck(t, (response) => response.writeHead(307, { location: inside.url }).end());
  const checked = await serin.api("POST", "rollouts?dryRun=true", plan({ url: gate.url }));
  assert.equal(checked.status, 200, checked.text);
  assert.equal(gate.asked.length, 0, "a dry run asks nobody");
  await startRollout(t, serin, { url: gate.url, failureLimit: 1 });
  const status = await serin.status(({ rollout }) => rollout.errors >= 2);
  assert.match(status.rollout.lastLook.sentence, /it answered 307, and redirects are not followed/);
  assert.equal(inside.asked.length, 0);
  const shown = JSON.stringify([status, await serin.audit(), await serin.health()]) + serin.output.join("\n");
  for (const secret of [QUERY_SECRET, CHECK_TOKEN, ADMIN_TOKEN]) assert.ok(!shown.includes(secret), secret);
});
