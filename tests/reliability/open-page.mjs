// What an open console costs: CPU of the splitter for each call and for a page that polls all day, the page's memory over that day, and the
// time until a slow phone shows it. The day is compressed: as many polls, drawings and answers as a day has, with faster timers.
//
//   npm run open-page -- [--polls 43200] [--calls 300] [--write]
//
// A visible page polls every two seconds, which is 43,200 times a day.

import { parseArgs } from "node:util";
import { held, hurry, polled } from "../console/harness/day.mjs";
import { PHONE, openWindow, signIn, startBrowser } from "../console/harness/browser.mjs";
import { eventually } from "../edge/harness/eventually.mjs";
import { startLoad } from "../edge/harness/load.mjs";
import { ADMIN_TOKEN, startSerin } from "../edge/harness/workerd.mjs";
import { numbers, quantile, table, writeSection } from "./page.mjs";

const VIEWS = ["traffic", "history", "explain", "policy", "start", "now"];
/** How often the day is looked at, each time after a walk through all views. */
const HOURS = 24;
/** Rows of the table are this many of those apart. */
const SHOWN = 4;
const POLL_SECONDS = 2;
/** What the heap and the nodes may grow by between the second quarter of the day and the last. */
const MOST_GROWTH = 1.1;
/** The profile "slow 4G" of Chrome's developer tools, and a processor four times slower. */
const SLOW_4G = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 };
const SLOWER = 4;
const LOADS = 5;
const AUDIT = "audit?limit=200";
/** An analysis each minute is one at every thirtieth poll, and a compressed day has some forty polls a second. */
const PLAN = { id: "day", schedule: "custom", steps: [25, 100], hold: "24h", settle: "1s", lookEvery: "1s", actor: "ada", reason: "a day", analysis: { tickMs: 200, flushIntervalMs: 200 } };

const { values } = parseArgs({ options: { polls: { type: "string", default: "43200" }, calls: { type: "string", default: "300" }, write: { type: "boolean", default: false } } });
const { polls, calls } = numbers(values);
const ends = [];
const t = { after: (end) => ends.push(end) };
const cpu = async () => (await serin.resources()).cpuMs;
const mib = (bytes) => (bytes / 2 ** 20).toFixed(2);

const serin = await startSerin(t, { console: true, kv: { "canary-state": { enabled: true, percentage: 0 } } });
const browser = await startBrowser(t);
const load = startLoad(t, serin, { connections: 4 });
const started = await serin.api("POST", "rollouts", PLAN);
if (started.status !== 200) throw new Error(started.text);
await serin.status(({ rollout }) => rollout.lastLook !== null && rollout.figures?.canary?.requests > 50);
await load.stop();
// The page marks the newest analyses in its curves. A rollout of some hours has more of them than it shows.
await eventually(async () => {
  const { next } = (await serin.api("GET", AUDIT)).json;
  if (next === null) throw new Error("the rollout is too short for a measurement");
}, { within: 600_000 });

const costs = [];
for (const path of ["status", "series", AUDIT]) costs.push(await costOf(path));
const paints = await firstPaints();
const { rows, seconds, cpuMs } = await day();
for (const end of ends.reverse()) await end();

const kind = ({ path, taken, bytes }) => [`\`GET ${path}\``, `${taken.toFixed(2)} ms`, `${(bytes / 1024).toFixed(1)} KiB`];
const checkpoint = ({ polls, heap, nodes, listeners }) => [polls.toLocaleString("en"), `${mib(heap)} MiB`, nodes, listeners];
const shown = rows.filter((_, at) => at === 0 || (at + 1) % SHOWN === 0);
const text = `${table(["call", "CPU of workerd", "answer"], costs.map(kind))}

A page that is open takes ${(cpuMs / (polls * POLL_SECONDS)).toFixed(2)} ms of CPU of workerd for each second of the day, at a poll every ${POLL_SECONDS} s and the series at every fifth, with an analysis about once a minute.

${table(["polls", "heap of the page", "nodes", "listeners"], shown.map(checkpoint))}

${polls.toLocaleString("en")} polls, ${(polls / 432).toFixed(0)} % of a day, in ${(seconds / 60).toFixed(1)} min, with a walk through all views at each row.

On a phone profile (slow 4G, a processor ${SLOWER} times slower) something is painted after ${ms(paints.painted)}, and the numbers are there after ${ms(paints.known)} (medians of ${LOADS} loads).`;
console.log(text);
if (values.write) await writeSection("Measured", text, "console.md");
// Single values of the heap depend on what the engine has not collected yet.
const quarter = (number) => rows.slice((rows.length * number) / 4, (rows.length * (number + 1)) / 4);
const median = (rows, name) => quantile(rows.map((row) => row[name]).sort((a, b) => a - b), 0.5);
const [early, late] = [quarter(1), quarter(3)].map((rows) => ({ heap: median(rows, "heap"), nodes: median(rows, "nodes") }));
if (late.heap > early.heap * MOST_GROWTH || late.nodes > early.nodes * MOST_GROWTH) {
  console.error(`The page grows: ${JSON.stringify(early)} became ${JSON.stringify(late)}`);
  process.exit(1);
}
process.exit(0);

/** CPU of the splitter for one call, in ms, and the size of its answer. */
async function costOf(path) {
  const { body } = await serin.api("GET", path);
  const before = await cpu();
  for (let call = 0; call < calls; call += 1) await serin.api("GET", path);
  return { path, taken: ((await cpu()) - before) / calls, bytes: body.length };
}

/** Medians of the time until something is painted and until the share is shown, in ms, on a slow phone whose user is signed in. */
async function firstPaints() {
  const { page, context } = await openWindow(browser, serin, { viewport: PHONE, isMobile: true });
  await signIn(page, ADMIN_TOKEN);
  const times = { painted: [], known: [] };
  for (let load = 0; load < LOADS; load += 1) {
    const fresh = await context.newPage();
    const devtools = await context.newCDPSession(fresh);
    await devtools.send("Network.setCacheDisabled", { cacheDisabled: true });
    await devtools.send("Network.emulateNetworkConditions", SLOW_4G);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    await fresh.goto("/__serin/", { waitUntil: "commit" });
    await fresh.getByTestId("share").waitFor();
    times.known.push(await fresh.evaluate(() => performance.now()));
    times.painted.push(await fresh.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
    await fresh.close();
  }
  await context.close();
  const median = (all) => quantile(all.sort((a, b) => a - b), 0.5);
  return { painted: median(times.painted), known: median(times.known) };
}

async function day() {
  const { page, context } = await openWindow(browser, serin);
  await hurry(context);
  await signIn(page, ADMIN_TOKEN);
  const devtools = await context.newCDPSession(page);
  const [from, begun] = [await cpu(), Date.now()];
  const rows = [];
  for (let hour = 1; hour <= HOURS; hour += 1) {
    await polled(page, Math.round((polls * hour) / HOURS));
    for (const view of VIEWS) {
      await page.goto(`/__serin/#/${view}`);
      await page.locator("main h1, main h2").first().waitFor();
    }
    rows.push({ polls: await page.evaluate(() => window.polls), ...(await held(devtools)) });
    console.error(`${rows.at(-1).polls} polls: ${mib(rows.at(-1).heap)} MiB, ${rows.at(-1).nodes} nodes`);
  }
  return { rows, seconds: (Date.now() - begun) / 1_000, cpuMs: (await cpu()) - from };
}

function ms(value) {
  return `${(value / 1_000).toFixed(2)} s`;
}
