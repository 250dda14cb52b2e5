//! Forwards requests to a variant. The runtime's `Request` and `Response` objects pass through unmodified, except where a header has to go
//! or a cookie has to come.

use std::cell::RefCell;

use js_sys::{Array, Promise};
use serin_logic::Variant;
use serin_logic::headers;
use serin_logic::log_event::LogEvent;
use serin_logic::log_rate_limiter::LogRateLimiter;
use serin_logic::mirror;
use serin_logic::problem::Problem;
use serin_logic::version::VersionOverrides;
use serin_logic::visitor;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortSignal, Headers, Request, RequestInit, Response};
use worker::worker_sys;

use crate::platform::{clock, log, response};
use crate::versions;

/// Marks the second attempt at a request, so that its receiver can tell it from the first.
const ATTEMPT: &str = "serin-attempt";

/// The way to both variants.
pub(crate) struct Proxy {
    stable: Option<worker_sys::Fetcher>,
    canary: Option<worker_sys::Fetcher>,
    unanswered: RefCell<LogRateLimiter>,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) fn new(stable: Option<worker_sys::Fetcher>, canary: Option<worker_sys::Fetcher>) -> Self {
        Self { stable, canary, unanswered: RefCell::default() }
    }

    /// Sends a request to a variant: with `overrides` to a version of stable's Worker. The promise is the runtime's own.
    pub(crate) fn send(&self, variant: Variant, request: &Request, overrides: Option<&VersionOverrides>) -> Promise {
        let binding = match variant {
            Variant::Canary if overrides.is_none() => &self.canary,
            Variant::Stable | Variant::Canary => &self.stable,
        };
        let Some(binding) = binding else {
            return Promise::reject(&format!("the service binding of {variant} is missing").into());
        };
        let sent = match overrides.and_then(|overrides| overrides.header(variant)) {
            Some(value) => versions::with_override(request, value).and_then(|request| binding.fetch(&request)),
            None => binding.fetch(request),
        };
        sent.unwrap_or_else(|error| Promise::reject(&error))
    }

    /// The client's response where a variant failed for this cause, and no other could answer.
    pub(crate) fn unanswered(&self, problem: &Problem, cause: &str) -> Response {
        let line = self.unanswered.borrow_mut().record(cause, clock::now());
        log::events(line.map(|(count, cause)| LogEvent::Unanswered { count, cause }).as_slice());
        response::problem(problem)
    }

    /// Stable's service binding.
    pub(crate) fn stable(&self) -> Option<&worker_sys::Fetcher> {
        self.stable.as_ref()
    }

    /// The canary's service binding.
    pub(crate) fn canary(&self) -> Option<&worker_sys::Fetcher> {
        self.canary.as_ref()
    }
}

/// The request without reserved headers, and with this `Cookie` header; none if empty.
pub(crate) fn without_reserved(request: &Request, cookies: &str) -> Result<Request, JsValue> {
    let headers = Headers::new_with_headers(&request.headers())?;
    for name in names(&headers).iter().filter(|name| headers::is_reserved(name)) {
        headers.delete(name)?;
    }
    if cookies.is_empty() {
        headers.delete("cookie")?;
    } else {
        headers.set("cookie", cookies)?;
    }
    with_headers(request, &headers)
}

#[wasm_bindgen]
extern "C" {
    /// Own binding, because `web_sys` has none.
    #[wasm_bindgen(extends = Headers)]
    type ResponseHeaders;

    /// The values of all `Set-Cookie` headers, in their order.
    #[wasm_bindgen(method, js_name = getSetCookie)]
    fn set_cookies(this: &ResponseHeaders) -> Array;
}

/// A variant's response as the client gets it: without a cookie of Serin's name, which only Serin sets, and with this visitor's cookie,
/// which makes it this visitor's own. A response that needs neither is returned as it is, and so is one that cannot be rebuilt.
pub(crate) fn passed_on(response: Response, cookie: Option<&str>) -> Response {
    // A protocol switch has no use for a cookie.
    let cookie = cookie.filter(|_| response.status() != 101);
    let others = without_own_cookies(&response.headers());
    if cookie.is_none() && others.is_none() {
        return response;
    }
    let rebuilt = || {
        // From the response itself, so that status text, encoding, `cf` and WebSocket stay.
        let rebuilt =
            Response::new_with_opt_readable_stream_and_init(response.body().as_ref(), response.unchecked_ref())?;
        let own = rebuilt.headers();
        if let Some(others) = others {
            own.delete("set-cookie")?;
            for other in others {
                own.append("set-cookie", &other)?;
            }
        }
        if let Some(cookie) = cookie {
            own.append("set-cookie", cookie)?;
            forbid_sharing(&own)?;
        }
        Ok::<_, JsValue>(rebuilt)
    };
    rebuilt().unwrap_or(response)
}

/// The other cookies of a response that sets a cookie of Serin's name; `None` where it sets none.
fn without_own_cookies(headers: &Headers) -> Option<Vec<String>> {
    if !headers.has("set-cookie").unwrap_or(false) {
        return None;
    }
    let all = headers.unchecked_ref::<ResponseHeaders>().set_cookies();
    let all: Vec<String> = all.iter().filter_map(|cookie| cookie.as_string()).collect();
    let is_foreign = |cookie: &&String| !visitor::is_own_cookie(cookie);
    let others: Vec<String> = all.iter().filter(is_foreign).cloned().collect();
    (others.len() < all.len()).then_some(others)
}

/// Keeps every cache on the way from giving this visitor's cookie to others.
fn forbid_sharing(headers: &Headers) -> Result<(), JsValue> {
    if !headers::forbids_sharing(&headers.get("Cache-Control")?.unwrap_or_default()) {
        headers.append("Cache-Control", "private")?;
    }
    for name in names(headers).iter().filter(|name| headers::outranks_cache_control(name)) {
        headers.set(name, "no-store")?;
    }
    Ok(())
}

fn names(headers: &Headers) -> Vec<String> {
    headers.keys().into_iter().flatten().filter_map(|name| name.as_string()).collect()
}

/// Cancels the body of a response that is not used, so that its connection is free again.
pub(crate) fn discard(response: &Response) {
    let Some(body) = response.body() else { return };
    let cancelled = JsFuture::from(body.cancel());
    // The outcome is of no interest, but the runtime would log an unhandled rejection.
    spawn_local(async {
        let _ = cancelled.await;
    });
}

/// The request for its second attempt, which goes to stable.
pub(crate) fn marked_as_retry(request: &Request) -> Result<Request, JsValue> {
    let headers = Headers::new_with_headers(&request.headers())?;
    headers.set(ATTEMPT, "2")?;
    with_headers(request, &headers)
}

/// The copy of a request that goes to a canary without visitors, and ends with `signal`.
pub(crate) fn marked_as_mirror(request: &Request, signal: &AbortSignal) -> Result<Request, JsValue> {
    let headers = Headers::new_with_headers(&request.headers())?;
    headers.set(mirror::HEADER, "1")?;
    let init = RequestInit::new();
    init.set_headers(&headers);
    init.set_signal(Some(signal));
    Request::new_with_request_and_init(request, &init)
}

fn with_headers(request: &Request, headers: &Headers) -> Result<Request, JsValue> {
    let init = RequestInit::new();
    init.set_headers(headers);
    Request::new_with_request_and_init(request, &init)
}
