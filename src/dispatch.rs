//! From a decision to a variant: the breaker at work, the fallback, and what a client sees when stable itself fails.

use std::cell::OnceCell;

use serin_logic::breaker::{Permit, Transition};
use serin_logic::fallback::{Answer, may_replay};
use serin_logic::notice::Notice;
use serin_logic::problem::Problem;
use serin_logic::routing::{Decision, Reason, cookies, override_token};
use serin_logic::{Timestamp, Variant};
use wasm_bindgen::prelude::*;
use web_sys::Request;

use crate::facts::RequestFacts;
use crate::isolate::Isolate;
use crate::observation::{self, Ticket};
use serin_runtime::javascript::{Fetcher, IncomingRequest};
use serin_runtime::{clock, exception, log, randomness, respond};

#[wasm_bindgen(module = "/src/dispatch.js")]
extern "C" {
    #[wasm_bindgen(js_name = send)]
    fn send_to(variant: &Fetcher, request: &Request) -> JsValue;

    #[wasm_bindgen(js_name = orElse)]
    fn or_else(response: JsValue, failed: &JsValue) -> JsValue;

    fn watch(response: JsValue, settled: &JsValue) -> JsValue;

    fn observe(response: JsValue, failed: &JsValue, observed: &JsValue, watch: u32, unit: u32, begun: f64) -> JsValue;

    fn guard(
        response: JsValue,
        stable: &Fetcher,
        request: &Request,
        rescue: &JsValue,
        failed: &JsValue,
        watch: u32,
        unit: u32,
        begun: f64,
    ) -> JsValue;

    #[wasm_bindgen(js_name = withCookie)]
    fn with_cookie(response: JsValue, cookie: &str) -> JsValue;

    fn cleaned(request: &Request, cookie: &str) -> Request;
}

/// Whether stable answers in place of the canary: request, status, exception, and the ticket's three.
type Rescue = dyn Fn(Request, u16, JsValue, u32, u32, f64) -> bool;

/// What JavaScript calls when a variant has answered: made once per isolate, for all requests.
pub(crate) struct Callbacks {
    failed: Closure<dyn Fn(JsValue) -> JsValue>,
    rescue: Closure<Rescue>,
    /// The same for a request that QA forced: it tells the breaker nothing.
    rescue_forced: Closure<Rescue>,
    settled: Closure<dyn Fn(u16)>,
    observed: Closure<dyn Fn(u16, u32, u32, f64)>,
}

/// Sends a request where the decision says, and gives the promise of its response.
pub(crate) fn send(
    isolate: &'static Isolate,
    decision: &Decision,
    variant: Variant,
    request: &Request,
    facts: &RequestFacts<'_>,
    now: Timestamp,
) -> JsValue {
    let replacement = without_reserved(request, facts, decision.reason);
    let request = replacement.as_ref().unwrap_or(request);
    let bindings = &isolate.bindings;
    let (stable, callbacks) = (&bindings.stable, &isolate.callbacks);
    let forced = decision.reason == Reason::Override;
    let permit = || if forced { Permit::Canary } else { isolate.breaker.borrow_mut().permit(now) };
    let canary = bindings.canary.as_ref().filter(|_| variant == Variant::Canary);
    let failed = callbacks.failed.as_ref();
    let ticket = decision.observed.map(|observed| isolate.observer.ticket(observed, now));
    let response = match (canary.map(|canary| (canary, permit())), ticket) {
        (None, None) => or_else(send_to(stable, request), failed),
        (None, Some(Ticket { watch, unit, begun })) => {
            observe(send_to(stable, request), failed, callbacks.observed.as_ref(), watch, unit, begun)
        }
        (Some((canary, Permit::Canary)), ticket) => {
            let rescue = if forced { &callbacks.rescue_forced } else { &callbacks.rescue };
            let Ticket { watch, unit, begun } = ticket.unwrap_or_default();
            guard(send_to(canary, request), stable, request, rescue.as_ref(), failed, watch, unit, begun)
        }
        (Some((_, Permit::Divert)), ticket) => {
            if ticket.is_some() {
                observation::divert(isolate);
            }
            or_else(watch(send_to(stable, request), callbacks.settled.as_ref()), failed)
        }
    };
    match decision.new_visitor {
        None => response,
        Some(visitor) => with_cookie(response, &visitor.set_cookie()),
    }
}

/// The request to send in place of one that carries what no variant may see; `None`: as it is.
fn without_reserved(request: &Request, facts: &RequestFacts<'_>, reason: Reason) -> Option<Request> {
    let by_cookie = reason == Reason::Override && cookies::find(facts.cookies(), override_token::COOKIE).is_some();
    if !by_cookie && !facts.has_reserved() {
        return None;
    }
    let cookies = cookies::without(facts.cookies(), override_token::COOKIE).unwrap_or_default();
    Some(cleaned(request, &cookies))
}

// === impl Callbacks ===

impl Callbacks {
    pub(crate) fn new(isolate: &'static OnceCell<Isolate>) -> Self {
        let failed = move |error: JsValue| {
            if let Some(isolate) = isolate.get() {
                let line = isolate.outages.borrow_mut().record(&exception::text(&error), clock::now());
                log::notices(line.map(|(count, cause)| Notice::Unanswered { count, cause }).as_slice());
            }
            respond::problem(&Problem::unanswered())
        };
        let rescue = move |request: Request, status: u16, error: JsValue, watch: u32, unit: u32, begun: f64| {
            isolate.get().is_some_and(|isolate| {
                if watch != 0 {
                    let failed = answer_of(status).is_failure();
                    observation::record(isolate, Ticket { watch, unit, begun }, Variant::Canary, failed);
                }
                tell_breaker(isolate, answer_of(status));
                is_rescued(isolate, &request, status, &error)
            })
        };
        let rescue_forced = move |request: Request, status: u16, error: JsValue, _: u32, _: u32, _: f64| {
            isolate.get().is_some_and(|isolate| is_rescued(isolate, &request, status, &error))
        };
        let observed = move |status: u16, watch: u32, unit: u32, begun: f64| {
            if let Some(isolate) = isolate.get() {
                let failed = answer_of(status).is_failure();
                observation::record(isolate, Ticket { watch, unit, begun }, Variant::Stable, failed);
            }
        };
        let settled = move |status: u16| {
            if let Some(isolate) = isolate.get() {
                isolate.breaker.borrow_mut().record_stable(!answer_of(status).is_failure(), clock::now());
            }
        };
        Self {
            failed: Closure::wrap(Box::new(failed)),
            rescue: Closure::wrap(Box::new(rescue)),
            rescue_forced: Closure::wrap(Box::new(rescue_forced)),
            settled: Closure::wrap(Box::new(settled)),
            observed: Closure::wrap(Box::new(observed)),
        }
    }
}

fn tell_breaker(isolate: &'static Isolate, answer: Answer) {
    let failed = answer.is_failure();
    let chance = if failed { randomness::chance() } else { 0.0 };
    let transition = isolate.breaker.borrow_mut().record_canary(!failed, chance, clock::now());
    if let Some(transition) = transition {
        log::notice(&Notice::Breaker(transition));
        if matches!(transition, Transition::Open { .. }) {
            observation::open_breaker(isolate);
        }
    }
}

/// Whether stable answers in place of the canary; if so, it is logged.
fn is_rescued(isolate: &Isolate, request: &Request, status: u16, error: &JsValue) -> bool {
    if !answer_of(status).is_failure() || !fallback_is_on(isolate) || !may_be_sent_again(request) {
        return false;
    }
    let cause = if status == 0 { exception::text(error) } else { status.to_string() };
    let line = isolate.rescues.borrow_mut().record(&cause, clock::now());
    log::notices(line.map(|(count, cause)| Notice::Fallback { count, cause }).as_slice());
    true
}

/// JavaScript says 0 for an exception: no response has that status.
fn answer_of(status: u16) -> Answer {
    if status == 0 { Answer::Exception } else { Answer::Status(status) }
}

fn fallback_is_on(isolate: &Isolate) -> bool {
    let snapshot = isolate.snapshot.borrow();
    snapshot.as_ref().and_then(|snapshot| snapshot.last_good()).is_none_or(|state| state.fallback)
}

fn may_be_sent_again(request: &Request) -> bool {
    let is_upgrade = request.headers().has("upgrade").unwrap_or(true);
    may_replay(&request.method(), request.unchecked_ref::<IncomingRequest>().body().is_some(), is_upgrade)
}
