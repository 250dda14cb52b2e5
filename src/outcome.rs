//! What follows from an answer: the breaker, the fallback, what a rollout counts, and what a client sees when stable itself fails.

use core::time::Duration;

use serin_logic::Variant;
use serin_logic::breaker::{BackOff, Transition};
use serin_logic::fallback::{Answer, has_deadline, may_replay};
use serin_logic::notice::Notice;
use serin_logic::problem::Problem;
use serin_runtime::javascript::IncomingRequest;
use serin_runtime::{clock, exception, log, randomness, respond};
use wasm_bindgen::prelude::*;
use web_sys::{Request, Response};

use crate::isolate::Isolate;

/// What follows from an answer: one bit each.
#[wasm_bindgen]
#[repr(u8)]
pub enum Then {
    /// Stable answers in the canary's place.
    Replay = 1,
    /// It was counted; the point is for whoever has a dataset.
    Counted = 2,
    /// It was counted as failed.
    Failed = 4,
    /// What was counted is handed over after the refresh interval.
    FlushLater = 8,
    /// What was counted is handed over now.
    FlushNow = 16,
}

#[wasm_bindgen]
impl Isolate {
    /// What [`Then`] follows from the canary's answer: `status` is 0 where `outcome` is not a response but an exception. `ticket` is 0 for a
    /// request that is not observed; `begun` is in ms.
    #[must_use]
    pub fn canary_answered(
        &self,
        request: &Request,
        is_forced: bool,
        status: u16,
        outcome: &JsValue,
        ticket: f64,
        begun: f64,
    ) -> u32 {
        let answer = answer_of(status);
        let mut then = 0;
        if !is_forced {
            then |= self.count(ticket, begun, Variant::Canary, answer.is_failure());
            self.budget.borrow_mut().earn();
            then |= self.note(self.breaker.borrow_mut().record_canary(answer, back_off(answer, outcome), clock::now()));
        }
        if answer.is_failure() && self.fallback_is_on() && may_be_sent_again(request) {
            then |= self.replay(answer, outcome);
        }
        then
    }

    /// What [`Then`] follows from stable's answer to an observed request.
    #[must_use]
    pub fn stable_answered(&self, status: u16, ticket: f64, begun: f64) -> u32 {
        self.count(ticket, begun, Variant::Stable, answer_of(status).is_failure())
    }

    /// Stable answered a request that the breaker diverted.
    pub fn diverted_answered(&self, status: u16) {
        self.breaker.borrow_mut().record_stable(!answer_of(status).is_failure(), clock::now());
    }

    /// What a client sees when nobody answered.
    #[must_use]
    pub fn unanswered(&self, error: &JsValue) -> JsValue {
        let line = self.outages.borrow_mut().record(&exception::text(error), clock::now());
        log::notices(line.map(|(count, cause)| Notice::Unanswered { count, cause }).as_slice());
        respond::problem(&if exception::is_timeout(error) { Problem::late() } else { Problem::unanswered() })
    }

    /// How long the canary may take to the head of its response, in ms; 0: as long as it likes.
    #[must_use]
    pub fn deadline_ms(&self) -> f64 {
        self.settings.deadline_ms
    }

    /// Whether a request that has waited for its deadline is given up.
    #[must_use]
    pub fn is_given_up(&self, request: &Request) -> bool {
        let headers = request.headers();
        has_deadline(has_body(request), headers.get("content-length").ok().flatten().as_deref(), is_upgrade(request))
    }
}

impl Isolate {
    fn note(&self, transition: Option<Transition>) -> u32 {
        let Some(transition) = transition else { return 0 };
        log::notice(&Notice::Breaker(transition));
        if matches!(transition, Transition::Open { .. }) && self.count_open_breaker() {
            Then::FlushNow as u32
        } else {
            0
        }
    }

    /// As far as the budget reaches; it is logged.
    fn replay(&self, answer: Answer, outcome: &JsValue) -> u32 {
        if !self.budget.borrow_mut().spend() {
            return self.note(self.breaker.borrow_mut().exhaust(back_off(answer, outcome), clock::now()));
        }
        let cause = match answer {
            Answer::Status(status) => status.to_string(),
            Answer::Exception => exception::text(outcome),
        };
        let line = self.rescues.borrow_mut().record(&cause, clock::now());
        log::notices(line.map(|(count, cause)| Notice::Fallback { count, cause }).as_slice());
        Then::Replay as u32
    }

    fn fallback_is_on(&self) -> bool {
        let snapshot = self.snapshot.borrow();
        snapshot.as_ref().and_then(|snapshot| snapshot.last_good()).is_none_or(|state| state.fallback)
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

/// JavaScript says 0 for an exception: no response has that status.
fn answer_of(status: u16) -> Answer {
    if status == 0 { Answer::Exception } else { Answer::Status(status) }
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
