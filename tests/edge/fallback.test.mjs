// A failing variant: which variant answers, and how often each variant gets the request.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, visitorCookie } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const ALL = { "canary-state": { enabled: true, percentage: 100 } };

for (const failure of ["throw", "status:500", "status:502", "status:503", "status:504"]) {
  test(`canary fails (${failure}): stable answers what may be retried`, async (t) => {
    const serin = await startSerin(t, { kv: ALL });
    for (const method of ["GET", "HEAD", "OPTIONS"]) {
      const answer = await serin.request(`/?canary=${failure}`, { method });
      assert.equal(answer.status, 200, method);
      assert.equal(answer.headers["x-variant"], "stable", method);
    }
    const asked = (await serin.journal()).map(({ variant, method }) => `${method} ${variant}`);
    const once = ["GET", "HEAD", "OPTIONS"].flatMap((method) => [`${method} canary`, `${method} stable`]);
    assert.deepEqual(asked, once);
    await serin.logged("fallback");
  });

  test(`canary fails (${failure}): other requests are never sent twice`, async (t) => {
    const serin = await startSerin(t, { kv: ALL });
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      const answer = await serin.request(`/?canary=${failure}`, { method, body: method === "DELETE" ? undefined : "x" });
      if (failure === "throw") {
        assert.equal(answer.status, 502, method);
        assert.match(answer.headers["content-type"], /^application\/problem\+json/);
      } else {
        assert.equal(answer.status, Number(failure.split(":")[1]), method);
        assert.equal(answer.headers["x-variant"], "canary", "the canary's own error, as it is");
      }
    }
    assert.ok((await serin.journal()).every(({ variant }) => variant === "canary"));
  });
}

test("a second attempt that the runtime refuses to make is the 502 of an unanswered request", async (t) => {
  const serin = await startSerin(t, { kv: ALL, lab: true });
  assert.equal((await serin.request("/?canary=throw&stable=name")).status, 200);
  await serin.refuseRetries();
  const answer = await serin.request("/?canary=throw&stable=name");
  assert.deepEqual([answer.status, answer.json.type], [502, "urn:serin:unanswered"]);
  await serin.logged("unanswered", ({ cause }) => cause.includes("scripted failure of a second attempt"));
});

test("a GET with a body is not retried: the first attempt may have consumed it", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  const answer = await serin.request("/?canary=status:503", { body: "a body" });
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["x-variant"], "canary");
});

test("responses that are not failures pass unchanged", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  for (const status of [200, 201, 400, 401, 404, 409, 418, 429, 501]) {
    const answer = await serin.request(`/?canary=status:${status}`);
    assert.equal(answer.status, status);
    assert.equal(answer.headers["x-variant"], "canary");
  }
});

test("fallback: false passes the canary's failure on", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100, fallback: false } } });
  const failed = await serin.request("/?canary=status:503");
  assert.equal(failed.status, 503);
  assert.equal(failed.headers["x-variant"], "canary");
  assert.equal((await serin.request("/?canary=throw")).status, 502);
});

test("stable's fallback response keeps its status and body, and a first visitor's cookie", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  const answer = await serin.request("/?canary=throw&stable=status:404", { headers: { accept: "text/html" } });
  assert.equal(answer.status, 404);
  assert.equal(answer.text, "stable answers 404");
  assert.equal(answer.cookies.length, 1);
});

test("stable throws an exception: 502 in problem+json, and the next request is served", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 0 } } });
  for (const method of ["GET", "POST"]) {
    const answer = await serin.request("/?stable=throw", { method });
    assert.equal(answer.status, 502);
    assert.match(answer.headers["content-type"], /^application\/problem\+json/);
    assert.equal(answer.json.status, 502);
    assert.ok(!answer.text.includes("as scripted"), "the variant's own words stay inside");
  }
  assert.equal(await serin.variant(), "stable");
});

test("both throw an exception: 502, with one request to each", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  assert.equal((await serin.request("/?both=throw")).status, 502);
  assert.deepEqual((await serin.journal()).map(({ variant }) => variant), ["canary", "stable"]);
});

test("stable's own 5xx passes unchanged", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 0 } } });
  const answer = await serin.request("/?stable=status:503");
  assert.equal(answer.status, 503);
  assert.equal(answer.headers["x-variant"], "stable");
});

test("without a CANARY binding stable gets every request, and /health reports it", async (t) => {
  const serin = await startSerin(t, { kv: ALL, without: ["CANARY"] });
  assert.equal(await serin.variant(), "stable");
  const { httpStatus, status, components } = await serin.health();
  assert.deepEqual([httpStatus, status], [200, "degraded"]);
  assert.notEqual(components.canary.status, "ok");
});

test("a canary that keeps failing gets no requests until it has recovered", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  const asked = async () => (await serin.journal()).filter(({ variant }) => variant === "canary").length;
  await eventually(async () => {
    const before = await asked();
    assert.equal((await serin.request("/?canary=status:503")).status, 200);
    assert.equal(await asked(), before, "the breaker is open: the canary was not asked");
  });
  await serin.logged("breaker");
  await eventually(async () => assert.equal(await serin.variant(), "canary"), { within: 60_000 });
});

test("a retry is marked, and clients cannot forge the mark", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  const headersOf = async (path, headers) => Object.fromEntries((await serin.request(path, { headers })).json.headers);
  assert.equal((await headersOf("/?canary=throw"))["serin-attempt"], "2");
  for (const name of ["serin-attempt", "Serin-Attempt", "serin_attempt"]) {
    const headers = await headersOf("/", { [name]: "2", "x-own": "1" });
    assert.deepEqual([headers[name.toLowerCase()], headers["x-own"]], [undefined, "1"], name);
  }
});

test("retries have a budget, which limits the load on stable in an outage; past it the breaker opens", async (t) => {
  const serin = await startSerin(t, { kv: ALL, vars: { CANARY_DEADLINE_SECONDS: "0.5" } });
  await serin.variant();
  // All at once: every request has been sent to the canary before the first response arrives.
  const client = new Client(serin.port, 60);
  t.after(() => client.close());
  const answers = await Promise.all(Array.from({ length: 60 }, () => client.request("/?canary=hang&stable=status:200")));
  const count = (status) => answers.filter((answer) => answer.status === status).length;
  const journal = (await serin.journal()).filter(({ path }) => path === "/");
  const asked = journal.filter(({ variant }) => variant === "canary").length;
  const replayed = 60 - count(504);
  assert.equal(count(200) + count(504), 60);
  assert.ok(replayed <= 10 + asked / 5 + 1, `${replayed} of ${asked} replayed`);
  assert.ok(count(504) > 0, "the budget was used up");
  await serin.logged("breaker", ({ state }) => state === "open");
  assert.equal((await serin.request("/?canary=hang&stable=status:200")).status, 200, "and now nobody waits");
});

test("a visitor who asks again and again for what fails on both variants leaves the others their retries", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  const asked = async (visitor, path) => (await serin.request(path, { headers: visitorCookie(visitor) })).status;
  for (let n = 0; n < 60; n += 1) assert.equal(await asked(1, "/?both=status:503"), 503);
  const retries = (await serin.journal()).filter(({ variant }) => variant === "stable").length;
  assert.ok(retries <= 3 + 60 / 5, `${retries} retries of one visitor`);
  const others = await Promise.all([2, 3, 4, 5, 6, 7, 8].map((visitor) => asked(visitor, "/?canary=status:503&stable=status:200")));
  assert.deepEqual(others, Array(7).fill(200), "stable answers all of them");
});

test("a canary's Retry-After makes the breaker's pause longer", async (t) => {
  const serin = await startSerin(t, { kv: ALL });
  for (let n = 0; n < 5; n += 1) await serin.request("/?canary=busy:20");
  const { pauseMs } = await serin.logged("breaker", ({ state }) => state === "open");
  assert.ok(pauseMs >= 20_000 && pauseMs <= 30_000, `${pauseMs} ms`);
});
