// The hand-written splitter at its best: the state of KV is kept for 5 s.
import { split } from "./hand-written.js";
import { isStale, read, state } from "./state.js";

export default {
  async fetch(request, env, context) {
    if (isStale()) await read(env);
    return split(request, env, context, state);
  },
};
