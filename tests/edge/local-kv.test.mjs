// With wrangler's own KV and the Workers of `npm start`: values that an operator writes take effect.

import assert from "node:assert/strict";
import { test } from "node:test";
import { expected } from "./harness/bucket.mjs";
import { Browser, Client, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startUnderWrangler } from "./harness/wrangler.mjs";

test("the split, its growth, and each switch, with a real KV", async (t) => {
  const { port, kv } = await startUnderWrangler(t);
  const client = new Client(port);
  t.after(() => client.close());
  const browsers = Array.from({ length: 40 }, (_, n) => new Browser(client, { "__Host-serin": visitorId(n) }));
  const served = () => Promise.all(browsers.map(async (browser) => (await browser.request("/")).json.served_by));
  const predicted = (percentage) => browsers.map((_, n) => expected(visitorId(n), percentage));

  await t.test("without a state, stable serves", async () => assert.deepEqual(await served(), predicted(0)));

  for (const percentage of [5, 25, 50, 100]) {
    await t.test(`${percentage} %`, async () => {
      await kv.put("canary-state", JSON.stringify({ enabled: true, percentage }));
      await eventually(async () => assert.deepEqual(await served(), predicted(percentage)));
    });
  }

  await t.test("a new browser keeps its variant", async () => {
    await kv.put("canary-state", JSON.stringify({ enabled: true, percentage: 50 }));
    await eventually(async () => assert.deepEqual(await served(), predicted(50)));
    const browser = new Browser(client);
    const side = JSON.parse(await browser.navigate("/")).served_by;
    assert.equal(side, expected(browser.cookie("__Host-serin"), 50));
    for (let n = 0; n < 5; n += 1) assert.equal(JSON.parse(await browser.navigate("/")).served_by, side);
  });

  await t.test("ops:disable_canary", async () => {
    await kv.put("ops:disable_canary", "1");
    await eventually(async () => assert.deepEqual(await served(), predicted(0)));
    await kv.delete("ops:disable_canary");
    await eventually(async () => assert.deepEqual(await served(), predicted(50)));
  });

  await t.test("ops:disable_writes", async () => {
    await kv.put("ops:disable_writes", "1");
    await eventually(async () => assert.equal((await client.request("/", { method: "POST" })).status, 503));
    assert.equal((await client.request("/")).status, 200);
    await kv.delete("ops:disable_writes");
    await eventually(async () => assert.equal((await client.request("/", { method: "POST" })).status, 200));
  });

  await t.test("ops:maintenance", async () => {
    await kv.put("ops:maintenance", JSON.stringify({ reason: "moving" }));
    await eventually(async () => assert.equal((await client.request("/")).status, 503));
    const health = (await client.request("/health?detailed=true")).json;
    const on = health.components.switches.on.map(({ since, ...others }) => others);
    assert.deepEqual(on, [{ name: "ops:maintenance", reason: "moving", heldBy: "kv" }]);
    await kv.delete("ops:maintenance");
    await eventually(async () => assert.equal((await client.request("/")).status, 200));
  });
});
