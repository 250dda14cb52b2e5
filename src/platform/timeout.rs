//! The one way to wait with a deadline.

use core::fmt;
use core::pin::pin;
use core::time::Duration;

use futures_util::future::{Either, select};
use js_sys::Promise;
use serin_logic::problem::Problem;
use wasm_bindgen::prelude::*;
use web_sys::Response;
use worker::Delay;

use super::response;

/// The work did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedOut(Duration);

/// Waits for `work`, at most this long.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, TimedOut> {
    match select(pin!(work), Delay::from(limit)).await {
        Either::Left((result, _)) => Ok(result),
        Either::Right(_) => Err(TimedOut(limit)),
    }
}

/// Waits for work that can fail, at most this long; the deadline is one more way to fail.
pub(crate) async fn attempt<T>(limit: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    within(limit, work).await.unwrap_or_else(|late| Err(late.to_string()))
}

/// The answer, or this problem where there is none after `limit`. The timer is JavaScript's, so that it survives a panic of the Wasm.
pub(crate) fn or_problem(limit: Duration, answer: &Promise, problem: &Problem) -> Promise {
    within_js(limit.as_secs_f64() * 1000.0, answer, &response::problem(problem))
}

/// What `work` gives, or `undefined` after `limit`.
pub(crate) fn or_undefined(limit: Duration, work: &Promise) -> Promise {
    within_or_undefined(limit.as_secs_f64() * 1000.0, work)
}

#[wasm_bindgen(module = "/src/shim.js")]
extern "C" {
    /// What `work` gives, or `instead` after `limit_ms`.
    #[wasm_bindgen(js_name = within)]
    fn within_js(limit_ms: f64, work: &Promise, instead: &Response) -> Promise;

    /// What `work` gives, or `undefined` after `limit_ms`.
    #[wasm_bindgen(js_name = within)]
    fn within_or_undefined(limit_ms: f64, work: &Promise) -> Promise;
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {} ms", self.0.as_millis())
    }
}
