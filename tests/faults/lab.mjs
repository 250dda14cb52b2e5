// One or two faults under load, and the outcome of every request.

import assert from "node:assert/strict";
import { bucket } from "../edge/harness/bucket.mjs";
import { Client, NAVIGATION, visitorId } from "../edge/harness/client.mjs";
import { startSerin } from "../edge/harness/workerd.mjs";

const CONNECTIONS = 8;
/** Client timeout in ms, far longer than the deadline. */
const PATIENCE = 1_000;
export const DEADLINE = 400;
const ROLLOUT = "lab";
/** Half of the visitors are on the canary, for longer than the lab runs, so that no analysis happens. */
const PLAN = { schedule: "custom", id: ROLLOUT, steps: [50, 100], hold: "1h", settle: "1h", lookEvery: "1h", actor: "lab", reason: "faults" };
const VISITORS = Array.from({ length: 200 }, (_, n) => ({ id: visitorId(n), bucket: bucket(visitorId(n), ROLLOUT) }));

/** Kinds of ten requests: seven of known visitors, a first visit, a HEAD and a write. */
const KINDS = ["GET", "GET", "GET", "GET", "GET", "GET", "GET", "first visit", "HEAD", "POST"];

/** Serin with a running rollout, and a client; `close()` ends both. */
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
 * Outcomes of requests. `owned` are failures of a variant's own: stable's, a write that the canary failed, a body that the variant began
 * and broke off. `lost` are requests that should have been answered.
 */
export class Tally {
  sent = 0;
  answered = 0;
  owned = 0;
  lost = 0;
  /** Longest time to an answer, in ms. */
  worst = 0;
  /** Answers that another request had already received. Variants number their answers. */
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
 * Runs `faults` together for the given number of requests, or one after the other if they are in the same place. `repeated` are writes that
 * variants received more than once.
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
 * Sends the given number of requests while `faults` are active, and counts their outcomes. `isCalm`: no earlier fault keeps Serin from
 * assigning visitors by its policy.
 */
export async function load(client, faults, requests, tally, { isCalm = true } = {}) {
  const queries = Object.assign({ canary: "name", stable: "name" }, ...faults.map(({ query }) => query));
  const path = `/?canary=${queries.canary}&stable=${queries.stable}&quiet`;
  const panicsEvery = faults.find((fault) => fault.panicsEvery)?.panicsEvery;
  const leaving = faults.flatMap(({ leaves }) => leaves ?? []);
  const has = (place) => faults.some((fault) => fault.place === place);
  const conditions = {
    breaksBodies: faults.some(({ place, breaksBodies }) => place === "canary" && breaksBodies),
    canaryFails: has("canary"),
    stableFails: has("stable"),
    // The variant of a visitor is known only while no fault keeps Serin from assigning visitors.
    isAssigned: isCalm && !has("KV") && !has("Serin"),
    loops: [queries.canary, queries.stable].includes("loop"),
  };
  const until = tally.sent + requests;
  const visit = async () => {
    while (tally.sent < until) {
      const number = tally.sent++;
      const kind = KINDS[number % KINDS.length];
      const visitor = VISITORS[number % VISITORS.length];
      // The panics hit another kind of request each time.
      const panics = panicsEvery && number % panicsEvery === Math.floor(number / panicsEvery) % panicsEvery;
      const headers = panics ? { "x-serin-panic": "route" } : {};
      const answer = await ask(client, path, kind, visitor, number, headers);
      const describe = () => `${kind} ${path}: ${answer.status} ${answer.text}`;
      tally.count(judge(answer, kind, visitor, conditions), answer, describe);
      for (const where of leaving) await leave(client, where);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, visit));
}

/** Sends one request. If the client timed out or the answer broke off, the status is 0 and the text is what had arrived. */
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

function judge({ status, text, location }, kind, visitor, conditions) {
  const { breaksBodies, canaryFails, stableFails, isAssigned, loops } = conditions;
  const isWhole = kind === "HEAD" ? text === "" : /^(canary|stable) (\d+|at last)$/.test(text);
  if (status === 200 && isWhole) return "answered";
  if (loops && status === 302 && location.includes("loop")) return "answered";
  const isOnCanary = kind !== "first visit" && visitor.bucket < 50_000;
  if (stableFails && !(isAssigned && isOnCanary && !canaryFails)) return "owned";
  return canaryFails && (kind === "POST" || breaksBodies) ? "owned" : "lost";
}

/** A client that closes the connection in the middle of an upload or of a download. */
async function leave(client, where) {
  const request = where === "upload" ? { method: "POST", headers: { "content-length": 1_000_000 } } : {};
  const path = where === "upload" ? "/?both=count&quiet" : "/?both=endless&quiet";
  const opened = client.open(path, { ...request, agent: false }, (outgoing) => {
    if (where === "download") return outgoing.end();
    outgoing.write("x".repeat(10_000), () => outgoing.destroy());
  });
  await opened.then(({ outgoing }) => outgoing.destroy(), () => {});
}
