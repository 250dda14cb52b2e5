// The hand-written splitter with a deadline and a fallback for its canary.
import { guard } from "./guard.js";
import { split } from "./hand-written.js";
import { isStale, read, state } from "./state.js";

export default {
  async fetch(request, env, context) {
    if (isStale()) await read(env);
    return split(request, env, context, state, guard);
  },
};
