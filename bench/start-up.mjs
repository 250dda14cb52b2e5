// The cost of a new isolate: from the start of a process with nothing else in it to its first response.

import { STARTS, check, workers } from "./lineup.mjs";
import { Connection, bytesOf } from "./load.mjs";
import { summary } from "./statistics.mjs";
import { cpuClock, start } from "./workerd.mjs";

/** Measures wall time and CPU time. CPU time is more reliable on a busy machine. */
export async function startUp(runs) {
  const rows = STARTS.map((contestant) => ({ contestant, elapsed: [], cpu: [] }));
  for (let run = 0; run < runs; run += 1) {
    for (const { contestant, elapsed, cpu } of rows) {
      const took = await once(contestant);
      elapsed.push(took.elapsed);
      cpu.push(took.cpu);
    }
  }
  return rows.map(({ contestant, elapsed, cpu }) => ({ title: contestant.title, millis: summary([elapsed]), cpuMillis: summary([cpu]) }));
}

async function once(contestant) {
  const alone = workers([contestant]).filter(({ name }) => name !== "driver");
  const begun = performance.now();
  const process = await start(alone, [contestant.name]);
  const connection = new Connection(process.ports[contestant.name]);
  const answer = await connection.request(bytesOf(contestant.request));
  const took = { elapsed: performance.now() - begun, cpu: cpuClock(process.pid).read() / 1e6 };
  connection.close();
  await process.stop();
  check(contestant, answer);
  return took;
}
