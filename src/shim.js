// The module that wrangler loads, and all JavaScript of this Worker: it makes the Wasm instance, and survives its panics. After a panic the
// generated glue starts a fresh instance with the next call. No rule of Serin's is here.
//
// Rust imports the functions below, so the build copies this file below the generated glue, which is why the glue lies three folders up.
// Nothing may call the glue before a request does: worker-build's own shim loads this file before the Wasm instance exists.
import * as worker from "../../../index.js";

const isSafe = ({ method }) => ["GET", "HEAD", "OPTIONS"].includes(method);

const handler = {
  fetch(request, env, context) {
    try {
      return worker.fetch(request, env, context);
    } catch (error) {
      return panicked(error, request, env.STABLE);
    }
  },
};

export default handler;

/** Rust panicked before it sent the request. Stable answers it, unless it may have been sent and is not safe to send twice. */
function panicked(error, request, stable) {
  console.error(JSON.stringify({ event: "panic", error: String(error) }));
  const canBeSent = request.body === null ? isSafe(request) : !request.bodyUsed;
  return canBeSent ? stable.fetch(request) : new Response("Internal error", { status: 500 });
}

// === continuations, for Rust ===

/** The client's response to a request that stable answers. After a panic it is stable's own. */
export function observe(sent, exchange) {
  return sent.then(
    (response) => either(() => exchange.answered(response), () => response),
    (error) => either(() => exchange.failed(error), () => Promise.reject(error)),
  );
}

/** The client's response to a request that the canary answers, fails, or leaves without an answer for `limit` ms (0: no limit). */
export function guard(sent, exchange, limit, request, stable) {
  return new Promise((resolve) => {
    // A timer of this request's own: the runtime runs what belongs to a request in that request's context only.
    const timer = limit > 0 ? setTimeout(() => timeOut(), limit) : undefined;
    const settle = (ask, instead) => {
      clearTimeout(timer);
      resolve(either(ask, instead));
    };
    sent.then(
      (response) => settle(() => exchange.answered(response), () => (response.status < 500 ? response : retry(request, stable, response))),
      (error) => settle(() => exchange.failed(error), () => retry(request, stable, Promise.reject(error))),
    );
  });
}

function timeOut(exchange, resolve) {
  const response = either(() => exchange.timedOut(), () => undefined);
  if (response !== undefined) resolve(response);
}

/** Stable's response to a request that the canary failed while Rust could not be asked, if it can be sent again; else `failure`. */
function retry(request, stable, failure) {
  const canBeSent = isSafe(request) && request.body === null && !request.headers.has("upgrade");
  return canBeSent ? stable.fetch(request) : failure;
}

/** What Rust says; where it panics, or has panicked since the request began, what is said `instead`. */
function either(ask, instead) {
  try {
    return ask();
  } catch (error) {
    console.error(JSON.stringify({ event: "panic", error: String(error) }));
    return instead();
  }
}

/** Handles a request again when `ready` has settled, at the latest after `limit` ms: a panic leaves `ready` pending for ever. */
export async function retryWhen(ready, limit, request, env, context) {
  await within(limit, ready, () => undefined);
  return handler.fetch(request, env, context);
}

async function within(limit, work, late) {
  let timer;
  const end = new Promise((resolve) => (timer = setTimeout(resolve, limit))).then(late);
  return Promise.race([work, end]).finally(() => clearTimeout(timer));
}

// === Durable Objects ===

/** Longer than any call takes: a panic leaves its promise pending for ever. */
const CALL_LIMIT_MS = 60_000;

/** A class of Rust's. Its objects are made again after a panic: what they know is in their storage. */
const durableObject = (name) =>
  class {
    #own;
    #object;
    #instance;

    constructor(...own) {
      this.#own = own;
    }

    fetch(request) {
      return this.#call("fetch", request);
    }

    alarm() {
      return this.#call("alarm");
    }

    #call(method, ...given) {
      const { instanceId } = worker.__worker_init_state();
      if (this.#instance !== instanceId) this.#object = new worker[name](...this.#own);
      this.#instance = instanceId;
      return within(CALL_LIMIT_MS, this.#object[method](...given), () => Promise.reject(new Error(`no end within ${CALL_LIMIT_MS} ms`)));
    }
  };

export const RolloutController = durableObject("RolloutController");
export const MetricsShard = durableObject("MetricsShard");
