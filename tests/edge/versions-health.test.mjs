// The tests of health.test.mjs, with versions of one Worker as the variants.

process.env.SERIN_TEST_VARIANTS = "versions";
await import("./health.test.mjs");
