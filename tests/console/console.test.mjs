// The console in a real browser, against the built Worker in workerd, with rollouts under load.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { createRequire } from "node:module";
import test, { before, after } from "node:test";
import { eventually } from "../edge/harness/eventually.mjs";
import { startLoad } from "../edge/harness/load.mjs";
import { QUICK_PLAN } from "../edge/harness/quick-plan.mjs";
import { ADMIN_TOKEN, CANARY_VERSION, startSerin } from "../edge/harness/workerd.mjs";
import { DESKTOP, PHONE, newPage, openWindow, signIn, startBrowser } from "./harness/browser.mjs";
import { held, hurry, polled } from "./harness/day.mjs";

const STATE = { enabled: true, percentage: 0, stableWorker: "shop-v41", canaryWorker: "shop-v42" };
const VIEWER_TOKEN = "token-of-a-viewer";
const { settle, lookEvery, analysis } = QUICK_PLAN;
const TIMES = { settle, lookEvery, bake: "2s", analysis };
const SLOW = { schedule: "custom", steps: [25, 100], hold: "1h", ...TIMES };
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const VIEWS = ["now", "traffic", "history", "explain", "policy", "start"];

/** What a dry run answers about a plan of four steps, in the form of docs/control-api.md. */
const EXPECTED = {
  durationMs: 4_140_000,
  steps: [
    { durationMs: 900_000, canaryPerMinute: 4, needed: 20 },
    { durationMs: 2_340_000, canaryPerMinute: 40, needed: 6_010 },
    { durationMs: 900_000, canaryPerMinute: 80, needed: 20 },
    { durationMs: null, canaryPerMinute: null, needed: 20 },
  ],
  smallestRegression: { factor: 2, points: 0.1 },
  sentence: "About 1 h 9 min at the traffic of the last hour (80 visitors a minute).",
};

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

/** What axe finds serious on the page. */
async function barriers(page) {
  // The policy keeps out what a test injects, so axe runs in the browser's own isolated evaluation.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => `${html.slice(0, 140)} ${any[0]?.message ?? ""}`).join(" | ")}`);
}

async function open(t, options = {}) {
  const serin = await startSerin(t, { console: true, kv: { "canary-state": STATE }, vars: { VIEWER_TOKEN }, ...options });
  const start = async (plan) => {
    const answer = await serin.api("POST", "rollouts", { actor: "ada", reason: "faster search", ...plan });
    assert.equal(answer.status, 200, answer.text);
  };
  const window = async (options, token = ADMIN_TOKEN) => {
    const opened = await openWindow(browser, serin, options);
    t.after(() => opened.context.close());
    await signIn(opened.page, token);
    return opened;
  };
  return { serin, start, window };
}

const share = (page) => page.getByTestId("share").locator(".value");

test("a rollout advances before the eyes of who watches, without a reload", async (t) => {
  const { serin, start, window } = await open(t);
  const { page, complaints } = await window();
  await page.getByText("No rollout has run yet").waitFor();
  startLoad(t, serin, { connections: 8 });
  await start({ id: "release-42", schedule: "custom", steps: [25, 60, 100], hold: "3s", detect: { points: 20 }, ...TIMES });
  const seen = new Set();
  const watching = eventually(async () => {
    seen.add((await share(page).textContent()).trim());
    await page.getByText("Completed", { exact: true }).waitFor({ timeout: 50 });
  }, { within: 40_000 });
  await watching;
  assert.ok(seen.has("25 %") || seen.has("60 %"), [...seen].join(", "));
  assert.equal((await share(page).textContent()).trim(), "100 %");
  await page.getByText("shop-v41 → shop-v42").waitFor();
  assert.match(await page.title(), /^100 % · Serin$/);
  assert.deepEqual(complaints, []);
});

test("a canary breaks, and the page says why; its history keeps the curves and the audit", async (t) => {
  const { serin, start, window } = await open(t);
  const { page, complaints } = await window();
  let behaviour = "name";
  startLoad(t, serin, { connections: 4, path: () => `/?stable=name&canary=${behaviour}&quiet` });
  await start({ ...SLOW, id: "release-43" });
  await page.getByText("Progressing", { exact: true }).waitFor();
  behaviour = "status:500";
  await page.getByText("Rolled back.", { exact: true }).waitFor({ timeout: 30_000 });
  const { rollout: { impact, figures } } = await serin.status();
  assert.ok(impact.failed > 0 && impact.rescued > 0, JSON.stringify(impact));
  const row = (name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });
  await row(/^Rescued by stable/).getByText(impact.rescued.toLocaleString("en"), { exact: true }).waitFor();
  await row(/^Seen by clients/).getByText(impact.seen.toLocaleString("en"), { exact: true }).waitFor();
  await row(/^p50/).getByText(`${figures.stable.p50Ms} ms`, { exact: true }).first().waitFor();
  await page.getByRole("meter", { name: "Errors" }).waitFor();
  assert.match(await page.getByRole("meter", { name: "Errors" }).getAttribute("aria-valuetext"), /rolls back at 200 to 1/);
  await page.getByText(/The canary fails more often than stable|above a ceiling/).first().waitFor();
  assert.equal((await share(page).textContent()).trim(), "0 %");
  // A colour is never alone.
  await page.getByText("Rolled back", { exact: true }).waitFor();

  await page.getByRole("link", { name: "History" }).click();
  await page.getByRole("link", { name: /release-43/ }).click();
  await page.getByRole("heading", { name: "Rollout release-43" }).waitFor();
  await page.getByText(/^Error rate$/).waitFor();
  await page.getByText("ada: faster search", { exact: true }).waitFor();
  await page.getByText(/rolled back · controller/).waitFor();
  await page.getByText(/^\d+: \d+ rescued by stable, \d+ seen by clients$/).waitFor();
  // The sentence of an analysis is read at its place in the curve, by keyboard as well.
  await page.locator(".chart svg").first().focus();
  await page.keyboard.press("End");
  const reading = page.locator(".chart .reading").first();
  for (let step = 0; step < 5 && !/rolled back/.test(await reading.textContent()); step += 1) await page.keyboard.press("ArrowLeft");
  assert.match(await reading.textContent(), /canary .*, stable .*rolled back by controller/);
  assert.deepEqual(complaints, []);
});

test("a step that mirrors shows pairs of answers and their differences, and which version gets the copies", async (t) => {
  const { serin, start, window } = await open(t, { versions: true, kv: { "canary-state": { enabled: false, percentage: 0 } } });
  const { page, complaints } = await window();
  startLoad(t, serin, { connections: 4, path: () => "/item/17?stable=name&canary=status:404&quiet" });
  const steps = [{ mirror: 100, hold: "1h" }, 100];
  // The difference is shown and rolls nothing back.
  const mirroring = { statuses: [{ stable: 200, canary: 404, counts: "neither" }] };
  await start({ id: "release-44", schedule: "custom", steps, mirroring, ...TIMES });
  await page.getByText(`stable → version ${CANARY_VERSION}`).waitFor();
  await page.getByRole("heading", { name: "Copies of requests" }).waitFor({ timeout: 20_000 });
  await page.getByRole("meter", { name: "Answers" }).waitFor();
  const difference = page.getByRole("region", { name: "Differences" }).getByRole("row").filter({ hasText: "/item/*" });
  await difference.waitFor();
  assert.match(await difference.textContent(), /\/item\/\*200404for neither/);
  assert.equal((await share(page).textContent()).trim(), "0 %");
  assert.deepEqual(await barriers(page), []);

  await serin.platform({ override: "ignore" });
  await page.getByText(/^Versions: canary: \d+ of \d+ answers are of another version/).waitFor({ timeout: 20_000 });
  assert.deepEqual(complaints, []);
});

test("one click halts at phone width, and lifting the halt asks first", async (t) => {
  const { serin, start, window } = await open(t);
  await start({ ...SLOW, id: "r1" });
  const { page, complaints } = await window({ viewport: PHONE, hasTouch: true, isMobile: true });
  await page.getByText("Progressing", { exact: true }).waitFor();
  const halt = page.getByRole("button", { name: "Halt canary" });
  const box = await halt.boundingBox();
  assert.ok(box.y + box.height <= PHONE.height && box.x + box.width <= PHONE.width && box.height >= 44, JSON.stringify(box));
  await page.getByLabel("Reason of the halt").fill("checkout is broken");
  await halt.tap();
  await page.getByText("Halted.", { exact: true }).waitFor();
  const { halt: halted } = await serin.status();
  assert.deepEqual([halted.actor, halted.reason], ["ada", "checkout is broken"]);
  assert.equal((await share(page).textContent()).trim(), "0 %");
  await page.getByText(/configured 25 %/).waitFor();

  await page.getByRole("button", { name: "Lift the halt" }).tap();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/25 %/).waitFor();
  await dialog.getByRole("button", { name: /^Lift the halt/ }).tap();
  // The splitter wants the share confirmed where it is another one than what was said.
  const again = dialog.getByRole("button", { name: /^Lift the halt, at/ });
  await again.or(page.getByText("Paused", { exact: true })).first().waitFor();
  if (await again.isVisible()) await again.tap();
  await page.getByText("Paused", { exact: true }).waitFor();
  assert.equal((await serin.status()).halt, null);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `${width} px`);
  assert.deepEqual(complaints, []);
});

test("who was slower learns who was faster", async (t) => {
  const { serin, start, window } = await open(t);
  await start({ ...SLOW, id: "r1" });
  const { page } = await window();
  await page.getByRole("button", { name: "Next step" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText(/grows from 25 % to 100 %/).waitFor();
  assert.equal((await serin.api("POST", "rollouts/current/pause", { actor: "bob" })).status, 200);
  await dialog.getByRole("button", { name: "Next step" }).click();
  await dialog.getByText(/bob was faster: paused/).waitFor();
  assert.equal((await serin.status()).rollout.step, 1);
});

test("a rollout is checked by the splitter, and started from the form by keyboard alone", async (t) => {
  const { serin, window } = await open(t);
  const { page, complaints } = await window();
  await page.getByRole("link", { name: "New rollout" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: /Custom/ }).focus();
  await page.keyboard.press("Space");
  const first = page.getByRole("group", { name: "Step 1" }).getByLabel("Percent");
  await first.fill("80");
  await page.getByText(/steps\[1\]/).waitFor();
  await first.fill("2");
  await page.getByText("The splitter accepts this plan.").waitFor();
  await page.getByLabel("Name").fill("by-keyboard");
  await page.getByText("The splitter accepts this plan.").waitFor();
  assert.equal((await serin.status()).rollout, null, "a check starts nothing");
  await page.getByRole("button", { name: "Start…" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByText(/2 % of visitors at once/).waitFor();
  await page.getByRole("dialog").getByLabel("Reason").fill("a try");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Rollout by-keyboard" }).waitFor();
  const { rollout } = await serin.status();
  assert.deepEqual([rollout.id, rollout.startedBy, rollout.startedReason, rollout.percentage], ["by-keyboard", "ada", "a try", 2]);
  assert.deepEqual(rollout.steps.map(({ approval }) => approval), [false, true, false]);
  assert.deepEqual(complaints, []);
});

test("a plan with windows says when it takes no step, what it will take and what it will notice", async (t) => {
  const { start, window } = await open(t);
  const { page, complaints } = await window();
  // The estimate depends on the traffic of the last hour, so the answer's is replaced by one that is known.
  await page.route("**/rollouts?dryRun=true", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), expected: EXPECTED } });
  });
  await page.getByRole("link", { name: "New rollout" }).click();
  await page.getByText("Windows in which no step is taken").click();
  await page.getByLabel("Hours of every day").fill("22:00-6");
  await page.getByText(/freeze\.hours/).first().waitFor();
  assert.equal(await page.getByLabel("Hours of every day").getAttribute("aria-invalid"), "true");
  await page.getByLabel("Hours of every day").fill("22:00-06:00");
  await page.getByLabel("Saturday and Sunday").check();
  await page.getByText("The splitter accepts this plan.").waitFor();
  const panel = page.getByRole("region", { name: "At the traffic of the last hour" });
  await panel.getByText(EXPECTED.sentence).waitFor();
  await panel.getByText("1 h 9 min", { exact: true }).waitFor();
  await panel.getByText("2 × the errors", { exact: true }).waitFor();
  await panel.getByText("0.1 percentage points more than stable", { exact: true }).waitFor();
  const cells = await panel.getByRole("row").evaluateAll((rows) => rows.map((row) => [...row.cells].map(({ textContent }) => textContent)));
  assert.deepEqual(cells[2], ["25 %", "15 min", "39 min", "40", "6,010"]);
  assert.deepEqual(cells[4], ["100 %", "15 min", "–", "–", "20"]);

  await start({ ...SLOW, freeze: { timeZone: "Europe/Berlin", days: ["sat", "sun"], hours: ["22:00-06:00"] }, id: "frozen" });
  await page.getByRole("link", { name: "Now" }).click();
  await page.getByText("No step in Sat, Sun; 22:00-06:00 (Europe/Berlin).").waitFor();
  assert.deepEqual(complaints, []);
});

test("the policy's document marks what is wrong at its line, and is written after its differences were shown", async (t) => {
  const rules = [{ match: { path: "/api/*", asn: [64_496] }, serve: "canary" }];
  const { serin, window } = await open(t, { kv: { "canary-state": { ...STATE, rules } } });
  const { page, complaints } = await window();
  await page.goto("/__serin/#/policy");
  const editor = page.getByLabel("Document", { exact: true });
  await page.getByText("1. asn 64496, path /api/*").waitFor();
  const text = await editor.inputValue();
  const marked = page.locator(".editor li.marked");
  const lineOf = (part, of, from = 0) => String(of.slice(0, of.indexOf(part, from)).split("\n").length);
  const write = page.getByRole("button", { name: "Review and write…" });

  // Syntax: the line where the comma is missing.
  const broken = text.replace('"enabled": true,', '"enabled": true');
  await editor.fill(broken);
  await marked.waitFor();
  assert.equal(await marked.textContent(), String(Number(lineOf('"enabled"', broken)) + 1));
  assert.deepEqual([await editor.getAttribute("aria-invalid"), await write.isDisabled()], ["true", true]);

  // A field that the splitter refuses, by the path that its answer names.
  const refused = text.replace("64496", '"x"');
  await editor.fill(refused);
  await page.getByRole("status").getByText(/rules\[0\]\.match\.asn\[0\]/).waitFor();
  assert.equal(await marked.textContent(), lineOf('"x"', refused));
  assert.equal(await write.isDisabled(), true);
  assert.deepEqual((await serin.values())["canary-state"], JSON.stringify({ ...STATE, rules }), "a check writes nothing");

  // A missing field is marked at its parent.
  const without = text.replace(/"serve": "canary"/, '"server": "canary"');
  await editor.fill(without);
  await page.getByRole("status").getByText(/rules\[0\]\.serve/).waitFor();
  assert.equal(await marked.textContent(), lineOf("{", without, without.indexOf('"rules"')));

  await editor.fill(text.replace("64496", "64511"));
  await page.getByText("Nothing is written yet.").waitFor();
  await write.click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("64511").waitFor();
  await dialog.getByText("64496").waitFor();
  await dialog.getByRole("button", { name: "Write it" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.getByText("1. asn 64511, path /api/*").waitFor();
  assert.deepEqual(JSON.parse((await serin.values())["canary-state"]).rules[0].match.asn, [64_511]);
  assert.deepEqual(complaints, []);
});

test("a switch's banner says why, by whom, since when and until when", async (t) => {
  const { serin, window } = await open(t);
  const until = new Date(Date.now() + 3_600_000).toISOString();
  assert.equal((await serin.api("PUT", "switches/disable_writes", { on: true, actor: "bob", reason: "failover", until })).status, 200);
  const { page } = await window();
  await page.getByRole("alert").getByText(/“failover”, bob, since \d\d:\d\d:\d\d GMT\+[12], until .*\d\d:\d\d:\d\d GMT\+[12]/).waitFor();
});

test("the page neither jumps nor grows while it is open", async (t) => {
  const { serin, start } = await open(t);
  await start({ ...SLOW, id: "r1" });
  const { page, context } = await openWindow(browser, serin);
  t.after(() => context.close());
  await hurry(context);
  await context.addInitScript(() => {
    window.jumps = 0;
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.jumps += value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await signIn(page, ADMIN_TOKEN);
  const devtools = await context.newCDPSession(page);
  await polled(page, 30);
  const [first, early] = [await page.evaluate(() => window.jumps), await held(devtools)];
  await polled(page, 150);
  const late = await held(devtools);
  // 0.1 is the limit of a good page by Core Web Vitals, for its whole life.
  assert.ok((await page.evaluate(() => window.jumps)) < 0.1, `${first} and then ${await page.evaluate(() => window.jumps)}`);
  assert.ok(late.heap < early.heap * 1.25 && late.nodes < early.nodes * 1.5 && late.listeners < early.listeners * 1.5, JSON.stringify({ early, late }));
});

test("explain shows the variant of a key, and the percentage at which it would change", async (t) => {
  const { serin, start, window } = await open(t);
  await start({ ...SLOW, id: "r1" });
  const { page } = await window();
  await page.getByRole("link", { name: "Explain" }).click();
  const { variant, changesAt } = (await serin.api("GET", "explain?key=u-17")).json;
  await page.getByLabel("Sticky key").fill("u-17");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.locator(".answer").getByText(variant, { exact: true }).waitFor();
  await page.getByText(`${changesAt} %`).first().waitFor();
});

test("a viewer sees everything and can change nothing", async (t) => {
  const { serin, start, window } = await open(t);
  await start({ ...SLOW, id: "r1" });
  const { page } = await window({}, VIEWER_TOKEN);
  await page.getByText("Progressing", { exact: true }).waitFor();
  await page.getByText(/signed in as a viewer/).waitFor();
  for (const view of VIEWS) {
    await page.goto(`/__serin/#/${view}`);
    for (const name of [/Halt/, /Pause/, /Abort/, /Turn on/, /Start…/, /write/]) {
      assert.equal(await page.getByRole("button", { name }).count(), 0, `${view}: ${name}`);
    }
  }
  const statuses = await page.evaluate(async () => {
    const headers = { "serin-console": "1", "content-type": "application/json" };
    const sent = [["POST", "halt", "{}"], ["PUT", "switches/maintenance", '{"on":true}'], ["POST", "rollouts/current/abort", "{}"]];
    return Promise.all(sent.map(async ([method, path, body]) => (await fetch(`/__serin/${path}`, { method, headers, body })).status));
  });
  assert.deepEqual(statuses, [403, 403, 403]);
  assert.equal((await serin.status()).rollout.phase, "progressing");
});

test("another site cannot use the session, by a form or by a script, and the page stays out of frames", async (t) => {
  const { serin, start, window } = await open(t);
  await start({ ...SLOW, id: "r1" });
  const { page, context } = await window();
  const evil = createServer((_, response) => {
    const target = `http://localhost:${serin.port}/__serin`;
    response.writeHead(200, { "content-type": "text/html" }).end(`<form method="post" action="${target}/halt"><button>win</button></form><iframe src="${target}/"></iframe>
      <script>window.tries = Promise.all([["POST", "text/plain"], ["POST", "application/json"]].map(([method, type]) =>
        fetch("${target}/halt", { method, body: "{}", credentials: "include", headers: { "content-type": type } }).then(() => "read", () => "blocked")));</script>`);
  }).listen(0, "127.0.0.1");
  t.after(() => evil.close());
  await once(evil, "listening");
  const other = await newPage(context, []);
  await other.goto(`http://127.0.0.1:${evil.address().port}/`);
  assert.deepEqual(await other.evaluate(() => window.tries), ["blocked", "blocked"]);
  const frame = other.frames().find((frame) => frame !== other.mainFrame());
  await assert.rejects(frame.getByText("Serin").waitFor({ timeout: 500 }));
  await other.getByRole("button", { name: "win" }).click();
  await other.waitForURL(/__serin\/halt/);
  assert.match(await other.content(), /urn:serin:(unauthorized|foreign-origin)/);
  // A script of the same origin that is not the page lacks the header.
  assert.equal(await page.evaluate(async () => (await fetch("/__serin/halt", { method: "POST" })).status), 403);
  assert.equal((await serin.status()).halt, null);
});

test("signed out, the session is gone; the page asks for the token and says when it is wrong", async (t) => {
  const { serin, window } = await open(t);
  const { page, context } = await window();
  const [cookie] = (await context.cookies()).filter(({ name }) => name === "__Host-serin-console");
  assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.path], [true, true, "Strict", "/"]);
  assert.equal(await page.evaluate(() => document.cookie), "");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!kept.includes(ADMIN_TOKEN), kept);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  assert.deepEqual((await context.cookies()).filter(({ name }) => name === "__Host-serin-console"), []);
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("This is neither ADMIN_TOKEN nor VIEWER_TOKEN.").waitFor();
  assert.ok(serin.port > 0);
});

test("when the splitter does not answer, the page says since when it is not live, and recovers by itself", async (t) => {
  const { start, window } = await open(t);
  await start({ ...SLOW, id: "r1" });
  const { page, context } = await window();
  await context.setOffline(true);
  await page.getByRole("alert").getByText(/Not live since \d\d:\d\d:\d\d/).waitFor({ timeout: 20_000 });
  await context.setOffline(false);
  await page.getByText("Live", { exact: true }).waitFor({ timeout: 20_000 });
  assert.equal(await page.getByText(/Not live since/).count(), 0);
});

test("axe finds nothing serious in any view, in light, dark and at phone width", async (t) => {
  const { serin, start, window } = await open(t);
  startLoad(t, serin, { connections: 2 });
  await start({ ...SLOW, id: "r1" });
  await serin.api("PUT", "switches/disable_writes", { on: true, actor: "ada", reason: "database" });
  for (const options of [{ viewport: DESKTOP, colorScheme: "light" }, { viewport: PHONE, colorScheme: "dark" }]) {
    const { page, context } = await window(options);
    const audit = async (what) => assert.deepEqual(await barriers(page), [], `${what}, ${options.colorScheme}`);
    for (const view of VIEWS) {
      await page.goto(`/__serin/#/${view}`);
      await page.locator("main h2").first().waitFor();
      await page.waitForFunction(() => !document.querySelector("main .skeleton"));
      await audit(view);
    }
    await page.goto("/__serin/#/now");
    await page.getByRole("button", { name: "Pause" }).click();
    await audit("a dialog");
    await context.clearCookies();
    await page.getByLabel("Token").waitFor({ timeout: 20_000 });
    await audit("sign in");
  }
});

test("a visitor keeps one side in two tabs, after a reload and for a year; a private window is another visitor", async (t) => {
  const { serin } = await open(t, { lab: true, kv: { "canary-state": { ...STATE, percentage: 50 } } });
  const visit = async (context) => {
    const page = await context.newPage();
    await page.goto("/?both=name");
    return { page, variant: (await page.textContent("body")).split(" ")[0] };
  };
  const visitorOf = async (context) => (await context.cookies()).find(({ name }) => name === "__Host-serin");
  const seen = [];
  for (let window = 0; window < 8; window++) {
    const { context } = await openWindow(browser, serin);
    const first = await visit(context);
    const second = await visit(context);
    await first.page.reload();
    const reloaded = (await first.page.textContent("body")).split(" ")[0];
    assert.deepEqual([second.variant, reloaded], [first.variant, first.variant]);
    const cookie = await visitorOf(context);
    const days = (cookie.expires - Date.now() / 1_000) / 86_400;
    assert.ok(days > 364 && days <= 365.1, `${days} days`);
    seen.push({ variant: first.variant, cookie });
    await context.close();
  }
  assert.deepEqual([...new Set(seen.map(({ variant }) => variant))].sort(), ["canary", "stable"]);
  assert.equal(new Set(seen.map(({ cookie }) => cookie.value)).size, 8, "each private window is a visitor of its own");

  // A day before the year is over, the browsers come back with what they kept, which is good for one more day.
  await serin.clockAhead(364 * 86_400);
  for (const { variant, cookie } of seen) {
    const { context } = await openWindow(browser, serin, { storageState: { cookies: [{ ...cookie, expires: cookie.expires - 364 * 86_400 }], origins: [] } });
    assert.equal((await visit(context)).variant, variant);
    assert.equal((await visitorOf(context)).value, cookie.value);
    await context.close();
  }
});
