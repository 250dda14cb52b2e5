// One or two faults under load: what became of every request.

import assert from "node:assert/strict";
import { bucket } from "../edge/harness/bucket.mjs";
import { Client, NAVIGATION, visitorId } from "../edge/harness/client.mjs";
import { startSerin } from "../edge/harness/workerd.mjs";

const CONNECTIONS = 8;
/** How long a client waits for an answer, in ms: far longer than the deadline. */
const PATIENCE = 1_000;
export const DEADLINE = 400;
const ROLLOUT = "lab";
/** Half of the visitors on the canary, and long enough for the lab to be over before anything is judged. */
const PLAN = { schedule: "custom", id: ROLLOUT, steps: [50, 100], hold: "1h", settle: "1h", lookEvery: "1h", actor: "lab", reason: "faults" };
const VISITORS = Array.from({ length: 200 }, (_, n) => ({ id: visitorId(n), bucket: bucket(visitorId(n), ROLLOUT) }));

/** Of ten requests: seven of known visitors, a first visit, a HEAD and a write. */
const KINDS = ["GET", "GET", "GET", "GET", "GET", "GET", "GET", "first visit", "HEAD", "POST"];

/** Serin with a rollout under way, and a client; `close()` ends both. */
export async function open(options = {}) {
  const after = [];
  const serin = await startSerin(
    { after: (end) => after.push(end) },
    { lab: true, vars: { CANARY_DEADLINE_SECONDS: DEADLINE / 1_000 }, ...options },
  );
  const client = new Client(serin.port, CONNECTIONS);
  const close = async () => {
    client.close();
    for (const end of after) await end();
  };
  if (!options.without?.length) {
    const answer = await serin.api("POST", "rollouts", PLAN);
    assert.equal(answer.status, 200, answer.text);
  }
  return { serin, client, close };
}

/**
 * What became of requests. `owned` are failures that are a variant's own: stable's, a write that the canary failed, a body that it
 * began and broke. `lost` is what should not be.
 */
export class Tally {
  sent = 0;
  answered = 0;
  owned = 0;
  lost = 0;
  /** The longest that an answered request took, in ms. */
  worst = 0;
  /** Answers that another request had already been given: variants number theirs. */
  twice = 0;
  examples = [];
  #numbers = new Set();

  count(fate, { took, text }, describe) {
    this[fate] += 1;
    const number = /^\w+ (\d+)$/.exec(text)?.[1];
    if (number !== undefined && this.#numbers.has(number)) this.twice += 1;
    if (number !== undefined) this.#numbers.add(number);
    if (fate === "answered") this.worst = Math.max(this.worst, Math.round(took));
    if (fate === "lost" && this.examples.length < 3) this.examples.push(describe());
  }
}

/**
 * Runs `faults` together for so many requests; one after the other where they are in the same place. `repeated` are writes that
 * variants saw more than once.
 */
export async function run(faults, requests) {
  const { serin, client, close } = await open({
    without: faults.flatMap((fault) => fault.without ?? []),
    panics: faults.some(({ panicsEvery }) => panicsEvery),
  });
  try {
    const tally = new Tally();
    await load(client, [], 50, tally);
    const isTogether = new Set(faults.map(({ place }) => place)).size === faults.length;
    for (const together of isTogether ? [faults] : faults.map((fault) => [fault])) {
      for (const fault of together) await fault.begin(serin);
      await load(client, together, requests, tally);
      for (const fault of together) await fault.end(serin);
    }
    await load(client, [], 50, tally);
    return { faults: faults.map(({ name }) => name), ...tally, repeated: (await serin.writes()).repeated };
  } finally {
    await close();
  }
}

/**
 * Sends so many requests while `faults` are there, and tallies what became of them. `isCalm`: nothing from before keeps Serin from
 * dealing visitors as its policy says.
 */
export async function load(client, faults, requests, tally, { isCalm = true } = {}) {
  const queries = Object.assign({ canary: "name", stable: "name" }, ...faults.map(({ query }) => query));
  const path = `/?canary=${queries.canary}&stable=${queries.stable}&quiet`;
  const panicsEvery = faults.find((fault) => fault.panicsEvery)?.panicsEvery;
  const leaving = faults.flatMap(({ leaves }) => leaves ?? []);
  const has = (place) => faults.some((fault) => fault.place === place);
  const circumstances = {
    breaksBodies: faults.some(({ place, breaksBodies }) => place === "canary" && breaksBodies),
    canaryFails: has("canary"),
    stableFails: has("stable"),
    // Where visitors are is known only while nothing keeps Serin from dealing them.
    isDealt: isCalm && !has("KV") && !has("Serin"),
    loops: [queries.canary, queries.stable].includes("loop"),
  };
  const until = tally.sent + requests;
  const visit = async () => {
    while (tally.sent < until) {
      const number = tally.sent++;
      const kind = KINDS[number % KINDS.length];
      const visitor = VISITORS[number % VISITORS.length];
      // Another kind of request each time.
      const panics = panicsEvery && number % panicsEvery === Math.floor(number / panicsEvery) % panicsEvery;
      const headers = panics ? { "x-serin-panic": "route" } : {};
      const answer = await ask(client, path, kind, visitor, number, headers);
      const describe = () => `${kind} ${path}: ${answer.status} ${answer.text}`;
      tally.count(judge(answer, kind, visitor, circumstances), answer, describe);
      for (const where of leaving) await leave(client, where);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, visit));
}

/** What became of a request. A client that waited in vain, or whose answer broke off, has status 0 and what there was of the text. */
async function ask(client, path, kind, { id }, number, extra) {
  const begun = performance.now();
  const method = ["GET", "first visit"].includes(kind) ? "GET" : kind;
  const body = method === "POST" ? "a write" : undefined;
  const headers = {
    ...extra,
    ...(kind === "first visit" ? NAVIGATION : { cookie: `__Host-serin=${id}` }),
    ...(body && { "x-write": number, "content-length": body.length }),
  };
  const answer = { status: 0, text: "" };
  let timer;
  let outgoing;
  try {
    const opened = client.open(path, { method, headers }, (request) => {
      outgoing = request;
      timer = setTimeout(() => request.destroy(new Error("gave up")), PATIENCE);
      request.end(body);
    });
    const { message } = await opened;
    for await (const chunk of message) answer.text += chunk;
    Object.assign(answer, { status: message.statusCode, location: message.headers.location });
  } catch (error) {
    answer.text += ` (${error.code ?? error.message})`;
  } finally {
    clearTimeout(timer);
    outgoing?.on("error", () => {});
  }
  return { ...answer, took: performance.now() - begun };
}

function judge({ status, text, location }, kind, visitor, circumstances) {
  const { breaksBodies, canaryFails, stableFails, isDealt, loops } = circumstances;
  const isWhole = kind === "HEAD" ? text === "" : /^(canary|stable) (\d+|at last)$/.test(text);
  if (status === 200 && isWhole) return "answered";
  if (loops && status === 302 && location.includes("loop")) return "answered";
  const isOnCanary = kind !== "first visit" && visitor.bucket < 50_000;
  if (stableFails && !(isDealt && isOnCanary && !canaryFails)) return "owned";
  return canaryFails && (kind === "POST" || breaksBodies) ? "owned" : "lost";
}

/** Somebody who does not stay: in the middle of what they send, or of what they are sent. */
async function leave(client, where) {
  const request = where === "upload" ? { method: "POST", headers: { "content-length": 1_000_000 } } : {};
  const path = where === "upload" ? "/?both=count&quiet" : "/?both=endless&quiet";
  const opened = client.open(path, { ...request, agent: false }, (outgoing) => {
    if (where === "download") return outgoing.end();
    outgoing.write("x".repeat(10_000), () => outgoing.destroy());
  });
  await opened.then(({ outgoing }) => outgoing.destroy(), () => {});
}
