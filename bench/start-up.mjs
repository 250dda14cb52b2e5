// What a new isolate costs: from the start of a process that holds nothing else to its first answer.

import { CONTESTANTS, check, workers } from "./lineup.mjs";
import { Connection, bytesOf } from "./load.mjs";
import { summary } from "./statistics.mjs";
import { start } from "./workerd.mjs";

const TITLES = ["pass-through", "JavaScript, state cached 5 s", "Serin: steady visitor"];

export async function startUp(runs) {
  const rows = TITLES.map((title) => ({
    contestant: CONTESTANTS.find((contestant) => contestant.title === title),
    millis: [],
  }));
  for (let run = 0; run < runs; run += 1) {
    for (const { contestant, millis } of rows) millis.push(await once(contestant));
  }
  return rows.map(({ contestant, millis }) => ({ title: contestant.title, millis: summary([millis]) }));
}

async function once(contestant) {
  const alone = workers([contestant]).filter(({ name }) => name !== "driver");
  const begun = performance.now();
  const process = await start(alone, [contestant.name]);
  const connection = new Connection(process.ports[contestant.name]);
  const answer = await connection.request(bytesOf(contestant.request));
  const took = performance.now() - begun;
  connection.close();
  await process.stop();
  check(contestant, answer);
  return took;
}
