// What Serin does during a rollout, written by hand: the status and latency of each answer are counted by side, in a batch in memory.
// Sending the batch is left out: Serin sends one every few seconds, behind a request.

/** Bounds of latency grow by a tenth: 128 of them reach beyond three minutes. */
const GROWTH = Math.log(1.1);
const BOUNDS = 128;
const sides = { STABLE: counts(), CANARY: counts() };

/** `send`, with each answer counted. */
export function observing(send) {
  return async (side, request, env) => {
    const begun = Date.now();
    try {
      const answer = await send(side, request, env);
      count(sides[side], answer.status >= 500, Date.now() - begun);
      return answer;
    } catch (error) {
      count(sides[side], true, Date.now() - begun);
      throw error;
    }
  };
}

function counts() {
  return { requests: 0, errors: 0, latencies: new Uint32Array(BOUNDS) };
}

function count(side, isError, millis) {
  side.requests += 1;
  if (isError) side.errors += 1;
  side.latencies[Math.min(BOUNDS - 1, Math.floor(Math.log(millis + 1) / GROWTH))] += 1;
}
