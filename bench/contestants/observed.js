// The hand-written splitter that also observes each answer.
import { pass, split } from "./hand-written.js";
import { observing } from "./observe.js";
import { isStale, read, state } from "./state.js";

const send = observing(pass);

export default {
  async fetch(request, env, context) {
    if (isStale()) await read(env);
    return split(request, env, context, state, send);
  },
};
