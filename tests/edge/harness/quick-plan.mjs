// A rollout in seconds.

/** A plan's times, with seconds instead of minutes, and a regression that a few hundred visitors show. A test adds the steps. */
export const QUICK_PLAN = {
  schedule: "custom",
  hold: "1s",
  settle: "200ms",
  lookEvery: "300ms",
  bake: "1s",
  detect: { points: 10 },
  analysis: { tickMs: 200, flushIntervalMs: 200 },
};
