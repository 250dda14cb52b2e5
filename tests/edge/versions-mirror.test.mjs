// The tests of mirror.test.mjs, with versions of one Worker as the variants.

process.env.SERIN_TEST_VARIANTS = "versions";
await import("./mirror.test.mjs");
