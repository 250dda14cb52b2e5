// The bounded part of the HTTP fuzzer, from a fixed seed. `npm run fuzz -- --target http` runs any number of inputs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzzHttp } from "../fuzz/http.mjs";

const INPUTS = 4_000;

test("4,000 hostile requests give no 500 of Serin's own, no panic, and show a variant nothing reserved", async (t) => {
  const { inputs, findings, statuses } = await fuzzHttp({ inputs: INPUTS });
  t.diagnostic(JSON.stringify(statuses));
  assert.deepEqual(findings, []);
  assert.equal(inputs, INPUTS);
  // The requests get past the runtime: most of them are answered by a variant or by Serin.
  assert.ok(statuses[200] > INPUTS / 5 && statuses[400] < INPUTS / 2, "most requests were refused as malformed");
});
