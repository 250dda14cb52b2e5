// The measurement. A busy machine slows down and recovers within seconds, by a factor of two; so contestants take turns
// every few milliseconds, in random order, and each slice is set against the floor's slices of the same round. What
// disturbs a round disturbs both sides of the ratio.

import { setTimeout as pause } from "node:timers/promises";
import { CONTROL, FLOOR, check } from "./lineup.mjs";
import { Connection, bytesOf, send } from "./load.mjs";
import { quantile, summary } from "./statistics.mjs";
import { cpuClock } from "./workerd.mjs";

/** The floor is the denominator of every ratio: measured more often, it adds less noise to them. */
const FLOOR_SLICES = 3;
/** A thread's CPU time is booked when it goes to sleep. */
const SETTLE_MS = 1;
const CONNECTIONS = 4;
const SOCKET_SLICE = 80;
const DRIVER_SLICE = 40;
const WARM_UP_SLICES = 40;

/** Each contestant over HTTP, as clients see it: CPU and latency. */
export async function overSockets(process, contestants, seconds) {
  const lines = contestants.map((contestant) => {
    const bytes = bytesOf(contestant.request);
    const port = process.ports[contestant.name];
    const connections = Array.from({ length: CONNECTIONS }, () => new Connection(port));
    return { contestant, bytes, connections, latencies: [] };
  });
  for (const { contestant, bytes, connections } of lines) {
    // Twice: the first request of an isolate takes another path. Then until a breaker has seen enough.
    for (let sent = 0; sent < 50; sent += 1) await connections[0].request(bytes);
    check(contestant, await connections[0].request(bytes));
  }
  const figures = await takeTurns(process, lines, SOCKET_SLICE, seconds, async (line) => {
    line.latencies.push(...(await send(line.connections, line.bytes, SOCKET_SLICE)));
  });
  return figures.map((figure, at) => {
    const { latencies, connections } = lines[at];
    for (const connection of connections) connection.close();
    return { ...figure, latency: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) } };
  });
}

/** Each contestant called by a Worker beside it: no sockets, no parsing. */
export async function inProcess(process, contestants, seconds) {
  const connection = new Connection(process.ports.driver);
  const lines = contestants.map((contestant) => {
    const { path, headers } = contestant.request;
    const orders = { "Bench-Target": contestant.name, "Bench-Count": DRIVER_SLICE };
    return { contestant, bytes: bytesOf({ path, headers: { ...headers, ...orders } }) };
  });
  const figures = await takeTurns(process, lines, DRIVER_SLICE, seconds, (line) => send([connection], line.bytes, 1));
  connection.close();
  return figures;
}

async function takeTurns(process, lines, requests, seconds, slice) {
  const clock = cpuClock(process.pid);
  const measure = async (line) => {
    const before = clock.read();
    await slice(line);
    if (clock.kind === "cpu") await pause(SETTLE_MS);
    return (clock.read() - before) / requests / 1_000;
  };
  for (const line of lines) for (let warm = 0; warm < WARM_UP_SLICES; warm += 1) await slice(line);
  for (const line of lines) line.latencies?.splice(0);

  const floor = lines.find(({ contestant }) => contestant.title === FLOOR);
  const rows = lines.map((line) => ({ line, micros: [], ratios: [], overs: [] }));
  const turns = [...rows, ...Array.from({ length: FLOOR_SLICES - 1 }, () => rows.find(({ line }) => line === floor))];
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const round = new Map(rows.map((row) => [row, []]));
    for (const row of shuffled(turns)) round.get(row).push(await measure(row.line));
    const base = mean(round.get(rows.find(({ line }) => line === floor)));
    for (const [row, [micros]] of round) {
      row.micros.push(micros);
      row.ratios.push(micros / base);
      row.overs.push(micros - base);
    }
  }
  return rows.map(({ line, micros, ratios, overs }) => ({
    title: line.contestant.title,
    group: line.contestant.group,
    micros: summary(micros),
    // The floor is one by definition; what its own slices scatter is the control's to tell.
    ratio: line === floor ? undefined : summary(ratios),
    over: line === floor ? undefined : summary(overs),
  }));
}

function shuffled(list) {
  const deck = [...list];
  for (let at = deck.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [deck[at], deck[other]] = [deck[other], deck[at]];
  }
  return deck;
}

function mean(samples) {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}

/** How far the floor, measured against itself, is from 1. */
export function errorOf(figures) {
  const { low, high } = figures.find(({ title }) => title === CONTROL).ratio;
  return Math.max(Math.abs(low - 1), Math.abs(high - 1));
}
