// The tests of override.test.mjs, with versions of one Worker as the variants.

process.env.SERIN_TEST_VARIANTS = "versions";
await import("./override.test.mjs");
