// Serin's work during a rollout, written by hand: the status and latency of each answer are counted by side, in a batch in memory, a
// visitor's latency once a batch, and one body in twenty is followed to its end, to find those that break off.
// Sending the batch is left out: Serin sends one every few seconds, behind a request.

/** Bounds of latency grow by a tenth: 128 of them reach beyond three minutes. */
const GROWTH = Math.log(1.1);
const BOUNDS = 128;
const WATCHED_BODIES = 0.05;
const sides = { STABLE: counts(), CANARY: counts() };

/** `send`, with each answer counted. */
export function observing(send) {
  return async (side, request, env, visitor, context) => {
    const begun = Date.now();
    try {
      const answer = await send(side, request, env);
      count(sides[side], visitor, answer.status >= 500, Date.now() - begun);
      if (answer.body && Math.random() < WATCHED_BODIES) context.waitUntil(watch(sides[side], answer.clone().body));
      return answer;
    } catch (error) {
      count(sides[side], visitor, true, Date.now() - begun);
      throw error;
    }
  };
}

function counts() {
  return { requests: 0, errors: 0, visitors: new Set(), latencies: new Uint32Array(BOUNDS) };
}

function count(side, visitor, isError, millis) {
  side.requests += 1;
  if (isError) side.errors += 1;
  if (side.visitors.has(visitor)) return;
  side.visitors.add(visitor);
  side.latencies[Math.min(BOUNDS - 1, Math.floor(Math.log(millis + 1) / GROWTH))] += 1;
}

async function watch(side, body) {
  try {
    for await (const _ of body);
  } catch {
    side.errors += 1;
  }
}
