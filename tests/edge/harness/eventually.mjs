// Waits for something to become true, never for time to pass.

import { setTimeout as sleep } from "node:timers/promises";

/** Calls `check` until it stops throwing, and returns what it returned; rethrows its last complaint at the deadline. */
export async function eventually(check, { within = 10_000 } = {}) {
  const deadline = performance.now() + within;
  for (;;) {
    try {
      return await check();
    } catch (complaint) {
      if (performance.now() > deadline) {
        throw new Error(`not within ${within} ms: ${complaint.message}`, { cause: complaint });
      }
      await sleep(20);
    }
  }
}
