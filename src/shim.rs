//! The functions of `shim.js` that Rust calls: above all continuations of promises, which survive a panic of the Wasm instance as
//! Rust's own closures would not.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Request};
use worker::{Env, worker_sys};

use crate::exchange::Exchange;

#[wasm_bindgen(module = "/src/shim.js")]
extern "C" {
    /// Passes stable's response or exception to `exchange`, and returns the client's response. After a panic that is stable's own.
    pub(crate) fn observe(sent: &Promise, exchange: Exchange) -> Promise;

    /// Passes the canary's response, exception or silence of `limit_ms` (0: no limit) to `exchange`, and returns the client's response.
    /// After a panic `stable` answers a failed request that is safe to send again.
    pub(crate) fn guard(
        sent: &Promise,
        exchange: Exchange,
        limit_ms: f64,
        request: &Request,
        stable: &worker_sys::Fetcher,
    ) -> Promise;

    /// Whether one of the headers is there. One call for all names, because a call into JavaScript costs more than a look-up.
    #[wasm_bindgen(js_name = hasAny)]
    pub(crate) fn has_any(headers: &Headers, names: &Array) -> bool;

    /// Handles `request` again when `ready` has settled, at the latest after `limit_ms`, because a panic leaves `ready` pending for ever.
    #[wasm_bindgen(js_name = retryWhen)]
    pub(crate) fn retry_when(
        ready: &Promise,
        limit_ms: f64,
        request: &Request,
        env: &Env,
        context: &worker_sys::Context,
    ) -> Promise;
}
