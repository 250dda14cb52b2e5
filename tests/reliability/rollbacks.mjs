// Time for which a bad canary stays: many rollouts, each with a canary that turns bad, from its first bad answer to its last. Serin runs
// with its default intervals. Failed requests are not answered by stable here, so that clients see every bad answer.
//
// Most of a run is waiting, so many take place at once; 32 of them send 800 requests a second.
//
//   npm run rollbacks -- [--runs 200] [--parallel 32] [--write]

import { parseArgs } from "node:util";
import { Client, visitorCookie } from "../edge/harness/client.mjs";
import { startSerin } from "../edge/harness/workerd.mjs";
import { numbers, quantile, table, writeSection } from "./page.mjs";

/** The control slice is the other four fifths. */
const PERCENTAGE = 20;
/** Requests a second, of which five are the canary's. */
const RATE = 25;
const VISITORS = 2_000;
const PLAN = { id: "rollbacks", schedule: "custom", steps: [PERCENTAGE, 100], hold: "1h", settle: "0s", actor: "ada", reason: "rollbacks" };
/** Kinds of bad canaries. */
const KINDS = { "every answer is 503": () => "status:503", "a tenth of its answers are 503": () => (Math.random() < 0.1 ? "status:503" : "name") };
/** A rollback that takes longer is given up, in ms. */
const LONGEST = 300_000;

const { values } = parseArgs({ options: { runs: { type: "string", default: "200" }, parallel: { type: "string", default: "32" }, write: { type: "boolean", default: false } } });
const { runs, parallel } = numbers(values);

const rows = [];
for (const [kind, behaviour] of Object.entries(KINDS)) {
  const results = [];
  let next = 0;
  const work = async () => {
    while (next < runs) {
      const number = (next += 1);
      results.push(await rollback(behaviour));
      console.error(`${kind}: ${number} of ${runs}, ${(results.at(-1).took / 1_000).toFixed(1)} s, ${results.at(-1).bad} bad answers`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  const of = (field) => results.map((result) => result[field]).sort((a, b) => a - b);
  const [took, bad] = [of("took"), of("bad")];
  const seconds = (share) => `${(quantile(took, share) / 1_000).toFixed(1)} s`;
  rows.push([kind, results.length, seconds(0.5), seconds(0.99), quantile(bad, 0.5), quantile(bad, 0.99), results.filter(({ isRolledBack }) => !isRolledBack).length]);
}

const text = table(["the canary", "rollouts", "p50", "p99", "bad answers, p50", "p99", "not rolled back"], rows);
console.log(text);
if (values.write) {
  const how = `\`npm run rollbacks -- --write\` runs ${runs} rollouts of each kind with the default intervals, ${RATE} requests a second and ${PERCENTAGE} % of the visitors on the
canary, which turns bad some seconds after the start. The time is from its first bad answer to its last.`;
  await writeSection("Time to a rollback", `${how}\n\n${text}`);
}
process.exitCode = rows.some((row) => row.at(-1) > 0) ? 1 : 0;

/** One rollout. Returns the time from the first bad answer to the last in ms, and the number of bad answers. */
async function rollback(behaviour) {
  const ends = [];
  const policy = { enabled: false, percentage: 0, fallback: false };
  const serin = await startSerin({ after: (end) => ends.push(end) }, { kv: { "canary-state": policy }, vars: { REFRESH_SECONDS: "5" } });
  const client = new Client(serin.port, 32);
  const bad = [];
  let isBad = false;
  let sent = 0;
  let serves;
  const isServing = new Promise((resolve) => (serves = resolve));
  const ask = async () => {
    const canary = isBad ? behaviour() : "name";
    const { status, text } = await client.request(`/?canary=${canary}&stable=name&quiet`, { headers: visitorCookie(sent++ % VISITORS) });
    if (status === 503) bad.push(performance.now());
    if (text.startsWith("canary")) serves();
  };
  const load = setInterval(() => ask().catch(() => {}), 1_000 / RATE);
  try {
    const answer = await serin.api("POST", "rollouts", PLAN);
    if (answer.status !== 200) throw new Error(answer.text);
    await isServing;
    // The canary turns bad at any point of the intervals, which are of five seconds.
    await pause(5_000 + Math.random() * 5_000);
    isBad = true;
    const begun = performance.now();
    let isRolledBack = false;
    while (!isRolledBack && performance.now() - begun < LONGEST) {
      await pause(500);
      isRolledBack = (await serin.api("GET", "status")).json.rollout.phase === "rolled-back";
    }
    // Until every isolate has heard of it.
    await pause(11_000);
    return { isRolledBack, bad: bad.length, took: bad.length > 0 ? bad.at(-1) - bad[0] : 0 };
  } finally {
    clearInterval(load);
    client.close();
    for (const end of ends) await end();
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
