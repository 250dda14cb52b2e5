// One or two faults under load, and the outcome of every request.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { bucket, expected } from "../edge/harness/bucket.mjs";
import { Client, NAVIGATION, visitorId } from "../edge/harness/client.mjs";
import { startSerin } from "../edge/harness/workerd.mjs";

const CONNECTIONS = 8;
/** How long a client waits for the head of an answer, or for more of its body, in ms: longer than a busy machine needs. */
const PATIENCE = 10_000;
/** The same for an answer that never comes. */
const PATIENCE_IN_VAIN = 1_000;
export const DEADLINE = 400;
/** How long a slow client pauses in its upload or download, in ms: longer than the canary's deadline. */
const PAUSE = 500;
/** Mean pause of a client between two requests where times are compared, in ms. The pauses vary, so that clients do not come in step. */
const PACE = 40;
/** What a slow client downloads, in MiB: more than sockets hold for a client that does not read. */
const DOWNLOAD = 2;
/** Lost requests that are described. */
const EXAMPLES = 20;
const ROLLOUT = "lab";
/** Half of the visitors are on the canary, for longer than the lab runs. An analysis that fails the canary takes nobody off it. */
const PLAN = { schedule: "custom", id: ROLLOUT, steps: [50, 100], hold: "1h", settle: "1h", lookEvery: "1h", onFail: "hold", actor: "lab", reason: "faults" };
const mirroring = (percentage) => ({ ...PLAN, steps: [{ mirror: percentage }, 100] });
/** What the canary gets, and the rollout that gives it: visitors; a copy of every request that may be sent twice, or of a tenth; nothing. */
const PLANS = { visitors: PLAN, copies: mirroring(100), "some copies": mirroring(10), nothing: undefined };
const VISITORS = Array.from({ length: 200 }, (_, n) => ({ id: visitorId(n), bucket: bucket(visitorId(n), ROLLOUT) }));
/** A visitor on the canary who is none of the others. */
const ATTACKER = visitorId(Array.from({ length: 100 }, (_, n) => 1_000 + n).find((n) => expected(visitorId(n), 50, ROLLOUT) === "canary"));

/** Kinds of ten requests: seven of known visitors, a first visit, a HEAD and a write. */
const KINDS = ["GET", "GET", "GET", "GET", "GET", "GET", "GET", "first visit", "HEAD", "POST"];

/** Serin with a running rollout, whose canary gets `gets` of `PLANS`, and a client of each isolate; `close()` ends all. */
export async function open({ gets = "visitors", ...options } = {}) {
  const after = [];
  const serin = await startSerin(
    { after: (end) => after.push(end) },
    { lab: true, vars: { CANARY_DEADLINE_SECONDS: DEADLINE / 1_000 }, ...options },
  );
  const clients = [new Client(serin.port, CONNECTIONS), ...serin.others];
  const close = async () => {
    clients[0].close();
    for (const end of after) await end();
  };
  if (!options.without?.length && PLANS[gets]) {
    const answer = await serin.api("POST", "rollouts", PLANS[gets]);
    assert.equal(answer.status, 200, answer.text);
  }
  return { serin, clients, close };
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
  /** Times to the answers, in ms. */
  #times = [];
  #numbers = new Set();

  count(fate, { took, text }, describe) {
    this[fate] += 1;
    const number = /^\w+ (\d+)$/.exec(text)?.[1];
    if (number !== undefined && this.#numbers.has(number)) this.twice += 1;
    if (number !== undefined) this.#numbers.add(number);
    if (fate === "answered") {
      this.worst = Math.max(this.worst, Math.round(took));
      this.#times.push(took);
    }
    if (fate === "lost" && this.examples.length < EXAMPLES) this.examples.push(describe());
  }

  /** Median of the times to an answer, in ms. */
  get median() {
    return this.#times.toSorted((one, other) => one - other)[Math.floor(this.#times.length / 2)];
  }
}

/**
 * Runs `faults` together for the given number of requests, or one after the other if they are in the same place. `repeated` are writes that
 * variants received more than once; `worstBefore` is the longest time to an answer before the faults; `copies` is what was copied where
 * the canary `gets` some. `isPaced`: the variants have a process of their own, and clients pause, so that times are those of a splitter
 * with capacity to spare.
 */
export async function run(faults, requests, { gets = "visitors", isPaced = false } = {}) {
  const { serin, clients, close } = await open({
    gets,
    separate: isPaced,
    without: faults.flatMap((fault) => fault.without ?? []),
    others: faults.flatMap((fault) => fault.others ?? []),
    panics: faults.some(({ panicsEvery }) => panicsEvery),
  });
  try {
    const tally = new Tally();
    const pace = isPaced ? PACE : 0;
    await load(clients, [], 50, tally, { pace });
    const worstBefore = tally.worst;
    const isTogether = new Set(faults.map(({ place }) => place)).size === faults.length;
    for (const together of isTogether ? [faults] : faults.map((fault) => [fault])) {
      for (const fault of together) await fault.begin(serin);
      await load(clients, together, requests, tally, { hasVisitors: gets === "visitors", pace });
      for (const fault of together) await fault.end(serin);
    }
    await load(clients, [], 50, tally, { pace });
    const copies = PLANS[gets]?.steps[0].mirror ? (await serin.api("GET", "rollouts/current")).json.mirror : undefined;
    return { faults: faults.map(({ name }) => name), ...tally, median: tally.median, worstBefore, repeated: (await serin.writes()).repeated, copies };
  } finally {
    await close();
  }
}

/**
 * Sends the given number of requests to the isolates in turn while `faults` are active, and counts their outcomes. `isCalm`: no earlier fault
 * keeps Serin from assigning visitors by its policy. `hasVisitors`: some visitors are on the canary. `pace`: a client's mean pause after each
 * answer, in ms.
 */
export async function load(clients, faults, requests, tally, { isCalm = true, hasVisitors = true, pace = 0 } = {}) {
  const queries = Object.assign({ canary: "name", stable: "name" }, ...faults.map(({ query }) => query));
  const path = (instead = "name") => {
    const of = (side) => `${side}=${queries[side] === "name" ? instead : queries[side]}`;
    return `/?${of("canary")}&${of("stable")}&quiet`;
  };
  const panicsEvery = faults.find((fault) => fault.panicsEvery)?.panicsEvery;
  const [leaving, pausing] = ["leaves", "pauses"].map((what) => faults.flatMap((fault) => fault[what] ?? []));
  const isAttacked = faults.some(({ attacks }) => attacks);
  const during = faults.map(({ name }) => name).join(" + ") || "no fault";
  const has = (place) => faults.some((fault) => fault.place === place);
  const conditions = {
    breaksBodies: faults.some(({ place, breaksBodies }) => place === "canary" && breaksBodies),
    // A copy that fails is no visitor's failure.
    canaryFails: has("canary") && hasVisitors,
    stableFails: has("stable"),
    // The variant of a visitor is known only while no fault keeps Serin from assigning visitors.
    isAssigned: isCalm && hasVisitors && !["KV", "Serin", "clock"].some(has),
    loops: [queries.canary, queries.stable].includes("loop"),
  };
  const until = tally.sent + requests;
  const visit = async () => {
    while (tally.sent < until) {
      const number = tally.sent++;
      const client = clients[number % clients.length];
      // One request in ten is a slow client's.
      const kind = number % KINDS.length < pausing.length ? pausing[number % KINDS.length] : KINDS[number % KINDS.length];
      const visitor = VISITORS[number % VISITORS.length];
      // The panics hit another kind of request each time.
      const panics = panicsEvery && number % panicsEvery === Math.floor(number / panicsEvery) % panicsEvery;
      const headers = panics ? { "x-serin-panic": "route" } : {};
      const asked = path(INSTEAD[kind]);
      // The canary has a deadline for a request without a body, and only for its head.
      const isInVain = asked.includes("stall") || queries.stable === "hang" || (queries.canary === "hang" && ["POST", "upload"].includes(kind));
      const answer = await ask(client, asked, kind, visitor, number, headers, isInVain ? PATIENCE_IN_VAIN : PATIENCE);
      const describe = () => `request ${number}, ${during}: ${kind} ${asked}: ${answer.status} ${answer.text}`;
      tally.count(judge(answer, kind, visitor, conditions), answer, describe);
      for (const where of leaving) await leave(client, where);
      if (isAttacked) await attack(client, number);
      if (pace > 0) await pause(pace * 2 * Math.random());
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, visit));
}

/** What a variant without a fault does with a slow client's request, by its kind. */
const INSTEAD = { upload: "count", download: `mebibytes:${DOWNLOAD}` };

/**
 * Sends one request. If the client timed out or the answer broke off, the status is 0 and the text is what had arrived. `took` is without what
 * a slow client does.
 */
async function ask(client, path, kind, { id }, number, extra, patience) {
  const method = { "first visit": "GET", download: "GET", upload: "POST" }[kind] ?? kind;
  const body = method === "POST" ? "a write" : undefined;
  const headers = {
    ...extra,
    ...(kind === "first visit" ? NAVIGATION : { cookie: `__Host-serin=${id}` }),
    ...(body && { "x-write": number, "content-length": body.length }),
  };
  const answer = { status: 0, text: "", length: 0 };
  const paused = kind in INSTEAD ? PAUSE : 0;
  const begun = performance.now();
  let timer;
  let outgoing;
  try {
    const opened = client.open(path, { method, headers }, (request) => {
      outgoing = request;
      timer = setTimeout(() => request.destroy(new Error("gave up")), patience + paused);
      if (kind !== "upload") return request.end(body);
      request.write(body.slice(0, 1));
      setTimeout(() => request.end(body.slice(1)), PAUSE);
    });
    const { message } = await opened;
    if (kind === "download") {
      answer.took = performance.now() - begun;
      await pause(PAUSE);
    }
    for await (const chunk of message) {
      timer.refresh();
      answer.length += chunk.length;
      if (answer.length < 1_000) answer.text += chunk;
    }
    Object.assign(answer, { status: message.statusCode, location: message.headers.location });
  } catch (error) {
    answer.text += ` (${error.code ?? error.message})`;
  } finally {
    clearTimeout(timer);
    outgoing?.on("error", () => {});
  }
  return { took: performance.now() - begun - paused, ...answer };
}

function judge({ status, text, length, location }, kind, visitor, conditions) {
  const { breaksBodies, canaryFails, stableFails, isAssigned, loops } = conditions;
  const isWhole = kind === "HEAD" ? text === "" : /^(canary|stable) (\d+|at last)$/.test(text) || isTransferred(kind, text, length);
  if (status === 200 && isWhole) return "answered";
  if (loops && status === 302 && location.includes("loop")) return "answered";
  const isOnCanary = kind !== "first visit" && visitor.bucket < 50_000;
  if (stableFails && !(isAssigned && isOnCanary && !canaryFails)) return "owned";
  return canaryFails && (["POST", "upload"].includes(kind) || breaksBodies) ? "owned" : "lost";
}

/** Whether a slow client's upload arrived, or its download. */
function isTransferred(kind, text, length) {
  return (kind === "upload" && /^\{"variant":"(canary|stable)","length":7,/.test(text)) || (kind === "download" && length === DOWNLOAD * 2 ** 20);
}

/** A visitor who wants the canary out: all its requests fail on both variants. */
async function attack(client, number) {
  const [method, body] = number % 2 === 0 ? ["GET"] : ["POST", "x"];
  await client.request("/?both=status:503&quiet", { method, body, headers: { cookie: `__Host-serin=${ATTACKER}` } }).catch(() => {});
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
