//! Panics on request, for the tests of what a panic costs. Compiled with the feature `panic-on-request` only.

use web_sys::Request;

use worker::{Context, Delay};

use super::background;

/// Panics if the request's header `x-serin-panic` names this place.
pub(crate) fn reach(place: &str, request: &Request) {
    assert!(
        request.headers().get("x-serin-panic").ok().flatten().as_deref() != Some(place),
        "asked to panic at {place}"
    );
}

/// The same in background work of the request.
pub(crate) fn reach_behind(place: &'static str, request: &Request, context: &Context) {
    let request = Clone::clone(request);
    background::wait_until(context, async move {
        // After the request was sent on, as all work behind a request.
        Delay::from(core::time::Duration::ZERO).await;
        reach(place, &request);
    });
}
