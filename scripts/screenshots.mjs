// Makes the pictures of docs/console.md and README.md: the built console in a real browser, on two scripted rollouts under load.
//
//   npm run build && npm run screenshots

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DESKTOP, PHONE, openWindow, signIn, startBrowser } from "../tests/console/harness/browser.mjs";
import { eventually } from "../tests/edge/harness/eventually.mjs";
import { startLoad } from "../tests/edge/harness/load.mjs";
import { ADMIN_TOKEN, startSerin } from "../tests/edge/harness/workerd.mjs";

const FOLDER = join(import.meta.dirname, "..", "docs", "console");
const STATE = { enabled: true, percentage: 0, stableWorker: "shop-v41", canaryWorker: "shop-v42" };
// A busy machine answers slowly, which is no part of the pictures.
const TIMES = { settle: "1s", lookEvery: "20s", analysis: { tickMs: 1_000, flushIntervalMs: 1_000, p95CeilingMs: 2_000 }, detect: { points: 20 } };
const steps = [{ percentage: 5, hold: "60s" }, { percentage: 25, hold: "30m" }, { percentage: 50, hold: "30m", approval: true }, { percentage: 100, hold: "30m" }];

const closing = [];
const t = { after: (close) => closing.push(close) };
mkdirSync(FOLDER, { recursive: true });

try {
  const serin = await startSerin(t, { console: true, kv: { "canary-state": STATE } });
  const browser = await startBrowser(t);
  const start = (id, reason, plan) => serin.api("POST", "rollouts", { id, reason, actor: "ada", schedule: "custom", ...TIMES, ...plan });
  const picture = async (name, view, options, prepare = async () => {}) => {
    const { page, context } = await openWindow(browser, serin, options);
    await signIn(page, ADMIN_TOKEN);
    await page.goto(`/__serin/#/${view}`);
    await page.waitForFunction(() => !document.querySelector("main .skeleton"));
    await prepare(page);
    await page.screenshot({ path: join(FOLDER, `${name}.png`) });
    await context.close();
    console.log(`docs/console/${name}.png`);
  };
  const curves = (page) => page.locator(".chart .line").first().waitFor({ state: "attached" });

  // One visitor in a hundred meets an error, on both sides, and answers take some time.
  let worse = "";
  const path = () => (Math.random() < 0.01 ? "/?both=status:500&quiet" : `/?both=late:${8 + Math.floor(Math.random() ** 3 * 60)}&quiet${Math.random() < 0.3 ? worse : ""}`);
  startLoad(t, serin, { connections: 6, path });
  await start("release-42", "faster search", { steps });
  const isAt = (check) => eventually(async () => {
    const { rollout } = await serin.status();
    if (!check(rollout)) throw new Error(`${rollout.phase}, step ${rollout.step}`);
  }, { within: 300_000 });
  await isAt(({ step, since }) => step === 2 && Date.now() - Date.parse(since) > 120_000);
  const tall = { ...DESKTOP, height: 1_320 };
  await picture("now-light", "now", { viewport: tall, colorScheme: "light" }, curves);
  await picture("now-dark", "now", { viewport: tall, colorScheme: "dark" }, curves);
  await picture("phone", "now", { viewport: PHONE, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: "dark" });
  await picture("explain", "explain", { viewport: { ...DESKTOP, height: 800 }, colorScheme: "light" }, async (page) => {
    await page.getByLabel("Sticky key").fill("u-17");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.locator(".ruler").waitFor();
  });

  worse = "&canary=status:500";
  await isAt(({ phase }) => phase === "rolled-back");
  await picture("rolled-back", "now", { viewport: tall, colorScheme: "light" }, curves);
  await picture("new-rollout", "start", { viewport: { ...DESKTOP, height: 860 }, colorScheme: "light" }, async (page) => {
    await page.getByRole("radio", { name: /Custom/ }).check();
    await page.getByText("The splitter accepts this plan.").waitFor();
  });
} finally {
  for (const close of closing.reverse()) await close();
}
process.exit(0);
