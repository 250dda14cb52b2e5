// The tests of fallback.test.mjs, with versions of one Worker as the variants.

process.env.SERIN_TEST_VARIANTS = "versions";
await import("./fallback.test.mjs");
