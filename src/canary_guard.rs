//! Protects visitors from the canary: a deadline, a breaker, and stable's response in place of a failed one.

use core::time::Duration;
use std::cell::RefCell;

use serin_logic::Timestamp;
use serin_logic::breaker::{BackOff, Breaker, Permit, Transition};
use serin_logic::fallback::{Answer, RetryBudget};
use serin_logic::log_event::LogEvent;
use serin_logic::log_rate_limiter::LogRateLimiter;

use crate::platform::{clock, log, random};

/// An isolate's guard around requests to the canary.
pub(crate) struct CanaryGuard {
    deadline: Duration,
    breaker: RefCell<Breaker>,
    retries: RefCell<RetryBudget>,
    fallbacks: RefCell<LogRateLimiter>,
}

/// Outcome of a failed canary request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Stable answers.
    Retry,
    /// The budget has no retry for this visitor, who sees the failure.
    Exhausted,
}

/// Kind of the canary's answer, for the guard.
pub(crate) struct CanaryOutcome {
    pub(crate) answer: Answer,
    /// The canary's own wish, from the header of a 429 or 503.
    pub(crate) retry_after: Option<u64>,
    /// For the log: the status, or the exception's text.
    pub(crate) cause: String,
}

// === impl CanaryGuard ===

impl CanaryGuard {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { deadline, breaker: RefCell::default(), retries: RefCell::default(), fallbacks: RefCell::default() }
    }

    /// Deadline for the head of the canary's response; zero is without limit.
    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The same in ms, as JavaScript's timers take it.
    pub(crate) fn deadline_ms(&self) -> f64 {
        // A JavaScript timer takes 31 bits.
        (self.deadline.as_secs_f64() * 1000.0).min(f64::from(i32::MAX))
    }

    /// Whether a visitor's request that was assigned to the canary may go there. `is_sample` says whether an open breaker may send it as a
    /// sample.
    pub(crate) fn permit(&self, visitor: Option<u32>, is_sample: impl FnOnce() -> bool, now: Timestamp) -> Permit {
        self.breaker.borrow_mut().permit(visitor, is_sample, now)
    }

    /// Whether stable, in this isolate and at this time, is known to fail less often than the canary.
    pub(crate) fn stable_fails_less(&self) -> bool {
        self.breaker.borrow().stable_fails_less(clock::now())
    }

    /// Forgets what the breaker has learnt, because it says nothing about another rollout's canary.
    pub(crate) fn reset(&self) {
        self.breaker.borrow_mut().reset();
    }

    /// Records how the canary answered a visitor. Returns whether the breaker opened.
    pub(crate) fn record_canary(&self, visitor: Option<u32>, outcome: &CanaryOutcome) -> bool {
        self.retries.borrow_mut().deposit();
        let transition =
            self.breaker.borrow_mut().record_canary(visitor, outcome.answer, back_off(outcome), clock::now());
        log_transition(transition)
    }

    /// Records how stable answered a visitor, to compare the canary with.
    pub(crate) fn record_stable(&self, visitor: Option<u32>, answer: Answer) {
        self.breaker.borrow_mut().record_stable(visitor, !answer.is_failure(), clock::now());
    }

    /// Records how stable answered a request that the canary had failed.
    pub(crate) fn record_retry(&self, visitor: Option<u32>, answer: Answer) {
        let now = clock::now();
        if answer.is_failure() {
            self.retries.borrow_mut().record_wasted(visitor, now);
        }
        self.breaker.borrow_mut().record_retry(visitor, !answer.is_failure(), now);
    }

    /// Asks for stable's response in place of a failed one. An exhausted budget opens the breaker as well. A probe needs no budget, because
    /// stable would have had its request anyway.
    pub(crate) fn fall_back(&self, visitor: Option<u32>, outcome: &CanaryOutcome, is_probe: bool) -> (Fallback, bool) {
        let now = clock::now();
        if !is_probe && !self.retries.borrow_mut().withdraw(visitor, now) {
            let transition = self.breaker.borrow_mut().exhaust(back_off(outcome), now);
            return (Fallback::Exhausted, log_transition(transition));
        }
        let line = self.fallbacks.borrow_mut().record(&outcome.cause, now);
        log::events(line.map(|(count, cause)| LogEvent::Fallback { count, cause }).as_slice());
        (Fallback::Retry, false)
    }
}

/// Pause of the breaker if it opened now.
fn back_off(outcome: &CanaryOutcome) -> BackOff {
    let jitter = if outcome.answer.is_failure() { random::fraction() } else { 0.0 };
    BackOff { jitter, retry_after: Duration::from_secs(outcome.retry_after.unwrap_or_default()) }
}

/// Logs a change of the breaker's state. Returns whether it opened.
fn log_transition(transition: Option<Transition>) -> bool {
    let Some(transition) = transition else { return false };
    log::event(&LogEvent::Breaker(transition));
    matches!(transition, Transition::Open { .. })
}
