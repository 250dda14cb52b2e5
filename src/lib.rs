//! Serin's edge: the only crate that knows Workers. It reads bindings, asks `serin-logic` what to do, and passes the runtime's own
//! `Request` and `Response` objects through. No decision is made here.
//!
//! A request enters through [`fetch`](fn@fetch), which forwards it in the shape of README's diagram. The two Durable Objects are
//! `RolloutController`, which carries out rollouts, and `MetricsShard`, which counts for one location.

use std::panic;

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use worker::{Context, Env, event, worker_sys};

mod access;
mod canary_guard;
mod config;
mod console;
mod control_api;
mod controller;
mod controller_do;
mod exchange;
mod fetch;
mod health;
mod isolate;
mod metrics_shard_do;
mod mirror;
mod mirrored_copy;
mod outcome;
mod platform;
mod policy_cache;
mod policy_store;
mod proxy;
mod request;
mod telemetry;
mod versions;

/// Runs once per Wasm instance: logs a panic's message and place before the runtime replaces the instance.
#[event(start)]
fn start() {
    // `worker` has a hook of its own, which notifies its shim of the panic: it is kept.
    let worker_hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        console_error_panic_hook::hook(info);
        worker_hook(info);
    }));
}

/// Handles a request. Returns a promise of the variant's own response where nothing has to be added to it.
///
/// This is an exported function and not `#[event(fetch)]`, because that macro waits for the response in a Rust future: a future leaks
/// when its client leaves, and dies with the Wasm instance when another request panics. A promise does neither. The runtime passes three
/// arguments; `shim.js` passes `has_waited` when it handles a request again.
#[wasm_bindgen]
#[expect(clippy::needless_pass_by_value, reason = "JavaScript passes values")]
pub fn fetch(request: web_sys::Request, env: Env, context: worker_sys::Context, has_waited: bool) -> Promise {
    fetch::respond(&isolate::current(&env), request, &env, Context::new(context), has_waited)
}
