// What was counted, on its way to the location's shard; and what the shard says holds.
import { behind, within } from "./behind.js";
import { Then, noteTrap, rust } from "./instance.js";

/** How long a shard may take. */
const DEADLINE_MS = 3_000;

/** The shard of this isolate's location; of requests without one, as on a developer's machine. */
let colo = "local";

/** What follows from an answer, beside a replay. */
export function follow(then, env, variant, begun) {
  if (then & Then.Counted && env.ANALYTICS) writePoint(then, env, variant, begun);
  if (then & Then.FlushNow) behind(flush(env));
  else if (then & Then.FlushLater && env.METRICS) behind(flushLater(env));
}

/** One data point, for those who have a dataset: index rollout; blobs variant, step; doubles failed, latency in ms. */
function writePoint(then, env, variant, begun) {
  try {
    env.ANALYTICS.writeDataPoint({
      indexes: [rust().observed_rollout()],
      blobs: [variant, String(rust().observed_step())],
      doubles: [then & Then.Failed ? 1 : 0, Date.now() - begun],
    });
  } catch {
    // A dataset that takes no more points is no reason to fail a request.
  }
}

/** Hands over what was counted, and hears what holds; behind a request, with each refresh of the policy. */
export async function exchange(env, request) {
  colo = request.cf?.colo ?? colo;
  await flush(env);
}

async function flushLater(env) {
  await scheduler.wait(rust().flush_ms());
  if (rust().has_counts()) await flush(env);
}

/** Hands over what was counted; what does not arrive is sent again with the next one. What went wrong, if anything did. */
export async function flush(env) {
  if (!env.METRICS) return;
  const message = rust().message();
  try {
    const answer = await within(DEADLINE_MS, post(env.METRICS, rust().message_body()));
    return rust().delivered(message, answer);
  } catch (error) {
    noteTrap(error);
    return rust().undelivered(error);
  }
}

async function post(shards, body) {
  const shard = shards.get(shards.idFromName(colo));
  const response = await shard.fetch(`https://shard/${colo}`, { method: "POST", body });
  const text = await response.text();
  if (response.status !== 200) throw `answered ${response.status}: ${text}`;
  return text;
}
