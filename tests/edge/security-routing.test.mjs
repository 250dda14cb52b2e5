// A client cannot choose its variant: forged tokens, cookies and headers, and oversized ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mint } from "../../scripts/override.mjs";
import { expected } from "./harness/bucket.mjs";
import { NAVIGATION, visitorCookie, visitorId } from "./harness/client.mjs";
import { startSerin } from "./harness/workerd.mjs";

const SECRET = "a secret of these tests";
const HOST = "shop.example";
const NOBODY = { "canary-state": { enabled: true, percentage: 0 } };
const HALF = { "canary-state": { enabled: true, percentage: 50 } };
const vars = { OVERRIDE_TOKEN: SECRET };

const token = () => mint(SECRET, { host: HOST, expires: Math.floor(Date.now() / 1000) + 1_800 });

/** Variants of a text: each byte in turn replaced by another letter, and with one bit flipped. */
function* changed(text) {
  for (let place = 0; place < text.length; place += 1) {
    const code = text.charCodeAt(place);
    for (const other of [code ^ 1, code ^ 4, code ^ 0x20]) {
      // A value that no header can carry is not sent.
      if (other < 0x21 || other > 0x7e) continue;
      yield text.slice(0, place) + String.fromCharCode(other) + text.slice(place + 1);
    }
  }
}

test("a token with any one of its bytes changed, cut or doubled selects no variant", async (t) => {
  const serin = await startSerin(t, { kv: NOBODY, vars });
  const good = token();
  const serves = (value) => serin.variant({ headers: { host: HOST, "serin-override": value } });
  assert.equal(await serves(good), "canary", "the token itself is good");
  const others = [...changed(good)].filter((other) => other.toLowerCase() !== good);
  for (let length = 0; length < good.length; length += 7) others.push(good.slice(0, length), good.slice(length + 1));
  others.push(`${good}, ${good}`, `${good};${good}`, good.toUpperCase(), good.replace("canary", "Canary"), `"${good}"`);
  assert.ok(others.length > 150);
  for (const other of others) assert.equal(await serves(other), "stable", other);
});

test("a good token in another header, cookie, query or body selects no variant, and two tokens count as none", async (t) => {
  const serin = await startSerin(t, { kv: NOBODY, vars });
  const good = token();
  const value = encodeURIComponent(good);
  const headers = [
    ["serin_override", good],
    ["x-serin-override", good],
    ["serin-override-", good],
    ["serin-variant", "canary"],
    ["x-canary", "always"],
    ["serin-override", good, "serin-override", good],
    ["serin-override", "canary", "Serin-Override", good],
    ["cookie", `serin-override=${value}`],
    ["cookie", `SERIN_OVERRIDE=${value}`],
    ["cookie", `serin_override=canary; serin_override=${value}`],
    ["cookie", `__Host-serin=canary; a="serin_override=${value}"`],
  ];
  for (const names of headers) {
    assert.equal(await serin.variant({ headers: ["host", HOST, ...names] }), "stable", names.join(": "));
  }
  const query = `/?both=name&serin-override=${value}&serin_override=${value}&variant=canary`;
  assert.equal((await serin.request(query, { headers: { host: HOST } })).text.split(" ")[0], "stable");
  const posted = await serin.request("/?both=name", { method: "POST", headers: { host: HOST }, body: `serin_override=${value}` });
  assert.equal(posted.text.split(" ")[0], "stable");
});

test("a visitor's cookie with any byte changed is never an error and selects no variant", async (t) => {
  const serin = await startSerin(t, { kv: HALF });
  const id = visitorId(3);
  const address = "203.0.113.9";
  for (const cookie of changed(`__Host-serin=${id}`)) {
    const answer = await serin.request("/?both=name", { headers: { cookie, "cf-connecting-ip": address } });
    assert.equal(answer.status, 200, cookie);
    const own = /^__Host-serin=([0-9a-f]{32})$/.exec(cookie)?.[1];
    assert.equal(answer.text.split(" ")[0], expected(own ?? address, 50), cookie);
  }
});

test("a header that names a variant does not change the split", async (t) => {
  const serin = await startSerin(t, { kv: HALF, vars });
  const names = ["serin-override", "serin_override", "Serin-Variant", "serin-attempt", "x-forwarded-for", "true-client-ip", "x-real-ip", "forwarded"];
  for (let n = 0; n < 20; n += 1) {
    const side = expected(visitorId(n), 50);
    for (const name of names) {
      for (const value of ["canary", "stable", "1", "__Host-serin=0"]) {
        const headers = { ...visitorCookie(n), [name]: value };
        assert.equal(await serin.variant({ headers }), side, `${name}: ${value}`);
      }
    }
    const address = `203.0.113.${n}`;
    const spoofed = { "cf-connecting-ip": address, "x-forwarded-for": "198.51.100.1", "x-real-ip": "198.51.100.1" };
    assert.equal(await serin.variant({ headers: spoofed }), expected(address, 50));
  }
});

test("oversized cookies are routed like none, and never an error", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { ...HALF["canary-state"], stickiness: ["cookie:session", "visitor"] } } });
  const id = visitorId(5);
  const address = "203.0.113.5";
  const own = `__Host-serin=${id}`;
  const headers = {
    "100,000 semicolons": [";".repeat(100_000), address],
    "100,000 semicolons behind the visitor's": [own + ";".repeat(100_000), id],
    "10,000 pairs": [Array.from({ length: 10_000 }, (_, n) => `c${n}=${n}`).join(";"), address],
    "10,000 pairs before the session": [`${Array.from({ length: 10_000 }, (_, n) => `c${n}=1`).join(";")};session=s`, address],
    "10,000 that are nearly Serin's": ["serin=1;__Host-serin;".repeat(5_000), address],
    "a pair of 100,000 bytes": [`a=${"x".repeat(100_000)}`, address],
    "a session before 100,000 bytes": [`session=s; a=${"x".repeat(100_000)}`, "s"],
    "nothing but equals signs": ["=".repeat(60_000), address],
    "quotes and blanks": ['"; ;" ; ="";'.repeat(5_000), address],
    "bytes beyond ASCII": ["a=\u00e9\u00ff; \u00a0b=1", address],
  };
  for (const [name, [cookie, key]] of Object.entries(headers)) {
    const answer = await serin.request("/?both=name", { headers: { cookie, "cf-connecting-ip": address } });
    assert.equal(answer.status, 200, name);
    assert.equal(answer.text.split(" ")[0], expected(key, 50), name);
  }
  const page = await serin.request("/?both=name", { headers: { ...NAVIGATION, cookie: ";".repeat(100_000) } });
  assert.match(page.cookies.join(), /^__Host-serin=[0-9a-f]{32};/);
  assert.deepEqual(serin.logs("panic"), []);
});
