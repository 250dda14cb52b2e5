// A million requests while faults occur at random: their outcomes, and the splitter's memory and connections.

import { FAULTS } from "./faults.mjs";
import { Random } from "../fuzz/requests.mjs";
import { Tally, load, open } from "./lab.mjs";

const CHECKPOINTS = 10;
/** Requests of one turn: with one or two faults, then as many without. */
const TURN = 500;
const WARM_UP = 50_000;
/** The same faults in each run, in the same order. */
const SEED = 1;
/** Faults that make clients wait in vain would take hours for a million requests, and some need other bindings. The table of faults has them. */
const isQuick = ({ name, without, others }) => !without && !others && !/hangs|slow/.test(name);

/** The operators' part: half of the visitors are on the canary again before the next fault. */
const document = (state) => ({ "canary-state": { enabled: true, percentage: 50, rolloutId: "lab", ...state } });
const FLIPS = [
  document({ percentage: 0 }),
  document({ percentage: 5 }),
  document({ percentage: 100 }),
  document({ enabled: false }),
  { ...document({}), "ops:disable_canary": "1" },
];

/**
 * Memory and open files at the start, after a warm-up, and after each tenth of the run. An interrupt (SIGINT) ends the run after the present
 * turn, with the figures so far.
 */
export async function soak(requests, say) {
  let isInterrupted = false;
  const interrupt = () => (isInterrupted = true);
  process.once("SIGINT", interrupt);
  const { serin, clients, close } = await open({ separate: true, panics: true });
  const faults = FAULTS.filter(isQuick);
  const random = new Random(SEED);
  const tally = new Tally();
  const checkpoints = [];
  let turn = 0;
  const until = async (total) => {
    while (tally.sent < total && !isInterrupted) {
      const pair = [random.of(faults), random.of(faults)];
      const together = pair[0].place === pair[1].place ? pair.slice(1) : pair;
      turn += 1;
      for (const fault of together) await fault.begin(serin);
      // The breaker may still be open from the previous turn.
      await load(clients, together, TURN, tally, { isCalm: false });
      for (const fault of together) await fault.end(serin);
      await serin.kv(FLIPS[turn % FLIPS.length]);
      await load(clients, [], TURN, tally);
      await serin.kvSettled(document({}));
      await serin.forgetReads();
    }
    checkpoints.push({ sent: tally.sent, ...(await serin.resources()) });
    say(checkpoints.at(-1));
  };
  try {
    await serin.kvSettled(document({}));
    await until(WARM_UP);
    for (let tenth = 1; tenth <= CHECKPOINTS && !isInterrupted; tenth += 1) await until(WARM_UP + (requests * tenth) / CHECKPOINTS);
    const { status, components } = await serin.health();
    const troubled = Object.keys(components).filter((name) => components[name].status !== "ok");
    const health = [status, ...troubled].join(", ");
    return { turns: turn, ...tally, repeated: (await serin.writes()).repeated, checkpoints, health };
  } finally {
    process.off("SIGINT", interrupt);
    await close();
  }
}
