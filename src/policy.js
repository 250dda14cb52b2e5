// The policy: read from KV, and told to Rust.
import { behind, within } from "./behind.js";
import { noteTrap, rust } from "./instance.js";
import { exchange } from "./observation.js";

/** How long the first request of an isolate waits for KV. */
const FIRST_READ_MS = 250;
/** How long a read may take before it counts as failed. */
const READ_DEADLINE_MS = 5_000;

/** Ends when there is a policy, or when nobody waits for one any longer; the read then goes on behind the request. */
export async function firstRead(env) {
  const reading = readPolicy(env);
  await within(FIRST_READ_MS, reading).catch(() => {
    rust().begin_unread();
    behind(reading);
  });
}

/** Reads the policy again, and hears what the controller says. */
export async function refresh(env, request) {
  await Promise.all([readPolicy(env), exchange(env, request)]);
}

/** Reads every document in one KV operation. What went wrong, if anything did. */
export async function readPolicy(env) {
  try {
    const found = await within(READ_DEADLINE_MS, values(env));
    rust().read(found);
  } catch (error) {
    noteTrap(error);
    return rust().unread(error);
  }
}

async function values(env) {
  if (typeof env.CANARY_STATE !== "object") throw "there is no KV binding CANARY_STATE";
  const keys = rust().keys();
  const found = await env.CANARY_STATE.get(keys, { cacheTtl: rust().cache_seconds() });
  return keys.map((key) => found.get(key));
}
