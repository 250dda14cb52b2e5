// The rules: each matcher on its own, together, in order, and with its own percentage.

import assert from "node:assert/strict";
import { test } from "node:test";
import { expected } from "./harness/bucket.mjs";
import { visitorCookie, visitorId } from "./harness/client.mjs";
import { CF_HEADER, startSerin } from "./harness/workerd.mjs";

const NAME = "?both=name";

/** Values that each matcher accepts, and values that it does not. */
const MATCHERS = {
  path: {
    match: { path: "/api/*" },
    hits: [{ path: "/api/" }, { path: "/api/users" }, { path: "/api/a/b" }],
    misses: [{ path: "/api" }, { path: "/API/users" }, { path: "/v1/api/users" }],
  },
  method: {
    match: { method: ["POST", "PUT"] },
    hits: [{ method: "POST" }, { method: "PUT" }],
    misses: [{ method: "GET" }, { method: "DELETE" }],
  },
  host: {
    match: { host: "*.shop.example" },
    hits: [{ headers: { host: "beta.shop.example" } }, { headers: { host: "beta.shop.example:8443" } }],
    misses: [{ headers: { host: "shop.example" } }, { headers: { host: "shop.example.evil" } }],
  },
  country: {
    match: { country: ["NZ", "IS"] },
    hits: [at({ country: "NZ" }), at({ country: "IS" })],
    misses: [at({ country: "DE" }), at({}), {}],
  },
  continent: {
    match: { continent: ["OC"] },
    hits: [at({ continent: "OC" })],
    misses: [at({ continent: "EU" }), {}],
  },
  colo: {
    match: { colo: ["AKL"] },
    hits: [at({ colo: "AKL" })],
    misses: [at({ colo: "FRA" }), {}],
  },
  asn: {
    match: { asn: [64512, 64513] },
    hits: [at({ asn: 64512 }), at({ asn: 64513 })],
    misses: [at({ asn: 64514 }), {}],
  },
  header: {
    match: { header: { "X-Group": "beta" } },
    hits: [{ headers: { "x-group": "beta" } }],
    misses: [{ headers: { "x-group": "BETA" } }, { headers: { "x-group": "beta2" } }, {}],
  },
  cookie: {
    match: { cookie: { group: "beta" } },
    hits: [{ headers: { cookie: "a=1; group=beta; b=2" } }],
    misses: [{ headers: { cookie: "group=alpha" } }, { headers: { cookie: "xgroup=beta" } }, {}],
  },
};

for (const [kind, { match, hits, misses }] of Object.entries(MATCHERS)) {
  test(`a rule on ${kind} matches what it names and nothing else`, async (t) => {
    const rules = [{ match, serve: "canary" }];
    const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 0, rules } } });
    for (const hit of hits) assert.equal(await ask(serin, hit), "canary", JSON.stringify(hit));
    for (const miss of misses) assert.equal(await ask(serin, miss), "stable", JSON.stringify(miss));
  });
}

test("all matchers of a rule must hold", async (t) => {
  const rules = [{ match: { path: "/api/*", country: ["NZ"], header: { "x-group": "beta" } }, serve: "canary" }];
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 0, rules } } });
  const whole = { path: "/api/x", headers: { ...at({ country: "NZ" }).headers, "x-group": "beta" } };
  assert.equal(await ask(serin, whole), "canary");
  assert.equal(await ask(serin, { ...whole, path: "/x" }), "stable");
  assert.equal(await ask(serin, { ...whole, headers: at({ country: "NZ" }).headers }), "stable");
});

test("the first matching rule wins, and the percentage applies only without one", async (t) => {
  const rules = [
    { match: { path: "/checkout/*" }, serve: "stable" },
    { match: { header: { "x-group": "beta" } }, serve: "canary" },
    { match: { path: "/slow/*" }, serve: "stable" },
  ];
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 100, rules } } });
  const headers = { "x-group": "beta" };
  assert.equal(await ask(serin, { path: "/checkout/pay", headers }), "stable");
  assert.equal(await ask(serin, { path: "/slow/report", headers }), "canary");
  assert.equal(await ask(serin, { path: "/slow/report" }), "stable");
  assert.equal(await ask(serin, { path: "/" }), "canary");
});

test("a path matches in any encoding of its letters, and arrives at the variant as it was sent", async (t) => {
  const rules = [{ match: { path: "/admin*" }, serve: "canary" }, { match: { path: "/caf%c3%a9" }, serve: "canary" }];
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 0, rules } } });
  for (const path of ["/admin", "/%61dmin", "/%61%64%6D%69%6e/users", "/admin%2fusers", "/caf%C3%A9", "/c%61f%c3%a9"]) {
    assert.equal(await ask(serin, { path }), "canary", path);
    assert.equal((await serin.journal()).at(-1).path, path);
  }
  for (const path of ["/%2561dmin", "/Admin", "/%41dmin", "/a%64", "/x%2f..%2fadmin", "/%E0dmin"]) assert.equal(await ask(serin, { path }), "stable", path);
});

test("a request costs as much with each further rule, also where rules ask for different headers", async (t) => {
  const kv = (count) => {
    const rules = Array.from({ length: count }, (_, n) => ({ match: { header: { [`x-group-${n}`]: "beta" } }, serve: "canary" }));
    return { "canary-state": { enabled: true, percentage: 0, rules } };
  };
  const serin = await startSerin(t, { kv: kv(1) });
  // Processor time, because other tests run beside this one; outside Linux the time on the clock.
  const spent = async () => (await serin.resources()).cpuMs || performance.now();
  const withRules = async (count) => {
    await serin.kvSettled(kv(count));
    return cost(spent, () => serin.request("/?both=name&quiet"));
  };
  const [one, some, many] = [await withRules(1), await withRules(1_250), await withRules(5_000)];
  const text = JSON.stringify(kv(5_000));
  const parse = await cost(() => process.cpuUsage().user / 1_000, () => JSON.parse(text));
  const [ms, each] = [parse.toFixed(2), [one, some, many].map((time) => time.toFixed(2)).join(", ")];
  t.diagnostic(`${each} ms a request with 1, 1,250 and 5,000 rules; ${ms} ms for JSON.parse of the last`);
  // Four times as many rules cost four times as much; where each look-up takes longer with every rule, sixteen times.
  assert.ok(many - one < 8 * (some - one), "the cost grows faster than the number of rules");
  assert.ok(many < 6 * parse, `${many} ms, and ${parse} ms to parse the rules`);
});

/** Processor time of a piece of work in ms: the mean of 40 runs, after some that compile its code. */
async function cost(spent, work) {
  for (let n = 0; n < 10; n += 1) await work();
  const before = await spent();
  for (let n = 0; n < 40; n += 1) await work();
  return ((await spent()) - before) / 40;
}

test("a rule's own percentage assigns the visitors it matches by the same buckets", async (t) => {
  const rules = [{ match: { path: "/new/*" }, serve: { percentage: 50 } }];
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 5, rules } } });
  for (let n = 0; n < 60; n += 1) {
    const headers = visitorCookie(n);
    assert.equal(await ask(serin, { path: "/new/x", headers }), expected(visitorId(n), 50), `visitor ${n}`);
    assert.equal(await ask(serin, { path: "/old/x", headers }), expected(visitorId(n), 5), `visitor ${n}`);
  }
});

test("rules do not outrank a disabled canary", async (t) => {
  const rules = [{ match: { path: "/*" }, serve: "canary" }];
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 100, rules } } });
  assert.equal(await ask(serin, {}), "stable");
  await serin.kvSettled({ "canary-state": { enabled: true, percentage: 0, rules }, "ops:disable_canary": "1" });
  assert.equal(await ask(serin, {}), "stable");
});

function at(cf) {
  return { headers: { [CF_HEADER]: JSON.stringify(cf) } };
}

async function ask(serin, { path = "/", ...options }) {
  return (await serin.request(path + NAME, options)).text.split(" ")[0];
}
