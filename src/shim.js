// The module that wrangler loads, and the only JavaScript of this Worker: it makes the Wasm instance and survives its panics. No rule of
// Serin's is here. Rust imports some of these functions, so the build copies this file below the generated glue, which therefore lies
// three folders up. Nothing may call the glue before a request does: worker-build's shim loads this file before the Wasm instance exists.
// And the instance is made before the constants here: what Rust imports are function declarations.
import * as worker from "../../../index.js";

const handler = {
  fetch(request, env, context) {
    try {
      return worker.fetch(request, env, context);
    } catch (error) {
      report(error);
      // Stable answers, unless the request may have been sent already and is not safe to send twice.
      const isUnsent = request.body === null ? isSafe(request) : !request.bodyUsed;
      return isUnsent ? env.STABLE.fetch(request) : new Response("Internal error", { status: 500 });
    }
  },
};
export default handler;
const isSafe = ({ method }) => ["GET", "HEAD", "OPTIONS"].includes(method);

/** Starts a fresh instance if Rust has panicked, before the glue passes it an object of the old one. Returns the instance's number. */
const restart = () => worker.__worker_init_state().instanceId;
addEventListener("error", restart);

function report(error) {
  restart();
  console.error(JSON.stringify({ event: "panic", error: String(error) }));
}

/** Rust's answer. Where Rust panics, or has panicked since the request began, the answer of `otherwise`. */
function either(ask, otherwise) {
  try {
    restart();
    return ask();
  } catch (error) {
    report(error);
    return otherwise();
  }
}

// === functions that Rust imports: src/shim.rs says what they do ===
export function observe(sent, exchange) {
  return sent.then(
    (response) => either(() => exchange.answered(response), () => response),
    (error) => either(() => exchange.failed(error), () => sent),
  );
}

export function guard(sent, exchange, limit, request, stable) {
  // After a panic, stable answers what the canary failed.
  const isRetried = () => isSafe(request) && request.body === null && !request.headers.has("upgrade");
  const instead = (failure) => () => (isRetried() ? stable.fetch(request) : failure);
  return new Promise((resolve) => {
    // A timer of the request's own, which the runtime runs in the context of this request.
    const late = () => ((given) => given && resolve(given))(either(() => exchange.timedOut(), instead(undefined)));
    const timer = limit > 0 ? setTimeout(late, limit) : undefined;
    const settle = (ask, otherwise) => (clearTimeout(timer), resolve(either(ask, otherwise)));
    sent.then(
      (response) => settle(() => exchange.answered(response), response.status < 500 ? () => response : instead(response)),
      (error) => settle(() => exchange.failed(error), instead(sent)),
    );
  });
}

export function hasAny(headers, names) {
  return names.some((name) => headers.has(name));
}

export function retryWhen(ready, limit, ...request) {
  return within(limit, ready).then(() => handler.fetch(...request));
}

function within(limit, work) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, limit)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** A Durable Object class of Rust's. Its objects are made again after a panic: what they know is in their storage. */
const durableObject = (name) =>
  class {
    constructor(...own) {
      this.own = own;
    }
    #call(method, ...given) {
      if (this.instance !== restart()) this.object = new worker[name](...this.own);
      this.instance = restart();
      // Longer than any call takes: a panic leaves its promise pending for ever.
      return within(60_000, this.object[method](...given));
    }
    fetch(request) {
      return this.#call("fetch", request);
    }
    alarm() {
      return this.#call("alarm");
    }
  };
export const RolloutController = durableObject("RolloutController");
export const MetricsShard = durableObject("MetricsShard");
