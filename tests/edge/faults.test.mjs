// Each fault of the lab alone, for a short time: no request is lost, and no client waits longer than the deadline. `npm run faults` runs
// the pairs and the soak test.

import assert from "node:assert/strict";
import test from "node:test";
import { FAULTS, MIRRORED_FAULTS } from "../faults/faults.mjs";
import { DEADLINE, run } from "../faults/lab.mjs";

/** Delay that a machine may add, in ms, beside what it takes without a fault. */
const SLACK = 400;

for (const fault of FAULTS.filter(({ name }) => !/^(canary|stable): hangs in its body|^stable: hangs/.test(name))) {
  test(`${fault.name}: nothing is lost`, async () => {
    const { sent, answered, owned, lost, twice, repeated, worst, worstBefore, examples } = await run([fault], 150);
    assert.equal(lost, 0, examples.join("\n"));
    assert.deepEqual([sent, answered + owned], [250, 250]);
    assert.deepEqual([twice, repeated], [0, 0], "nobody gets another's answer, and no write comes twice");
    assert.ok(worst <= DEADLINE + SLACK + worstBefore, `the slowest answer took ${worst} ms, and ${worstBefore} ms before the fault`);
    const takesItsToll = fault.place === "stable" || fault.place === "canary";
    assert.ok(takesItsToll || owned === 0, `${owned} of ${sent} failed although both variants were well`);
  });
}

for (const fault of MIRRORED_FAULTS) {
  test(`${fault.name}, with copies of requests: nothing is lost, and nobody waits for it`, async () => {
    const { sent, answered, owned, lost, twice, repeated, worst, worstBefore, examples, copies } = await run([fault], 150, { gets: "copies" });
    assert.deepEqual([lost, owned], [0, 0], examples.join("\n"));
    assert.deepEqual([sent, answered], [250, 250]);
    assert.deepEqual([twice, repeated], [0, 0], "nobody gets the canary's answer, and no write is copied");
    // Both variants of the lab share a thread, which a flood takes.
    const isTimed = !fault.name.includes("floods");
    assert.ok(!isTimed || worst < DEADLINE + worstBefore, `the slowest answer took ${worst} ms, and ${worstBefore} ms before the fault`);
    assert.ok(copies.copies + copies.busy + copies.withheld > 0, "requests were selected");
  });
}
