// The module that wrangler loads, and the only JavaScript of this Worker. Rust imports some functions, so the build copies this file below
// the generated glue, three folders up. worker-build loads it before the instance is made: imported functions must be declarations.
import * as worker from "../../../index.js";

const handler = {
  fetch(request, env, context, hasWaited = false) {
    try {
      return worker.fetch(request, env, context, hasWaited);
    } catch (error) {
      report(error);
      // Stable answers, unless the request is for Serin, or may have been sent already and is not safe to send twice.
      const isOwn = URL.parse(request.url)?.pathname.startsWith("/__serin");
      const isUnsent = request.body === null ? isSafe(request) : !request.bodyUsed;
      return isUnsent && !isOwn ? orElse(env.STABLE.fetch(request)) : new Response("Internal error", { status: 500 });
    }
  },
};
export default handler;
const isSafe = ({ method }) => ["GET", "HEAD", "OPTIONS"].includes(method);

/** Starts a fresh instance if Rust has panicked, before the glue passes it an object of the old one. Returns the instance's number. */
function restart() {
  try {
    return worker.__worker_init_state().instanceId;
  } catch {
    worker.__wbg_reset_state();
    return worker.__worker_init_state().instanceId;
  }
}
addEventListener("error", restart);

function report(error) {
  console.error(JSON.stringify({ event: "panic", error: String(error) }));
  restart();
}

/** Rust's answer. Where Rust panics, or has panicked since `instance` sent the request, the answer of `otherwise`. */
function either(instance, ask, otherwise = () => undefined) {
  if (restart() !== instance) return otherwise();
  try {
    return ask();
  } catch (error) {
    report(error);
    return otherwise();
  }
}
// === functions that Rust imports: src/exchange.rs, fetch.rs and request.rs say what they do ===
const rebuilt = (response) => either(restart(), () => worker.Exchange.passOn(response), () => response);
const passOn = (response) => (response.headers.has("set-cookie") ? rebuilt(response) : response);
const unanswered = (error) => either(restart(), () => worker.Exchange.unanswered(error), () => Promise.reject(error));
export function orElse(sent) { return sent.then(passOn, unanswered); }
export function observe(sent, exchange) {
  const [instance, own] = [restart(), () => orElse(sent)];
  const settle = (ask) => (value) => either(instance, () => exchange[ask](value), own);
  return sent.then(settle("answered"), settle("failed"));
}
export function guard(sent, exchange, limit, request, stable) {
  const [instance, own] = [restart(), () => orElse(sent)];
  // After a panic, stable answers what the canary failed.
  const isRetried = () => isSafe(request) && request.body === null && !request.headers.has("upgrade");
  const instead = (failure) => (isRetried() ? orElse(stable.fetch(request)) : failure());
  return new Promise((resolve, reject) => {
    const late = () => either(instance, () => exchange.timedOut(), () => instead(() => undefined));
    // A timer of the request's own, which the runtime runs in the context of this request.
    const timer = limit > 0 ? setTimeout(() => { const given = late(); if (given) resolve(given); }, limit) : undefined;
    const settle = (ask, otherwise) => resolve(either(instance, ask, otherwise), clearTimeout(timer));
    const answered = (response) => settle(() => exchange.answered(response), response.status < 500 ? own : () => instead(own));
    sent.then(answered, (error) => settle(() => exchange.failed(error), () => instead(own))).catch(reject);
  });
}
export function hasAny(headers, names) { return names.some((name) => headers.has(name)); }
export async function retryWhen(ready, limit, request, env, context, instance = restart()) {
  // A panic leaves `ready` pending for ever: a waiting request notices within 50 ms, and asks the next instance.
  const isOver = within(limit, ready.then(() => true), true);
  while (restart() === instance && !(await within(50, isOver)));
  return handler.fetch(request, env, context, restart() === instance);
}
export function within(limit, work, instead) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, limit, instead)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** A Durable Object class of Rust's. Its objects are made again after a panic: what they know is in their storage. */
const durableObject = (name) =>
  class {
    constructor(...own) { this.own = own; }
    #call(method, ...given) {
      return either(restart(), () => {
        if (this.instance !== restart()) this.object = new worker[name](...this.own);
        this.instance = restart();
        // Longer than any call takes: a panic leaves its promise pending for ever.
        return within(20_000, this.object[method](...given));
      });
    }
    fetch(request) { return this.#call("fetch", request); }
    alarm() { return this.#call("alarm"); }
  };
export const RolloutController = durableObject("RolloutController");
export const MetricsShard = durableObject("MetricsShard");
