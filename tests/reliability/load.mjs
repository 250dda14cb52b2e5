// Open-loop load: requests leave at a fixed rate, whether or not earlier ones have been answered, half of them through Serin and half
// straight to the variant. Latency counts from the moment at which a request was due, so that a stall is not hidden by the requests it holds
// up. Then the rate through Serin grows until p99 is above 50 ms.
//
//   npm run load -- [--rate 1000] [--minutes 10] [--write]
//
// Generator, Serin and variants share the machine's cores; Serin and the variants share a process.

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Client, visitorCookie } from "../edge/harness/client.mjs";
import { startSerin } from "../edge/harness/workerd.mjs";
import { numbers, quantile, table, writeSection } from "./page.mjs";

const CONNECTIONS = 64;
const VISITORS = Array.from({ length: 1_000 }, (_, n) => visitorCookie(n));
const PATH = "/?both=name&quiet";
const PLAN = { id: "load", schedule: "custom", steps: [25, 100], hold: "10h", settle: "1h", lookEvery: "1h", actor: "load", reason: "load" };
/** The end of the search for the highest rate: p99 in ms, and how long a rate is held, in ms. */
const LIMIT = 50;
const HELD = 10_000;
/** Other work on the machine may spoil a try. */
const TRIES = 3;

const { values } = parseArgs({ options: { rate: { type: "string", default: "1000" }, minutes: { type: "string", default: "10" }, write: { type: "boolean", default: false } } });
const { rate, minutes } = numbers(values);
const ms = (value) => `${value.toFixed(2)} ms`;

const ends = [];
const serin = await startSerin({ after: (end) => ends.push(end) }, { kv: { "canary-state": { enabled: true, percentage: 25 } }, vars: { REFRESH_SECONDS: "5" }, direct: true });
const ways = { "straight to stable": new Client(serin.directPort, CONNECTIONS), "through Serin": new Client(serin.port, CONNECTIONS) };
const answer = await serin.api("POST", "rollouts", PLAN);
if (answer.status !== 200) throw new Error(answer.text);

await openLoop(rate, 5_000, Object.values(ways).map((client) => ({ client })));
const memory = [];
const sides = Object.values(ways).map((client) => ({ client }));
for (let minute = 0; minute < minutes; minute += 1) {
  await openLoop(rate, Math.min(60_000, (minutes - minute) * 60_000), sides);
  memory.push((await serin.resources()).memory / 2 ** 20);
  console.error(`minute ${minute + 1}: ${memory.at(-1).toFixed(0)} MiB`);
}
const figures = sides.map(({ times, failures }) => {
  const sorted = times.sort((a, b) => a - b);
  return { count: sorted.length, failures, quantiles: [0.5, 0.95, 0.99].map((share) => quantile(sorted, share)) };
});
const highest = await saturation();

const [direct, through] = figures;
const rows = [
  ...Object.keys(ways).map((way, at) => [way, figures[at].count.toLocaleString("en"), figures[at].failures, ...figures[at].quantiles.map(ms)]),
  ["added by Serin", "", "", ...through.quantiles.map((value, at) => ms(value - direct.quantiles[at]))],
];
const [first, last] = [memory[0], memory.at(-1)];
const text = `${table(["", "requests", "not 200", "p50", "p95", "p99"], rows)}

Memory of the process after the first minute ${first.toFixed(0)} MiB, after the last ${last.toFixed(0)} MiB. The highest rate through Serin with a p99 below ${LIMIT} ms for ${HELD / 1_000} s: ${highest.toLocaleString("en")} requests a second, with the generator on the same ${cpus().length} cores (${cpus()[0].model.trim()}).`;
console.log(text);
for (const client of Object.values(ways)) client.close();
for (const end of ends) await end();
if (values.write) {
  const how = `\`npm run load -- --write\` sends ${rate} requests a second for ${minutes} minutes, in an open loop: half straight to stable, half through Serin,
which has a rollout with 25 % on the canary. Latency counts from the moment at which a request was due.`;
  await writeSection("Load", `${how}\n\n${text}`);
}
process.exitCode = figures.some(({ failures }) => failures > 0) ? 1 : 0;

/** Sends `perSecond` requests a second, in turn to each side, which keeps its times in ms and its failures. Ends when all are answered. */
async function openLoop(perSecond, duration, sides) {
  for (const side of sides) Object.assign(side, { times: side.times ?? [], failures: side.failures ?? 0 });
  const begun = performance.now();
  const total = Math.round((perSecond * duration) / 1_000);
  const open = new Set();
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - begun) * perSecond) / 1_000) + 1);
    for (; sent < due; sent += 1) {
      const side = sides[sent % sides.length];
      const request = ask(side, VISITORS[sent % VISITORS.length], begun + (sent * 1_000) / perSecond).then(() => open.delete(request));
      open.add(request);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
}

async function ask(side, headers, due) {
  const { status } = await side.client.request(PATH, { headers }).catch(() => ({ status: 0 }));
  side.times.push(performance.now() - due);
  if (status !== 200) side.failures += 1;
}

/** The highest rate through Serin, in steps of an eighth, that keeps p99 below the limit in one of three tries. */
async function saturation() {
  let kept = 0;
  for (let next = rate / 2; ; next = Math.ceil(next * 1.125)) {
    let isKept = false;
    for (let tries = 0; tries < TRIES && !isKept; tries += 1) {
      const side = { client: ways["through Serin"] };
      await openLoop(next, HELD, [side]);
      const p99 = quantile(side.times.sort((a, b) => a - b), 0.99);
      console.error(`${next} a second: p99 ${ms(p99)}, ${side.failures} failures`);
      isKept = p99 < LIMIT && side.failures === 0;
    }
    if (!isKept) return kept;
    kept = next;
  }
}
