//! The isolate's circuit breaker for the canary.
//!
//! The breaker opens within a few requests, long before the controller has judged the canary: after a run of failures (an outage) or after
//! a window in which most requests fail (a partial outage). While the breaker is open, the canary's requests go to stable; after a pause
//! that grows with each trip, single requests probe the canary. Stable has no breaker, because no other variant could answer for it. If
//! stable fails as well, the breaker lets requests through to the canary, because sending them to stable would not help.
//!
//! There are no timers: an open breaker compares the time when a request arrives.

use core::time::Duration;

use serde::Serialize;

use crate::fallback::Answer;
use crate::timestamp::Timestamp;

/// Failures in a row that trip the breaker (Envoy: 5, linkerd: 7).
const CONSECUTIVE_FAILURES: u32 = 5;
/// The window of the success rate, and its parts (Hystrix, linkerd: 10 s in 10 buckets).
const WINDOW: Duration = Duration::from_secs(10);
const SLOT: Duration = Duration::from_secs(1);
/// Responses that the window needs before its rate counts, and the rate below which it trips.
const MIN_REQUESTS: u32 = 10;
const MIN_SUCCESS: f64 = 0.5;
/// The first pause, doubled at every trip up to the longest (linkerd's back-off), plus up to half of it at random.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Consecutive successful probes that close the breaker.
const PROBES: u32 = 3;
/// A closed breaker forgets one trip in this time (Envoy decrements its multiplier likewise).
const FORGET: Duration = Duration::from_secs(30);
/// The time after which a probe without an answer is given up, because its request may have been aborted.
const PROBE_LIFETIME: Duration = Duration::from_secs(30);

const TOO_MANY_REQUESTS: u16 = 429;

/// Inputs of the length of a pause, beside the number of trips.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackOff {
    /// A random number, uniform in 0.0..1.0, which spreads the probes of many isolates.
    pub jitter: f64,
    /// The canary's `Retry-After` with a 429 or 503. It lengthens a pause, up to the longest.
    pub retry_after: Duration,
}

/// The breaker of one isolate.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    state: State,
    /// Number of trips that are not forgotten, which is the exponent of the pause.
    trips: u32,
    failures_in_a_row: u32,
    canary: Window,
    stable: Window,
    forgotten_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Closed,
    Open {
        since: Timestamp,
        until: Timestamp,
    },
    HalfOpen {
        successes: u32,
        probing_since: Option<Timestamp>,
    },
}

/// The destination of a request that was assigned to the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The canary.
    Canary,
    /// Stable, whose answer is to be recorded.
    ShortCircuit,
}

/// A change of state, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Transition {
    /// The canary's requests go to stable.
    Open {
        /// The length of the pause, in milliseconds.
        pause_ms: u64,
    },
    /// The canary gets its requests again.
    Closed,
}

// === impl Breaker ===

impl Breaker {
    /// Whether a request that was assigned to the canary may go there.
    pub fn permit(&mut self, now: Timestamp) -> Permit {
        match self.state {
            State::Closed => return Permit::Canary,
            State::Open { since, until } if now >= until || now < since => {
                self.state = State::HalfOpen { successes: 0, probing_since: Some(now) };
                return Permit::Canary;
            }
            State::HalfOpen { successes, probing_since }
                if probing_since.is_none_or(|since| now < since || now.since(since) > PROBE_LIFETIME) =>
            {
                self.state = State::HalfOpen { successes, probing_since: Some(now) };
                return Permit::Canary;
            }
            State::Open { .. } | State::HalfOpen { .. } => {}
        }
        if self.stable.is_failing(now) { Permit::Canary } else { Permit::ShortCircuit }
    }

    /// Whether the breaker is closed. Then stable's answers need not be recorded.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Records the canary's answer.
    pub fn record_canary(&mut self, answer: Answer, back_off: BackOff, now: Timestamp) -> Option<Transition> {
        // With 429 the canary works but asks for fewer requests. The answer counts in the window, and a probe with this answer fails.
        let is_limited = answer == Answer::Status(TOO_MANY_REQUESTS);
        let success = !answer.is_failure() && !is_limited;
        self.canary.record(success, now);
        match (self.state, success) {
            (State::Closed, true) => {
                self.failures_in_a_row = 0;
                self.forget(now);
                None
            }
            (State::Closed, false) => {
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(u32::from(!is_limited));
                let trips = self.failures_in_a_row >= CONSECUTIVE_FAILURES || self.canary.is_failing(now);
                trips.then(|| self.open(back_off, now))
            }
            (State::HalfOpen { successes, .. }, true) if successes + 1 >= PROBES => {
                self.close(now);
                Some(Transition::Closed)
            }
            (State::HalfOpen { successes, .. }, true) => {
                self.state = State::HalfOpen { successes: successes + 1, probing_since: None };
                None
            }
            (State::HalfOpen { .. }, false) => Some(self.open(back_off, now)),
            // The request was sent before the breaker opened, so its answer says nothing new.
            (State::Open { .. }, _) => None,
        }
    }

    /// Opens the breaker because the retry budget is spent, so that the canary gets fewer requests and its users are not refused.
    pub fn exhaust(&mut self, back_off: BackOff, now: Timestamp) -> Option<Transition> {
        self.is_closed().then(|| self.open(back_off, now))
    }

    /// Records stable's answer to a short-circuited request.
    pub fn record_stable(&mut self, success: bool, now: Timestamp) {
        self.stable.record(success, now);
    }

    /// Resets the breaker for another rollout.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn open(&mut self, BackOff { jitter, retry_after }: BackOff, now: Timestamp) -> Transition {
        // In whole milliseconds: `Duration`'s own arithmetic with fractions can panic.
        let least = FIRST_PAUSE.saturating_mul(1 << self.trips.min(5)).max(retry_after).min(LONGEST_PAUSE);
        let least_ms = u64::try_from(least.as_millis()).unwrap_or(u64::MAX);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to half a minute")]
        let pause_ms = least_ms + (least_ms as f64 * jitter.clamp(0.0, 1.0) / 2.0) as u64;
        self.trips = self.trips.saturating_add(1);
        self.state = State::Open { since: now, until: now.after(Duration::from_millis(pause_ms)) };
        self.failures_in_a_row = 0;
        Transition::Open { pause_ms }
    }

    fn close(&mut self, now: Timestamp) {
        let Self { state, trips: _, failures_in_a_row, canary, stable, forgotten_at } = self;
        *state = State::Closed;
        *failures_in_a_row = 0;
        *canary = Window::default();
        *stable = Window::default();
        *forgotten_at = now;
    }

    fn forget(&mut self, now: Timestamp) {
        if self.trips > 0 && now.is_due(self.forgotten_at, FORGET) {
            self.trips -= 1;
            self.forgotten_at = now;
        }
    }
}

/// The answers of the last ten seconds, in slots of one second.
#[derive(Clone, Debug, Default)]
struct Window {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    since: Timestamp,
    requests: u32,
    failures: u32,
}

// === impl Window ===

impl Window {
    fn record(&mut self, success: bool, now: Timestamp) {
        self.slots.retain(|slot| !now.is_due(slot.since, WINDOW));
        let failures = u32::from(!success);
        match self.slots.last_mut().filter(|slot| !now.is_due(slot.since, SLOT)) {
            Some(slot) => {
                slot.requests = slot.requests.saturating_add(1);
                slot.failures = slot.failures.saturating_add(failures);
            }
            None => self.slots.push(Slot { since: now, requests: 1, failures }),
        }
    }

    fn is_failing(&self, now: Timestamp) -> bool {
        let (requests, failures) = self.slots.iter().filter(|slot| !now.is_due(slot.since, WINDOW)).fold(
            (0_u32, 0_u32),
            |(requests, failures), slot| {
                (requests.saturating_add(slot.requests), failures.saturating_add(slot.failures))
            },
        );
        requests >= MIN_REQUESTS && f64::from(requests - failures) < MIN_SUCCESS * f64::from(requests)
    }
}

#[cfg(test)]
mod tests;
