// A main module in front of the Worker's own, whose Durable Objects fail on request. The Worker itself is unchanged: requests
// go to it directly, and each call of an object goes on to its own class.

import * as serin from "./index.js";

export { default } from "./index.js";

/** How each object behaves: `ok`, `throw`, `hang` or `evict`. */
const modes = { controller: "ok", metrics: "ok" };

/** The entry point of tests: POST sets modes. */
export const lab = {
  async fetch(request) {
    Object.assign(modes, await request.json());
    return Response.json(modes);
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
