//! One request: its attributes, the decision, and where it goes.

use std::rc::Rc;

use js_sys::Promise;
use serin_logic::analysis::Unit;
use serin_logic::breaker::Permit;
use serin_logic::console;
use serin_logic::problem::Problem;
use serin_logic::request_attributes::RequestAttributes as _;
use serin_logic::routing::{Decision, Outcome, Reason, cookies, decide, is_write, override_token};
use serin_logic::snapshot::Snapshot;
use serin_logic::telemetry::Observed;
use serin_logic::{Timestamp, Variant};
use wasm_bindgen::prelude::*;
use web_sys::Request;
use worker::{Context, Env, worker_sys};

use crate::exchange::{self, Exchange, ObservedRequest, Route, Terms};
use crate::isolate::Isolate;
use crate::mirrored_copy::Selected;
#[cfg(feature = "panic-on-request")]
use crate::platform::panic_point;
use crate::platform::{background, clock, response};
use crate::policy_cache::PolicyCache;
use crate::request::IncomingRequest;
use crate::{control_api, health, proxy};

#[wasm_bindgen(module = "/src/shim.js")]
extern "C" {
    /// Handles `request` again when `ready` has settled, at the latest after `limit_ms`. A panic leaves `ready` pending for ever; the next
    /// instance then handles the request as a new one.
    #[wasm_bindgen(js_name = retryWhen)]
    fn retry_when(
        ready: &Promise,
        limit_ms: f64,
        request: &Request,
        env: &Env,
        context: &worker_sys::Context,
    ) -> Promise;
}

/// Answers a request.
///
/// `has_waited`: whether the request has waited for the policy already, and is decided by what is known now.
pub(crate) fn respond(
    isolate: &Rc<Isolate>,
    request: Request,
    env: &Env,
    context: Context,
    has_waited: bool,
) -> Promise {
    #[cfg(feature = "panic-on-request")]
    panic_point::reach("route", &request);
    let attributes = IncomingRequest::new(&request);
    if !attributes.is_ordinary() {
        match attributes.pathname() {
            _ if !attributes.has_url() => return response::promise(response::problem(&Problem::no_url())),
            health::PATH => {
                // The check of the metrics sends what is counted.
                set_location(isolate, &attributes);
                return health::respond(isolate.clone(), &attributes);
            }
            path if control_api::owns(path) => return control_api::respond(isolate.clone(), request),
            _ => {}
        }
    }
    let now = clock::now();
    let is_write = || is_write(&attributes.method());
    let snapshot = match isolate.policy.snapshot(is_write, now) {
        Some(snapshot) => snapshot,
        None if has_waited => isolate.policy.known(),
        None => {
            set_location(isolate, &attributes);
            return after_waiting(isolate, &request, env, &context, is_write());
        }
    };
    if isolate.policy.claim_refresh(now) {
        set_location(isolate, &attributes);
        let isolate = isolate.clone();
        background::wait_until(&context, async move { isolate.refresh().await });
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
            let request = match for_variant(isolate, &request, &attributes) {
                Ok(cleaned) => cleaned.unwrap_or(request),
                Err(error) => return response::promise(Exchange::unanswered(&error)),
            };
            isolate.telemetry.count_request();
            let terms = terms(isolate, &request, &snapshot, &decision, variant, now);
            Exchange::send(isolate, &Rc::new(context), &request, terms)
        }
    }
}

/// Waits for a policy that is fresh enough, and handles the request again. A longer read continues in the background.
fn after_waiting(isolate: &Rc<Isolate>, request: &Request, env: &Env, context: &Context, is_write: bool) -> Promise {
    let ready = Promise::new(&mut |resolve, _| {
        let isolate = isolate.clone();
        background::wait_until(context, async move {
            isolate.freshen(is_write, || drop(resolve.call0(&JsValue::NULL))).await;
        });
    });
    let limit_ms = PolicyCache::limit(is_write).as_secs_f64() * 1000.0;
    retry_when(&ready, limit_ms, request, env, context.as_ref())
}

/// The shard of this location gets the isolate's counts.
fn set_location(isolate: &Isolate, attributes: &IncomingRequest<'_>) {
    if let Some(location) = attributes.colo() {
        isolate.telemetry.set_location(&location);
    }
}

/// The terms of a request that was assigned to `variant`: its route, its observation, and the cookie to set.
fn terms(
    isolate: &Isolate,
    request: &Request,
    snapshot: &Snapshot,
    decision: &Decision,
    variant: Variant,
    now: Timestamp,
) -> Terms {
    let window = snapshot.observation_window().map(|window| window.observation.clone());
    let mut observed = decision.observed.zip(window);
    // Where every request counts for itself, a few keys may be behind all of them.
    let unit = snapshot.overlay().measure.unit;
    let visitor = decision.visitor.filter(|_| unit == Unit::StickyKey);
    let mirror = decision.mirrored.and_then(|mirrored| selected(isolate, request, snapshot, mirrored, visitor));
    let mut probe = None;
    let route = match variant {
        Variant::Stable => Route::Stable,
        Variant::Canary if decision.reason == Reason::Override => Route::ForcedCanary,
        Variant::Canary => {
            let is_sample = || observed.is_some() && exchange::has_fallback(isolate, request);
            match isolate.guard.permit(visitor, is_sample, now) {
                Permit::Canary => Route::Canary,
                Permit::Probe => {
                    probe = observed.as_ref().map(|(_, window)| window.clone());
                    Route::Canary
                }
                Permit::ShortCircuit => {
                    if let Some((Observed { visitor, .. }, window)) = observed.take() {
                        isolate.telemetry.record_short_circuit(&window, visitor, unit);
                    }
                    Route::ShortCircuited
                }
            }
        }
    };
    Terms {
        route,
        visitor,
        observed: observed.map(|(observed, window)| ObservedRequest { observed, window }),
        probe,
        mirror,
        overrides: isolate.policy.overrides(),
        set_cookie: decision.new_visitor.map(|visitor| visitor.set_cookie()),
        sent_at: now,
    }
}

/// The copy that is to follow stable's answer to the request, if it is drawn and may be sent twice.
fn selected(
    isolate: &Isolate,
    request: &Request,
    snapshot: &Snapshot,
    visitor: u32,
    breaker_visitor: Option<u32>,
) -> Option<Selected> {
    let window = snapshot.observation_window()?;
    let order = window.mirror.as_ref().filter(|order| isolate.mirror.draws(order.percentage))?;
    exchange::can_be_sent_again(request).then(|| Selected {
        visitor,
        breaker_visitor,
        window: window.observation.clone(),
        order: order.clone(),
    })
}

/// The request as the variant gets it, where it has to be rebuilt: no header of Serin's own travels on, and neither do QA's cookie and the
/// console's session.
fn for_variant(
    isolate: &Isolate,
    request: &Request,
    attributes: &IncomingRequest<'_>,
) -> Result<Option<Request>, JsValue> {
    // The cookie goes whatever is decided, because a variant that sees a valid one may use it.
    let has_override = isolate.config.routing.override_key.is_some() && attributes.has_override_cookie();
    let has_session = isolate.config.has_sessions() && attributes.has_session();
    if !attributes.has_reserved_header() && !has_override && !has_session {
        return Ok(None);
    }
    let cookies = cookies::without(attributes.cookies(), override_token::COOKIE).unwrap_or_default();
    let cookies = cookies::without(&cookies, console::COOKIE).unwrap_or_default();
    proxy::without_reserved(request, &cookies).map(Some)
}
