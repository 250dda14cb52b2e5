// The canary's percentage, its visitors, and that no visitor is moved out of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { expected } from "./harness/bucket.mjs";
import { Browser, NAVIGATION, visitorCookie, visitorId } from "./harness/client.mjs";
import { eventually } from "./harness/eventually.mjs";
import { startSerin } from "./harness/workerd.mjs";

const VISITORS = 400;

test("every visitor is on the variant that an independent implementation of the split predicts", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 25, rolloutId: "spring" } } });
  for (let n = 0; n < VISITORS; n += 1) {
    assert.equal(await serin.variant({ headers: visitorCookie(n) }), expected(visitorId(n), 25, "spring"), `visitor ${n}`);
  }
});

test("a percentage of 0.001 applies", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 33.333 } } });
  for (let n = 0; n < VISITORS; n += 1) {
    assert.equal(await serin.variant({ headers: visitorCookie(n) }), expected(visitorId(n), 33.333), `visitor ${n}`);
  }
});

test("new browsers are assigned by the percentage, and keep their variant", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 25 } } });
  let onCanary = 0;
  for (let n = 0; n < VISITORS; n += 1) {
    const browser = new Browser(serin.client);
    const first = await browser.navigate();
    assert.equal(first, expected(browser.cookie("__Host-serin"), 25), "the first visit is assigned by its new id");
    if (first === "canary") onCanary += 1;
    for (let again = 0; again < 3; again += 1) assert.equal(await browser.navigate(`/page/${again}?both=name`), first);
    assert.equal((await browser.request("/api?both=name", { method: "POST" })).text.split(" ")[0], first);
  }
  // Six standard errors of 400 draws at a quarter: one run in half a billion is outside.
  assert.ok(Math.abs(onCanary - 100) < 52, `${onCanary} of ${VISITORS} on the canary at 25 %`);
});

test("growth from 0 to 100 never moves a visitor off the canary, and shrinking never moves one onto it", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 0 } } });
  const browsers = Array.from({ length: 100 }, (_, n) => new Browser(serin.client, { "__Host-serin": visitorId(n) }));
  const served = () => Promise.all(browsers.map((browser) => browser.navigate()));
  let before = await served();
  assert.ok(before.every((variant) => variant === "stable"));

  for (const percentage of [5, 25, 50, 100]) {
    await serin.kv({ "canary-state": { enabled: true, percentage } });
    const after = await eventually(async () => {
      const now = await served();
      now.forEach((variant, n) => before[n] === "canary" && assert.equal(variant, "canary", `visitor ${n} was moved`));
      now.forEach((variant, n) => assert.equal(variant, expected(visitorId(n), percentage), `visitor ${n}`));
      return now;
    });
    before = after;
  }

  await serin.kv({ "canary-state": { enabled: true, percentage: 5 } });
  await eventually(async () => {
    (await served()).forEach((variant, n) => assert.equal(variant, expected(visitorId(n), 5), `visitor ${n}`));
  });
});

test("a new rollout id re-assigns every visitor", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50, rolloutId: "a" } } });
  const side = async () => {
    const sides = [];
    for (let n = 0; n < 100; n += 1) sides.push(await serin.variant({ headers: visitorCookie(n) }));
    return sides;
  };
  assert.deepEqual(await side(), Array.from({ length: 100 }, (_, n) => expected(visitorId(n), 50, "a")));
  await serin.kvSettled({ "canary-state": { enabled: true, percentage: 50, rolloutId: "b" } });
  assert.deepEqual(await side(), Array.from({ length: 100 }, (_, n) => expected(visitorId(n), 50, "b")));
});

test("a first navigation gets the cookie once, with every protective attribute", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  const first = await serin.request("/", { headers: NAVIGATION });
  assert.equal(first.cookies.length, 1);
  const [pair, ...attributes] = first.cookies[0].split("; ");
  assert.match(pair, /^__Host-serin=[0-9a-f]{32}$/);
  assert.deepEqual(attributes.sort(), ["HttpOnly", "Max-Age=31536000", "Path=/", "SameSite=Lax", "Secure"]);

  const again = await serin.request("/", { headers: { ...NAVIGATION, cookie: pair } });
  assert.deepEqual(again.cookies, []);
});

test("a request for HTML without Sec-Fetch headers counts as a navigation", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  assert.equal((await serin.request("/", { headers: { accept: "text/html" } })).cookies.length, 1);
});

test("a request that is not a navigation gets no cookie", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  const others = [
    { headers: {} },
    { headers: { accept: "application/json" } },
    { headers: { accept: "text/html", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" } },
    { headers: { "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" } },
    { headers: { accept: "text/html" }, method: "POST" },
  ];
  for (const options of others) assert.deepEqual((await serin.request("/", options)).cookies, [], JSON.stringify(options));
});

test("a forged or broken cookie is ignored, and never an error", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  const id = visitorId(1);
  for (const value of ["canary", "", id.toUpperCase(), `${id}0`, id.slice(1), `${id}%00`, "%00", "x".repeat(8000)]) {
    const answer = await serin.request("/", { headers: { ...NAVIGATION, cookie: `__Host-serin=${value}` } });
    assert.equal(answer.status, 200, value);
    assert.match(answer.cookies[0] ?? "", /^__Host-serin=[0-9a-f]{32};/, `${value} is replaced`);
  }
});

test("without a cookie the IP address decides, the same way every time", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50 } } });
  for (let n = 0; n < 50; n += 1) {
    const address = `203.0.113.${n}`;
    const headers = { "cf-connecting-ip": address };
    assert.equal(await serin.variant({ headers }), expected(address, 50), address);
  }
});

test("the stickiness list is tried in its order", async (t) => {
  const stickiness = ["header:x-tenant", "cookie:session", "ip"];
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 50, stickiness } } });
  for (let n = 0; n < 20; n += 1) {
    const ip = { "cf-connecting-ip": `198.51.100.${n}` };
    const cookie = { ...ip, cookie: `other=1; session=s${n}` };
    const header = { ...cookie, "X-Tenant": `tenant-${n}` };
    assert.equal(await serin.variant({ headers: header }), expected(`tenant-${n}`, 50));
    assert.equal(await serin.variant({ headers: cookie }), expected(`s${n}`, 50));
    assert.equal(await serin.variant({ headers: ip }), expected(`198.51.100.${n}`, 50));
  }
});
