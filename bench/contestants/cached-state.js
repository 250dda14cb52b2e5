// The hand-written splitter at its best: the state of KV is kept for 5 s.
import { split } from "./hand-written.js";

const FRESH_MS = 5_000;
let state;
let readAt = 0;

export default {
  async fetch(request, env) {
    if (Date.now() - readAt > FRESH_MS) {
      state = await env.CANARY_STATE.get("canary-state", "json");
      readAt = Date.now();
    }
    return split(request, env, state);
  },
};
