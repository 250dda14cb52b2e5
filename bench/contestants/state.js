// The state of KV, kept for 5 s. Reading is a call of its own, so that a request that needs no read waits for no promise.

const FRESH_MS = 5_000;
export let state;
let readAt = 0;

export const isStale = () => Date.now() - readAt > FRESH_MS;

export async function read(env) {
  state = await env.CANARY_STATE.get("canary-state", "json");
  readAt = Date.now();
}
