//! What `shim.js` offers to Rust: continuations that survive a panic of the Wasm instance, which Rust's own closures would not.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Request};
use worker::{Env, worker_sys};

use crate::exchange::Exchange;

#[wasm_bindgen(module = "/src/shim.js")]
extern "C" {
    /// Passes stable's response or exception to `exchange`, and returns the client's response.
    pub(crate) fn observe(sent: &Promise, exchange: Exchange) -> Promise;

    /// Passes the canary's response, exception or silence of `limit_ms` (0: no limit) to `exchange`, and returns the client's response.
    /// After a panic `stable` answers a failed request that can be sent again.
    pub(crate) fn guard(
        sent: &Promise,
        exchange: Exchange,
        limit_ms: f64,
        request: &Request,
        stable: &worker_sys::Fetcher,
    ) -> Promise;

    /// Whether one of the headers is there. One call for all names, because each call into JavaScript costs more than a look-up.
    #[wasm_bindgen(js_name = hasAny)]
    pub(crate) fn has_any(headers: &Headers, names: &Array) -> bool;

    /// Handles `request` again once `ready` has settled, or after `limit_ms`.
    #[wasm_bindgen(js_name = retryWhen)]
    pub(crate) fn retry_when(
        ready: &Promise,
        limit_ms: f64,
        request: &Request,
        env: &Env,
        context: &worker_sys::Context,
    ) -> Promise;
}
