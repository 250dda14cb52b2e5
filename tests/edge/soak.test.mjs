// 100,000 requests while the state changes 200 times between valid, invalid and missing: every request succeeds, and every visitor is on
// the variant of one of the policies that KV returned, in their order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bucket } from "./harness/bucket.mjs";
import { Client, visitorCookie, visitorId } from "./harness/client.mjs";
import { startSerin } from "./harness/workerd.mjs";

const REQUESTS = 100_000;
const FLIPS = 200;
const CONNECTIONS = 16;
const VISITORS = Array.from({ length: 500 }, (_, n) => ({ headers: visitorCookie(n), bucket: bucket(visitorId(n)) }));

/** The states in turn: valid ones, with every kind of garbage between them. */
const STATES = [
  { "canary-state": { enabled: true, percentage: 25 } },
  { "canary-state": "{not json" },
  { "canary-state": { enabled: true, percentage: 60 } },
  {},
  { "canary-state": { enabled: true, percentage: 101 } },
  { "canary-state": { enabled: true, percentage: 100 } },
  { "canary-state": { enabled: "yes", percentage: 10 } },
  { "canary-state": { enabled: true, percentage: 5 } },
  { "canary-state": "" },
  { "canary-state": { enabled: false, percentage: 50 } },
  { "canary-state": "null" },
];

test("100,000 requests, 200 changes: all succeed, and visitors move only with the percentage", async (t) => {
  const serin = await startSerin(t, { kv: STATES[0] });
  await serin.variant(visitor(0));
  const client = new Client(serin.port, CONNECTIONS);
  t.after(() => client.close());

  const answers = [];
  const failures = [];
  let sent = 0;
  let flips = 0;

  async function visit() {
    while (sent < REQUESTS) {
      const n = sent;
      sent += 1;
      // The changes are spread over the run: the next one is due when its share of the requests has been sent.
      if (flips < FLIPS && sent >= ((flips + 1) * REQUESTS) / (FLIPS + 1)) await flip();
      const { status, text } = await client.request("/?both=name&quiet", visitor(n));
      const [variant, number] = text.split(" ");
      if (status === 200) answers[Number(number)] = { variant, bucket: visitor(n).bucket };
      else failures.push(`request ${n}: ${status} ${text}`);
    }
  }

  async function flip() {
    flips += 1;
    await serin.kv(STATES[flips % STATES.length]);
  }

  await Promise.all(Array.from({ length: CONNECTIONS }, visit));

  assert.deepEqual(failures.slice(0, 5), [], `${failures.length} requests failed`);
  assert.equal(flips, FLIPS);
  const shares = sharesInForce(await serin.reads());
  t.diagnostic(`${shares.length} policies took turns`);
  assert.ok(shares.length > FLIPS / 4, `the isolate saw only ${shares.length} policies`);
  assert.equal(explained(answers, shares), undefined);
});

function visitor(n) {
  return VISITORS[n % VISITORS.length];
}

/** The percentage after each read, in thousandths: an invalid document keeps the previous one, and a missing document is 0. */
function sharesInForce(reads) {
  const shares = [];
  for (const { found } of reads) {
    const share = shareOf(found["canary-state"]) ?? shares.at(-1) ?? 0;
    if (share !== shares.at(-1)) shares.push(share);
  }
  return shares;
}

function shareOf(text) {
  if (text === null) return 0;
  const state = STATES.map((values) => values["canary-state"]).find((value) => JSON.stringify(value) === text);
  if (typeof state?.enabled !== "boolean" || state.percentage > 100) return undefined;
  return state.enabled ? state.percentage * 1000 : 0;
}

/**
 * Compares the answers, in the order in which the variants received the requests, with the percentages in their order. A visitor who is not
 * on the variant of the present percentage must be on that of a later one. Returns the first answer that no percentage explains.
 */
function explained(answers, shares) {
  let at = 0;
  for (const [number, answer] of answers.entries()) {
    if (!answer) continue;
    const fits = (share) => (answer.bucket < share ? "canary" : "stable") === answer.variant;
    while (at < shares.length && !fits(shares[at])) at += 1;
    if (at === shares.length) return `answer ${number} (bucket ${answer.bucket}) came from ${answer.variant}`;
  }
  return undefined;
}
