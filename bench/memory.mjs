// Memory over many requests. Clients abort some of them in the middle of the response.

import { MEMORY, prepare, workers } from "./lineup.mjs";
import { Connection, abort, bytesOf, send } from "./load.mjs";
import { residentBytes, start } from "./workerd.mjs";

/** An isolate's limit in production. */
const V8_FLAGS = ["--max-heap-size=128"];
const WARM_UP = 20_000;
const CHECKPOINTS = 10;
const CONNECTIONS = 8;
/** One in a hundred requests is aborted. */
const BATCH = 99;
const ABORTS = 1;

/**
 * Resident memory after a warm-up and after each tenth of the requests, for Serin and for the hand-written splitter with the same features.
 */
export async function memory(requests) {
  const rows = [];
  for (const [title, contestants] of Object.entries(MEMORY)) {
    rows.push({ title, isolates: contestants.length, requests, ...(await course(contestants, requests)) });
  }
  return rows;
}

async function course(contestants, requests) {
  const alone = workers(contestants).filter(({ name }) => name !== "driver");
  const process = await start(alone, contestants.map(({ name }) => name), V8_FLAGS);
  if (residentBytes(process.pid) === undefined) {
    await process.stop();
    return { afterWarmUp: undefined, checkpoints: [] };
  }
  const lines = contestants.map(({ name, request }) => ({
    port: process.ports[name],
    bytes: bytesOf(request),
    endless: bytesOf({ ...request, path: "/endless" }),
    connections: Array.from({ length: CONNECTIONS }, () => new Connection(process.ports[name])),
  }));
  for (const contestant of contestants) await prepare(contestant, process.ports[contestant.name]);
  await spread(lines, WARM_UP);
  const afterWarmUp = residentBytes(process.pid);
  const checkpoints = [];
  for (let tenth = 0; tenth < CHECKPOINTS; tenth += 1) {
    await spread(lines, requests / CHECKPOINTS);
    checkpoints.push(residentBytes(process.pid));
  }
  for (const { connections } of lines) for (const connection of connections) connection.close();
  await process.stop();
  return { afterWarmUp, checkpoints };
}

async function spread(lines, count) {
  for (let sent = 0; sent < count; ) {
    for (const { port, bytes, endless, connections } of lines) {
      await send(connections, bytes, BATCH);
      await Promise.all(Array.from({ length: ABORTS }, () => abort(port, endless)));
      sent += BATCH + ABORTS;
    }
  }
}
