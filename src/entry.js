// The Worker's door. It hands each request to Rust with the strings that every decision needs, and survives a panic.
import * as serin from "../build/bindgen/serin.js";

let broken = false;

// A panic in a task that runs behind a request ends here.
addEventListener("error", (event) => noteTrap(event.error));

export default {
  fetch(request, env, context) {
    if (broken) restart();
    try {
      return serin.fetch(request, env, context, request.url, request.headers.get("cookie") ?? "", Date.now());
    } catch (error) {
      noteTrap(error);
      return outage(error, request, env);
    }
  },
};

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
