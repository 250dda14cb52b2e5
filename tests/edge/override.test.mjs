// QA's signed override: who may select a variant, and what outranks the override.

import assert from "node:assert/strict";
import { test } from "node:test";
import { mint } from "../../scripts/override.mjs";
import { NAVIGATION } from "./harness/client.mjs";
import { startSerin } from "./harness/workerd.mjs";

const SECRET = "a secret of these tests";
const HOST = "shop.example";
const OFF = { "canary-state": { enabled: true, percentage: 0 } };
const vars = { OVERRIDE_TOKEN: SECRET };

const inMinutes = (minutes) => Math.floor(Date.now() / 1000) + minutes * 60;
const token = (changes = {}) => mint(SECRET, { host: HOST, variant: "canary", expires: inMinutes(30), ...changes });
const withToken = (value) => ({ headers: { host: HOST, "serin-override": value } });

test("a valid token selects its variant, at 0 % and at 100 %, as a header and as a cookie", async (t) => {
  const serin = await startSerin(t, { kv: OFF, vars });
  assert.equal(await serin.variant({ headers: { host: HOST } }), "stable");
  assert.equal(await serin.variant(withToken(token())), "canary");
  assert.equal(await serin.variant({ headers: { host: `${HOST}:8443`, "serin-override": token() } }), "canary");
  const cookie = `a=1; serin_override=${encodeURIComponent(token())}`;
  assert.equal(await serin.variant({ headers: { host: HOST, cookie } }), "canary");

  await serin.kvSettled({ "canary-state": { enabled: true, percentage: 100 } });
  assert.equal(await serin.variant(withToken(token({ variant: "stable" }))), "stable");
});

test("any other token is ignored, and never an error", async (t) => {
  const serin = await startSerin(t, { kv: OFF, vars });
  const good = token();
  const [variant, exp, sig] = good.split(";");
  const others = {
    "signed with another key": mint("another secret", { host: HOST, expires: inMinutes(30) }),
    "for another host": token({ host: "other.example" }),
    "for the host with its port": token({ host: `${HOST}:80` }),
    "expired a second ago": token({ expires: inMinutes(0) - 1 }),
    "more than an hour ahead": token({ expires: inMinutes(61) }),
    "with its end moved": [variant, `exp=${inMinutes(31)}`, sig].join(";"),
    "with its variant changed": token({ variant: "stable" }).replace("stable", "canary"),
    "cut short": good.slice(0, -2),
    "with something behind it": `${good};x=1`,
    "without a signature": [variant, exp].join(";"),
    "the bare name": "canary",
    empty: "",
    "very long": `canary;exp=${"9".repeat(4000)};sig=00`,
  };
  for (const [name, value] of Object.entries(others)) {
    assert.equal(await serin.variant(withToken(value)), "stable", name);
    const cookie = `serin_override=${encodeURIComponent(value)}`;
    assert.equal(await serin.variant({ headers: { host: HOST, cookie } }), "stable", `${name}, as a cookie`);
  }
});

test("without OVERRIDE_TOKEN no token selects a variant", async (t) => {
  for (const unset of [{}, { OVERRIDE_TOKEN: "" }]) {
    const serin = await startSerin(t, { kv: OFF, vars: unset });
    assert.equal(await serin.variant(withToken(token())), "stable");
    assert.equal(await serin.variant(withToken(mint("", { host: HOST, expires: inMinutes(30) }))), "stable");
  }
});

test("a disabled canary, a switch and a missing policy outrank the token", async (t) => {
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: false, percentage: 50 } }, vars });
  assert.equal(await serin.variant(withToken(token())), "stable");
  await serin.kvSettled({ ...OFF, "ops:disable_canary": "1" });
  assert.equal(await serin.variant(withToken(token())), "stable");
  await serin.kvSettled({});
  assert.equal(await serin.variant(withToken(token())), "stable");
  await serin.kvSettled({ ...OFF, "ops:maintenance": "1" });
  assert.equal((await serin.request("/", withToken(token()))).status, 503);
});

test("the token outranks the rules", async (t) => {
  const rules = [{ match: { path: "/*" }, serve: "stable" }];
  const serin = await startSerin(t, { kv: { "canary-state": { enabled: true, percentage: 0, rules } }, vars });
  assert.equal(await serin.variant(withToken(token())), "canary");
});

test("the header never reaches a variant, whether the token is good or not", async (t) => {
  const serin = await startSerin(t, { kv: OFF, vars });
  for (const value of [token(), "nonsense"]) {
    const names = ["serin-override", "Serin-Override", "SERIN-OVERRIDE"];
    for (const name of names) {
      const echo = (await serin.request("/", { headers: { ...NAVIGATION, host: HOST, [name]: value } })).json;
      assert.deepEqual(echo.headers.filter(([header]) => header.startsWith("serin")), []);
    }
  }
});

test("a valid cookie never reaches a variant, whatever is decided, and other cookies do", async (t) => {
  const serin = await startSerin(t, { kv: OFF, vars });
  const encoded = encodeURIComponent(token());
  const others = Array.from({ length: 70 }, (_, n) => `c${n}=${n}`);
  const rules = [{ match: { path: "/*" }, serve: "stable" }];
  const policies = {
    "in force": OFF,
    "a rule": { "canary-state": { enabled: true, percentage: 50, rules } },
    "a disabled canary": { "canary-state": { enabled: false, percentage: 50 } },
    "a switch": { ...OFF, "ops:disable_canary": "1" },
    "no policy": {},
  };
  for (const [name, kv] of Object.entries(policies)) {
    await serin.kvSettled(kv);
    for (const place of ["first", "last", "twice", "with another host's header"]) {
      const own = `serin_override=${encoded}`;
      const all = { first: [own, ...others], last: [...others, own], twice: [own, ...others, own] }[place] ?? [...others, own];
      const host = place.startsWith("with") ? "other.example" : HOST;
      const echo = (await serin.request("/", { headers: { host, cookie: all.join("; ") } })).json;
      assert.deepEqual(echo.headers.filter(([header]) => header === "cookie"), [["cookie", others.join("; ")]], `${name}, ${place}`);
    }
  }
});
