// A main module in front of the Worker's own, whose Durable Objects fail on request. The Worker itself is unchanged: requests
// go to it directly, and each call of an object goes on to its own class.

import * as serin from "./index.js";

export { default } from "./index.js";

/** Behaviour of each object: `ok`, `throw`, `hang`, `evict`, or `full`, which is a disk that takes nothing more. */
const modes = { controller: "ok", metrics: "ok" };

/** Difference of Serin's clock to the machine's, in ms; negative where it is behind. */
let ahead = 0;
const machineTime = Date.now;
Date.now = () => machineTime() + ahead;

/** How late each of Serin's timers is, in ms. */
let late = 0;
const machineTimer = setTimeout;
globalThis.setTimeout = (act, delay = 0, ...own) => machineTimer(act, Number(delay) + late, ...own);

/** Whether a second attempt at a request cannot be made. */
let hasNoRetries = false;
globalThis.Request = new Proxy(Request, {
  construct(Class, own) {
    const request = new Class(...own);
    if (hasNoRetries && request.headers.has("serin-attempt")) throw new Error("scripted failure of a second attempt");
    return request;
  },
});

/** The entry point of tests: POST sets modes, `ahead`, `late` and `hasNoRetries`. */
export const lab = {
  async fetch(request) {
    const wanted = { ...modes, ahead, late, hasNoRetries, ...(await request.json()) };
    ({ ahead, late, hasNoRetries } = wanted);
    for (const object of Object.keys(modes)) modes[object] = wanted[object];
    return Response.json(wanted);
  },
};

export const RolloutController = misbehaving(serin.RolloutController, "controller");
export const MetricsShard = misbehaving(serin.MetricsShard, "metrics");

function misbehaving(Class, object) {
  return class {
    #state;
    #own;

    constructor(state, env) {
      this.#state = state;
      fillable(state.storage.sql, object);
      followClock(state.storage);
      this.#own = new Class(state, env);
    }

    async fetch(request) {
      await this.#misbehave();
      return this.#own.fetch(request);
    }

    async alarm(...args) {
      await this.#misbehave();
      return this.#own.alarm(...args);
    }

    async #misbehave() {
      const mode = modes[object];
      if (mode === "throw") throw new Error(`scripted failure of the ${object}`);
      if (mode === "hang") await scheduler.wait(60_000);
      if (mode === "evict") this.#state.abort(`scripted eviction of the ${object}`);
    }
  };
}

/** Makes statements that write fail as SQLite does, while the object's disk is full. */
function fillable(sql, object) {
  const exec = sql.exec.bind(sql);
  sql.exec = (statement, ...values) => {
    if (modes[object] === "full" && /^\s*INSERT/.test(statement)) throw new Error("database or disk is full: SQLITE_FULL");
    return exec(statement, ...values);
  };
}

/** Makes the platform's alarms go by Serin's clock. */
function followClock(storage) {
  const [setAlarm, getAlarm] = [storage.setAlarm.bind(storage), storage.getAlarm.bind(storage)];
  storage.setAlarm = (at, ...options) => setAlarm(Number(at) - ahead, ...options);
  storage.getAlarm = async (...options) => {
    const at = await getAlarm(...options);
    return at === null ? null : at + ahead;
  };
}
