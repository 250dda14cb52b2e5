// The instance of the Wasm, and what it knows: the isolate. A trap leaves an instance unusable, and the next question gets a fresh one.
import * as serin from "../build/bindgen/serin.js";

export { Also, Part, Then, Who, controller_name } from "../build/bindgen/serin.js";

let isolate;
let environment;
let hasTrapped = false;

// A panic in what goes on behind a request ends here.
addEventListener("error", (event) => noteTrap(event.error));

/** Rust, to be asked. Without `env` somebody has been there before. */
export function rust(env = environment) {
  return isolate ?? begin(env);
}

function begin(env) {
  if (hasTrapped) serin.__wbg_reset_state();
  hasTrapped = false;
  environment = env;
  return (isolate = new serin.Isolate(env));
}

export function noteTrap(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  hasTrapped = true;
  isolate = undefined;
}
