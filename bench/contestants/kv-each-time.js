// The hand-written splitter as it usually begins: KV is read on every request.
import { split } from "./hand-written.js";

export default {
  async fetch(request, env, context) {
    return split(request, env, context, await env.CANARY_STATE.get("canary-state", "json"));
  },
};
