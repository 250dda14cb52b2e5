// Waits for a condition, never for a fixed time.

import { setTimeout as sleep } from "node:timers/promises";

/** Calls `check` until it does not throw, and returns its result. Rethrows the last error at the deadline, and at once one that is final: `unless`. */
export async function eventually(check, { within = 30_000, unless = () => false } = {}) {
  const deadline = performance.now() + within;
  for (;;) {
    try {
      return await check();
    } catch (complaint) {
      if (unless(complaint)) throw complaint;
      if (performance.now() > deadline) {
        throw new Error(`not within ${within} ms: ${complaint.message}`, { cause: complaint });
      }
      await sleep(20);
    }
  }
}
