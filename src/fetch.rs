//! One request: its attributes, the decision, and where it goes.

use std::rc::Rc;

use js_sys::Promise;
use serin_logic::breaker::Permit;
use serin_logic::problem::Problem;
use serin_logic::request_attributes::RequestAttributes as _;
use serin_logic::routing::{Decision, Outcome, Reason, cookies, decide, override_token};
use serin_logic::snapshot::Snapshot;
use serin_logic::{Timestamp, Variant};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use web_sys::Request;
use worker::{Context, Env};

use crate::exchange::{Exchange, ObservedRequest, Route};
use crate::isolate::Isolate;
#[cfg(feature = "panic-on-request")]
use crate::platform::panic_point;
use crate::platform::{clock, response};
use crate::policy_cache::FIRST_READ_LIMIT;
use crate::request::IncomingRequest;
use crate::{control_api, health, proxy, shim};

/// What a request waits longer than the first read may take, before it is handled without: only a panic makes it wait that long.
const MARGIN_MS: f64 = 50.0;

/// Answers a request.
pub(crate) fn respond(isolate: &Rc<Isolate>, request: Request, env: &Env, context: Context) -> Promise {
    #[cfg(feature = "panic-on-request")]
    panic_point::reach("route", &request);
    let attributes = IncomingRequest::new(&request);
    match attributes.path() {
        health::PATH => return health::respond(isolate.clone(), &attributes),
        path if control_api::owns(path) => return control_api::respond(isolate.clone(), request),
        _ => {}
    }
    let Some(snapshot) = isolate.policy.snapshot() else {
        return after_first_read(isolate.clone(), &request, env, &context);
    };
    let now = clock::now();
    if isolate.policy.claim_refresh(now) {
        isolate.telemetry.set_location(attributes.location());
        let isolate = isolate.clone();
        context.wait_until(async move { isolate.refresh().await });
    }
    #[cfg(feature = "panic-on-request")]
    panic_point::reach_behind("background", &request, &context);
    let decision = decide(&snapshot, &isolate.config.routing, &attributes, now);
    match decision.outcome {
        Outcome::Unavailable(switch) => {
            let problem = Problem::unavailable(switch, snapshot.switches().get(switch), now);
            response::promise(response::problem(&problem))
        }
        Outcome::Serve(variant) => {
            let request = match for_variant(&request, &attributes, &decision) {
                Ok(cleaned) => cleaned.unwrap_or(request),
                Err(error) => return Promise::reject(&error),
            };
            serve(isolate, &snapshot, &decision, variant, request, context, now)
        }
    }
}

/// Waits for the isolate's first policy, and handles the request again.
fn after_first_read(isolate: Rc<Isolate>, request: &Request, env: &Env, context: &Context) -> Promise {
    let ready = future_to_promise(async move {
        isolate.policy.first_read().await;
        Ok(JsValue::UNDEFINED)
    });
    let limit_ms = FIRST_READ_LIMIT.as_secs_f64() * 1000.0 + MARGIN_MS;
    shim::retry_when(&ready, limit_ms, request, env, context.as_ref())
}

/// Sends a request to its variant.
fn serve(
    isolate: &Rc<Isolate>,
    snapshot: &Snapshot,
    decision: &Decision,
    variant: Variant,
    request: Request,
    context: Context,
    now: Timestamp,
) -> Promise {
    let route = match variant {
        Variant::Stable => Route::Stable,
        Variant::Canary if decision.reason == Reason::Override => Route::ForcedCanary,
        Variant::Canary => match isolate.guard.permit(snapshot, now) {
            Permit::Canary => Route::Canary,
            Permit::ShortCircuit => Route::ShortCircuited,
        },
    };
    let window = snapshot.observation_window().map(|watch| watch.observation.clone());
    if let (Route::ShortCircuited, Some(_), Some(window)) = (route, decision.observed, &window) {
        isolate.telemetry.record_short_circuit(window);
    }
    let observed = decision.observed.filter(|_| route != Route::ShortCircuited).zip(window);
    let observed = observed.map(|(observed, window)| ObservedRequest { observed, window });
    let set_cookie = decision.new_visitor.map(|visitor| visitor.set_cookie());
    if route == Route::Stable && observed.is_none() && set_cookie.is_none() {
        return isolate.proxy.send_to_stable(&request);
    }
    let target = if matches!(route, Route::Stable | Route::ShortCircuited) { Variant::Stable } else { Variant::Canary };
    let sent = isolate.proxy.send(target, &request);
    let exchange =
        Exchange::new(isolate.clone(), Rc::new(context), Clone::clone(&request), route, observed, set_cookie, now);
    match (target, isolate.proxy.stable()) {
        (Variant::Canary, Some(stable)) => shim::guard(&sent, exchange, isolate.guard.deadline_ms(), &request, stable),
        _ => shim::observe(&sent, exchange),
    }
}

/// The request as the variant gets it, where it has to be rebuilt: no header of Serin's own travels on, and neither does QA's cookie.
fn for_variant(
    request: &Request,
    attributes: &IncomingRequest<'_>,
    decision: &Decision,
) -> Result<Option<Request>, JsValue> {
    let is_override = decision.reason == Reason::Override && attributes.has_override_cookie();
    if !attributes.has_reserved_header() && !is_override {
        return Ok(None);
    }
    let cookies = cookies::without(attributes.cookies(), override_token::COOKIE).unwrap_or_default();
    proxy::without_reserved(request, &cookies).map(Some)
}
