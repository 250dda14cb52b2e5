// The Worker's doors. A request is handed to Rust with what every decision needs of it, and a panic is survived. What belongs
// to the control plane is loaded when it is first needed.
import * as serin from "../build/bindgen/serin.js";

const control = () => import("./control.js");

// Of Serin's own namespace what means something to somebody, also as gateways that turn `-` into `_` would write it, and
// the platform's version overrides, which would otherwise reach a variant through its binding. Asked by name: to look
// through all names of a request costs more than everything else that Serin does (docs/performance.md).
const RESERVED = [
  "serin-override",
  "serin_override",
  "serin-attempt",
  "serin_attempt",
  "cloudflare-workers-version-overrides",
  "cloudflare-workers-version-key",
];

let broken = false;
/** What ends the wait of requests for which the Wasm still reads a policy. */
const waiting = new Set();

// A panic in a task that runs behind a request ends here.
addEventListener("error", (event) => noteTrap(event.error));

export default {
  fetch(request, env) {
    if (broken) restart();
    try {
      const { url, headers } = request;
      const cookies = ownCookies(headers.get("cookie"));
      const answer = serin.fetch(request, env, withoutQuery(url), cookies, hasReserved(headers), Date.now());
      if (Array.isArray(answer)) return unlessTrapped(answer[0], request, env);
      return answer ?? api(request, env);
    } catch (error) {
      noteTrap(error);
      return outage(error, request, env);
    }
  },
};

/** Rust asks for the query where it is needed, which is hardly ever; some are long. */
function withoutQuery(url) {
  const end = url.indexOf("?");
  return end < 0 ? url : url.slice(0, end);
}

/**
 * The part of a `Cookie` header with Serin's own cookies in it, by whole pairs. Rust asks for all of it where a policy names
 * other cookies: most headers are long, and every character that crosses over costs.
 */
function ownCookies(header) {
  const first = header === null ? -1 : header.indexOf("serin");
  if (first < 0) return "";
  const end = header.indexOf(";", header.lastIndexOf("serin"));
  return header.slice(header.lastIndexOf(";", first) + 1, end < 0 ? undefined : end);
}

/** Whether a client sent a header that must not reach a variant. */
function hasReserved(headers) {
  for (const name of RESERVED) if (headers.has(name)) return true;
  return false;
}

/** An answer that Rust is still at work on, or stable's if the instance does not live to give it. */
function unlessTrapped(answer, request, env) {
  // Made here: what a request waits for has to be its own.
  const { promise: trapped, resolve: end } = Promise.withResolvers();
  waiting.add(end);
  const done = answer.finally(() => waiting.delete(end));
  return Promise.race([done, trapped.then(() => outage("another request's trap", request, env))]);
}

/** Rust answers everything but the control API. */
async function api(request, env) {
  return (await control()).api(request, env);
}

export class RolloutController {
  constructor(state, env) {
    this.own = [state, env];
  }

  async fetch(request) {
    return (await control()).controllerFetch(...this.own, request);
  }

  async alarm() {
    return (await control()).controllerAlarm(...this.own);
  }
}

export class MetricsShard {
  constructor(state, env) {
    this.own = [state, env];
  }

  async fetch(request) {
    return (await control()).shardFetch(...this.own, request);
  }

  async alarm() {
    return (await control()).shardAlarm(...this.own);
  }
}

/** A trap leaves the instance unusable; the next request gets a fresh one. */
function noteTrap(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  broken = true;
  for (const end of waiting) end();
  waiting.clear();
}

function restart() {
  broken = false;
  serin.__wbg_reset_state();
}

/** Serin itself failed: stable answers what may be sent twice, and what cannot have been sent yet: its body is still whole. */
function outage(error, request, env) {
  console.error(JSON.stringify({ event: "panic", error: String(error) }));
  const mayReplay = request.body === null ? ["GET", "HEAD", "OPTIONS"].includes(request.method) : !request.bodyUsed;
  return mayReplay ? env.STABLE.fetch(request) : new Response("Internal error", { status: 500 });
}
