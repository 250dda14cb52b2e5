// The control plane's door: hands each call to Rust, and survives a panic there.
import * as control from "../../build/bindgen/control.js";

/** Longer than anything here takes: a panic in a task leaves its promise open for ever. */
const DEADLINE_MS = 60_000;

let broken = false;

addEventListener("error", (event) => noteTrap(event.error));

export const api = (...args) => call(control.api, args);
export const controllerFetch = (...args) => call(control.controllerFetch, args);
export const controllerAlarm = (...args) => call(control.controllerAlarm, args);
export const shardFetch = (...args) => call(control.shardFetch, args);
export const shardAlarm = (...args) => call(control.shardAlarm, args);

async function call(method, args) {
  if (broken) restart();
  const done = new AbortController();
  const late = scheduler.wait(DEADLINE_MS, { signal: done.signal }).then(
    () => {
      throw new Error(`no end within ${DEADLINE_MS} ms`);
    },
    () => undefined,
  );
  try {
    return await Promise.race([method(...args), late]);
  } catch (error) {
    noteTrap(error);
    throw error;
  } finally {
    done.abort();
  }
}

/** A trap leaves the instance unusable; the next call gets a fresh one. */
function noteTrap(error) {
  if (error instanceof WebAssembly.RuntimeError) broken = true;
}

function restart() {
  broken = false;
  control.__wbg_reset_state();
}
