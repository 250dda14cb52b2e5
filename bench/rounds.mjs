// The measurement. A busy machine changes its speed within seconds, by a factor of two. Contestants therefore take turns every few
// milliseconds, in random order, and each slice is compared with the floor's slices of the same round, so that a disturbance affects both
// sides of the ratio. A process keeps its memory layout and the timing of its compiler for life, which accounts for up to 2 %, so the
// measurement is repeated in several processes.

import { setTimeout as pause } from "node:timers/promises";
import { CONTROL, FLOOR, TWIN, check, prepare } from "./lineup.mjs";
import { Connection, bytesOf, send } from "./load.mjs";
import { median, quantile, summary } from "./statistics.mjs";
import { cpuClock } from "./workerd.mjs";

/** The system accounts a thread's CPU time when the thread goes to sleep. */
const SETTLE_MS = 1;
const CONNECTIONS = 4;
const SOCKET_SLICE = 80;
const DRIVER_SLICE = 40;
/** A thousand requests over HTTP and a hundred more in process. The compiler has finished its optimisations by then. */
const WARM_UP_SLICES = { socket: 12, driver: 3 };

/** Measures each contestant over HTTP, as clients do: CPU time and latency. */
export async function overSockets(process, contestants, seconds) {
  const lines = contestants.map((contestant) => {
    const bytes = bytesOf(contestant.request);
    const port = process.ports[contestant.name];
    const connections = Array.from({ length: CONNECTIONS }, () => new Connection(port));
    return { contestant, bytes, connections, latencies: [] };
  });
  for (const { contestant, bytes, connections } of lines) {
    await prepare(contestant, process.ports[contestant.name]);
    // The first request of an isolate takes another code path, and a breaker opens only after a few failures.
    for (let sent = 0; sent < 50; sent += 1) await connections[0].request(bytes);
    check(contestant, await connections[0].request(bytes));
  }
  const rows = await takeTurns(process, lines, SOCKET_SLICE, WARM_UP_SLICES.socket, seconds, async (line) => {
    line.latencies.push(...(await send(line.connections, line.bytes, SOCKET_SLICE)));
  });
  for (const { connections } of lines) for (const connection of connections) connection.close();
  return rows.map((row, at) => ({ ...row, latencies: lines[at].latencies }));
}

/** Measures each contestant called by a Worker in the same process: no sockets, no parsing. */
export async function inProcess(process, contestants, seconds) {
  const connection = new Connection(process.ports.driver);
  const lines = contestants.map((contestant) => {
    const { path, headers } = contestant.request;
    const orders = { "Bench-Target": contestant.name, "Bench-Count": DRIVER_SLICE };
    return { contestant, bytes: bytesOf({ path, headers: { ...headers, ...orders } }) };
  });
  const call = (line) => send([connection], line.bytes, 1);
  const rows = await takeTurns(process, lines, DRIVER_SLICE, WARM_UP_SLICES.driver, seconds, call);
  connection.close();
  return rows;
}

async function takeTurns(process, lines, requests, warmUp, seconds, slice) {
  const clock = cpuClock(process.pid);
  const measure = async (line) => {
    const before = clock.read();
    await slice(line);
    if (clock.kind === "cpu") await pause(SETTLE_MS);
    return (clock.read() - before) / requests / 1_000;
  };
  for (const line of lines) for (let warm = 0; warm < warmUp; warm += 1) await slice(line);
  for (const line of lines) line.latencies?.splice(0);

  const rows = lines.map(({ contestant: { title, group } }) => ({ title, group, micros: [], ratios: [], overs: [] }));
  const floors = [...rows.keys()].filter((at) => rows[at].title === FLOOR || rows[at].group === TWIN);
  const turns = rows.map((_, at) => at);
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const round = [];
    for (const at of shuffled(turns)) round[at] = await measure(lines[at]);
    const base = median(floors.map((at) => round[at]));
    for (const [at, { micros, ratios, overs }] of rows.entries()) {
      micros.push(round[at]);
      ratios.push(round[at] / base);
      overs.push(round[at] - base);
    }
  }
  return rows;
}

function shuffled(list) {
  const deck = [...list];
  for (let at = deck.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [deck[at], deck[other]] = [deck[other], deck[at]];
  }
  return deck;
}

// === what all processes say together ===

/** One result per contestant from the rows of each process. */
export function pooled(runs) {
  return runs[0].map(({ title, group, latencies }, at) => {
    const all = (field) => runs.map((rows) => rows[at][field]);
    return {
      title,
      group,
      micros: summary(all("micros")),
      // The floor is 1 by definition. The control shows the uncertainty of that.
      ...(title !== FLOOR && { ratio: summary(all("ratios")), over: summary(all("overs")) }),
      ...(latencies && { latency: tail(all("latencies").flat()) }),
    };
  });
}

function tail(latencies) {
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

/** Distance of the floor, measured against itself, from 1. */
export function errorOf(figures) {
  const { low, high } = figures.find(({ title }) => title === CONTROL).ratio;
  return Math.max(Math.abs(low - 1), Math.abs(high - 1));
}
