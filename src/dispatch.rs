//! From a decision to a variant: the breaker at work, the fallback, and what a client sees when stable itself fails.

use core::time::Duration;
use std::cell::OnceCell;

use serin_logic::breaker::{BackOff, Permit, Transition};
use serin_logic::fallback::{Answer, has_deadline, may_replay};
use serin_logic::notice::Notice;
use serin_logic::problem::Problem;
use serin_logic::routing::{Decision, Reason, cookies, override_token};
use serin_logic::{Timestamp, Variant};
use wasm_bindgen::prelude::*;
use web_sys::{Request, Response};

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
        canary: &Fetcher,
        stable: &Fetcher,
        request: &Request,
        limit_ms: f64,
        rescue: &JsValue,
        failed: &JsValue,
        has_deadline: &JsValue,
        watch: u32,
        unit: u32,
        begun: f64,
    ) -> JsValue;

    #[wasm_bindgen(js_name = withCookie)]
    fn with_cookie(response: JsValue, cookie: &str) -> JsValue;

    fn cleaned(request: &Request, cookie: &str) -> Request;
}

/// Whether stable answers in place of the canary: request, status, response or exception, and the ticket's three.
type Rescue = dyn Fn(Request, u16, JsValue, u32, u32, f64) -> bool;

/// What JavaScript calls when a variant has answered: made once per isolate, for all requests.
pub(crate) struct Callbacks {
    failed: Closure<dyn Fn(JsValue) -> JsValue>,
    rescue: Closure<Rescue>,
    /// The same for a request that QA forced: it tells the breaker nothing.
    rescue_forced: Closure<Rescue>,
    settled: Closure<dyn Fn(u16)>,
    observed: Closure<dyn Fn(u16, u32, u32, f64)>,
    has_deadline: Closure<dyn Fn(Request) -> bool>,
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
            let (rescue, has_deadline) = (rescue.as_ref(), callbacks.has_deadline.as_ref());
            guard(canary, stable, request, bindings.deadline_ms, rescue, failed, has_deadline, watch, unit, begun)
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
            respond::problem(&if exception::is_timeout(&error) { Problem::late() } else { Problem::unanswered() })
        };
        let rescue = move |request: Request, status: u16, outcome: JsValue, watch: u32, unit: u32, begun: f64| {
            isolate.get().is_some_and(|isolate| {
                let answer = answer_of(status);
                if watch != 0 {
                    observation::record(isolate, Ticket { watch, unit, begun }, Variant::Canary, answer.is_failure());
                }
                isolate.budget.borrow_mut().earn();
                tell_breaker(isolate, answer, &outcome);
                is_rescued(isolate, &request, answer, &outcome)
            })
        };
        let rescue_forced = move |request: Request, status: u16, outcome: JsValue, _: u32, _: u32, _: f64| {
            isolate.get().is_some_and(|isolate| is_rescued(isolate, &request, answer_of(status), &outcome))
        };
        let has_deadline = |request: Request| {
            let (has_body, headers) = (has_body(&request), request.headers());
            has_deadline(has_body, headers.get("content-length").ok().flatten().as_deref(), is_upgrade(&request))
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
            has_deadline: Closure::wrap(Box::new(has_deadline)),
        }
    }
}

fn tell_breaker(isolate: &'static Isolate, answer: Answer, outcome: &JsValue) {
    let back_off = back_off(answer, outcome);
    note(isolate, isolate.breaker.borrow_mut().record_canary(answer, back_off, clock::now()));
}

fn note(isolate: &'static Isolate, transition: Option<Transition>) {
    let Some(transition) = transition else { return };
    log::notice(&Notice::Breaker(transition));
    if matches!(transition, Transition::Open { .. }) {
        observation::open_breaker(isolate);
    }
}

/// How long the breaker would pause if it opened now.
fn back_off(answer: Answer, outcome: &JsValue) -> BackOff {
    let retry_after = match answer {
        Answer::Status(429 | 503) => seconds_of_retry_after(outcome.unchecked_ref()),
        _ => None,
    };
    let chance = if matches!(answer, Answer::Status(..500)) { 0.0 } else { randomness::chance() };
    BackOff { chance, retry_after: Duration::from_secs(retry_after.unwrap_or_default()) }
}

fn seconds_of_retry_after(response: &Response) -> Option<u64> {
    response.headers().get("retry-after").ok()??.parse().ok()
}

/// Whether stable answers in place of the canary; if so, it is logged.
fn is_rescued(isolate: &'static Isolate, request: &Request, answer: Answer, outcome: &JsValue) -> bool {
    if !answer.is_failure() || !fallback_is_on(isolate) || !may_be_sent_again(request) {
        return false;
    }
    if !isolate.budget.borrow_mut().spend() {
        note(isolate, isolate.breaker.borrow_mut().exhaust(back_off(answer, outcome), clock::now()));
        return false;
    }
    let cause = match answer {
        Answer::Status(status) => status.to_string(),
        Answer::Exception => exception::text(outcome),
    };
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
    may_replay(&request.method(), has_body(request), is_upgrade(request))
}

fn has_body(request: &Request) -> bool {
    request.unchecked_ref::<IncomingRequest>().body().is_some()
}

fn is_upgrade(request: &Request) -> bool {
    request.headers().has("upgrade").unwrap_or(true)
}
