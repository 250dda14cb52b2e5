// The checks on the page of rollouts: each is run as it stands, with answers as Prometheus and Analytics Engine give them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { ROOT } from "./harness/pages.mjs";

const page = await readFile(join(ROOT, "docs", "rollouts.md"), "utf8");
const load = async (source) => (await import(`data:text/javascript,${encodeURIComponent(source)}`)).default;
const workers = await Promise.all([...page.matchAll(/```js\n([^]*?)```/g)].map(([, source]) => load(source)));
const env = { CHECK_TOKEN: "t", PROMETHEUS_URL: "https://prometheus.example", ACCOUNT_ID: "a1", API_TOKEN: "k" };
const QUESTION = { rolloutId: "r42", step: 1, of: 4, percentage: 5, since: "2027-01-15T08:00:00.000Z", canaryWorker: "shop-v42" };

/** What a check answers, where what it asks gives `answer`; and the request that it sent. */
async function ask(t, worker, answer, token = "t") {
  const sent = [];
  t.mock.method(globalThis, "fetch", async (url, init) => {
    sent.push({ url, ...init });
    return answer;
  });
  const request = new Request("https://check.example/", { method: "POST", headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(QUESTION) });
  const response = await worker.fetch(request, env);
  t.mock.restoreAll();
  return { status: response.status, json: response.status === 200 ? await response.json() : null, sent };
}

test("there are two checks on the page, and each wants its token", async (t) => {
  assert.equal(workers.length, 2);
  for (const worker of workers) {
    const { status, sent } = await ask(t, worker, Response.json({}), "another");
    assert.deepEqual([status, sent], [401, []]);
    assert.equal((await ask(t, worker, new Response("down", { status: 503 }))).status, 502, "no verdict");
  }
});

test("the check that asks Prometheus passes, fails and waits", async (t) => {
  const [worker] = workers;
  const vector = (...values) => Response.json({ status: "success", data: { resultType: "vector", result: values.map((value) => ({ metric: {}, value: [1800000000, value] })) } });
  const { json, sent } = await ask(t, worker, vector("0.0042"));
  assert.deepEqual(json, { status: "pass", message: "0.42 % of checkouts failed, limit 1 %" });
  const query = new URL(sent[0].url).searchParams.get("query");
  assert.equal(query, 'sum(rate(checkouts_failed_total{version="shop-v42"}[5m])) / sum(rate(checkouts_total{version="shop-v42"}[5m]))');
  assert.equal((await ask(t, worker, vector("0.02"))).json.status, "fail");
  for (const nothing of [vector(), vector("NaN")]) assert.equal((await ask(t, worker, nothing)).json.status, "wait");
});

test("the check that asks Analytics Engine passes, fails and waits", async (t) => {
  const [, worker] = workers;
  // UInt64 values are texts in its JSON.
  const rows = (...data) => Response.json({ meta: [], data, rows: data.length });
  const { json, sent } = await ask(t, worker, rows({ orders: "812", mean: 31.5 }));
  assert.deepEqual(json, { status: "pass", message: "mean order of 31.50, at least 20" });
  assert.equal(sent[0].url, "https://api.cloudflare.com/client/v4/accounts/a1/analytics_engine/sql");
  assert.deepEqual([sent[0].method, sent[0].headers.authorization], ["POST", "Bearer k"]);
  assert.match(sent[0].body, /FROM orders WHERE blob1 = 'shop-v42' AND timestamp/);
  assert.equal((await ask(t, worker, rows({ orders: "812", mean: 3 }))).json.status, "fail");
  assert.deepEqual((await ask(t, worker, rows({ orders: "12", mean: 3 }))).json, { status: "wait", message: "12 of 50 orders" });
  assert.equal((await ask(t, worker, rows())).json.status, "wait");
});
