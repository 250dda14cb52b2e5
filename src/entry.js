// The Worker's doors. A request is handed to Rust with the strings that every decision needs, and a panic is survived. What
// belongs to the control plane is loaded when it is first needed.
import * as serin from "../build/bindgen/serin.js";

const control = () => import("./control.js");

let broken = false;

// A panic in a task that runs behind a request ends here.
addEventListener("error", (event) => noteTrap(event.error));

export default {
  fetch(request, env) {
    if (broken) restart();
    try {
      const url = request.url;
      return serin.fetch(request, env, url, request.headers.get("cookie") ?? "", Date.now()) ?? api(request, env);
    } catch (error) {
      noteTrap(error);
      return outage(error, request, env);
    }
  },
};

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
  if (error instanceof WebAssembly.RuntimeError) broken = true;
}

function restart() {
  broken = false;
  serin.__wbg_reset_state();
}

/** Serin itself failed: stable answers what may be sent twice. Whether anything else was sent already is not known. */
function outage(error, request, env) {
  console.error(JSON.stringify({ event: "panic", error: String(error) }));
  const mayReplay = request.body === null && ["GET", "HEAD", "OPTIONS"].includes(request.method);
  return mayReplay ? env.STABLE.fetch(request) : new Response("Internal error", { status: 500 });
}
