//! The isolate's circuit breaker for the canary.
//!
//! The breaker opens within a few requests, long before the controller has analysed the canary: after a run of visitors who all failed (an
//! outage) or after a window in which most visitors fail (a partial outage). It counts visitors and not requests, because one visitor can
//! ask again and again for what fails. It stays closed while stable, in this isolate, fails as often on what it gets: then the canary is
//! not to blame. While the breaker is open, the canary's requests go to stable; after a pause that grows with each trip, single requests
//! probe the canary. Stable has no breaker, because no other variant could answer for it. If stable fails as well, the breaker lets
//! requests through to the canary, because sending them to stable would not help.
//!
//! During a rollout an open breaker also samples: every two seconds one request that stable can answer if the canary fails it goes to the
//! canary. A sample changes nothing about the breaker. The analysis needs the samples, because it learns nothing from requests that the
//! breaker keeps away.
//!
//! There are no timers: an open breaker compares the time when a request arrives.

use core::time::Duration;

use serde::Serialize;

use crate::fallback::Answer;
use crate::timestamp::Timestamp;

/// Visitors that fail in a row and trip the breaker (Envoy and linkerd trip after 5 and 7 requests).
const CONSECUTIVE_FAILURES: usize = 5;
/// The window of the success rate (Hystrix, linkerd: 10 s).
const WINDOW: Duration = Duration::from_secs(10);
/// Visitors that the window needs before its rate counts, and the rate below which it trips.
const MIN_VISITORS: u32 = 10;
const MIN_SUCCESS: f64 = 0.5;
/// Visitors on stable that are enough to compare with.
const MIN_COMPARED: u32 = 3;
/// Stable fails as often if its share of failing visitors is at least this part of the canary's.
const AS_OFTEN: f64 = 0.5;
/// Visitors that a window remembers. A visitor takes the place of another one whose hash ends alike.
const PLACES: usize = 64;
/// The first pause, doubled at every trip up to the longest (linkerd's back-off), plus up to half of it at random.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Consecutive successful probes that close the breaker.
const PROBES: u32 = 3;
/// A closed breaker forgets one trip in this time (Envoy decrements its multiplier likewise).
const FORGET: Duration = Duration::from_secs(30);
/// The time after which a probe without an answer is given up, because its request may have been aborted.
const PROBE_LIFETIME: Duration = Duration::from_secs(30);
/// Time between two samples, of which a minute has enough to analyse a canary.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);

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
    /// Visitors that failed since the canary's last success, each once.
    failed_in_a_row: Vec<u32>,
    /// Counts requests without a visitor, each of which counts for itself.
    anonymous: u32,
    canary: Window,
    stable: Window,
    forgotten_at: Timestamp,
    /// When the last probe was sent, and whether its answer is awaited.
    probed_at: Timestamp,
    is_probing: bool,
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
    },
}

/// The destination of a request that was assigned to the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// The canary.
    Canary,
    /// The canary, to see how it does, although the breaker is not closed.
    Probe,
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
    /// Whether a visitor's request that was assigned to the canary may go there. `is_sample` says whether the request may be a sample: it
    /// is observed, and stable can answer it if the canary fails.
    pub fn permit(&mut self, visitor: Option<u32>, is_sample: impl FnOnce() -> bool, now: Timestamp) -> Permit {
        let open_until = match self.state {
            State::Closed => return Permit::Canary,
            State::Open { since, until } => (since <= now && now < until).then_some(until),
            State::HalfOpen { .. } => None,
        };
        let is_awaited = self.is_probing && !(now < self.probed_at || now.since(self.probed_at) > PROBE_LIFETIME);
        let is_probe = match open_until {
            _ if is_awaited => false,
            Some(_) => {
                // A visitor who failed already would fail again, and says nothing new.
                let is_new = visitor.is_none_or(|visitor| !self.canary.has_failed(visitor));
                now.is_due(self.probed_at, SAMPLE_INTERVAL) && is_new && is_sample()
            }
            None => {
                if matches!(self.state, State::Open { .. }) {
                    self.state = State::HalfOpen { successes: 0 };
                }
                true
            }
        };
        if is_probe {
            (self.probed_at, self.is_probing) = (now, true);
            return Permit::Probe;
        }
        if self.stable.is_failing(now) { Permit::Canary } else { Permit::ShortCircuit }
    }

    /// Whether the breaker is closed.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Records the canary's answer to a visitor. Without a visitor, the request counts for itself.
    pub fn record_canary(
        &mut self,
        visitor: Option<u32>,
        answer: Answer,
        back_off: BackOff,
        now: Timestamp,
    ) -> Option<Transition> {
        let visitor = self.known(visitor);
        // With 429 the canary works but asks for fewer requests. The answer counts in the window, and a probe with this answer fails.
        let is_limited = answer == Answer::Status(TOO_MANY_REQUESTS);
        let success = !answer.is_failure() && !is_limited;
        self.canary.record(visitor, success, now);
        self.is_probing = false;
        match (self.state, success) {
            (State::Closed, true) => {
                self.failed_in_a_row.clear();
                self.forget(now);
                None
            }
            (State::Closed, false) => {
                if !is_limited && !self.failed_in_a_row.contains(&visitor) {
                    self.failed_in_a_row.push(visitor);
                }
                let trips = self.failed_in_a_row.len() >= CONSECUTIVE_FAILURES || self.canary.is_failing(now);
                (trips && !self.stable_fails_as_often(now)).then(|| self.open(back_off, now))
            }
            (State::HalfOpen { successes }, true) if successes + 1 >= PROBES => {
                self.close(now);
                Some(Transition::Closed)
            }
            (State::HalfOpen { successes }, true) => {
                self.state = State::HalfOpen { successes: successes + 1 };
                None
            }
            (State::HalfOpen { .. }, false) => Some(self.open(back_off, now)),
            // A sample, or a request that was sent before the breaker opened: the breaker opens and closes by its pauses and probes alone.
            (State::Open { .. }, _) => None,
        }
    }

    /// Opens the breaker because the retry budget is spent, so that the canary gets fewer requests and its users are not refused; unless a
    /// few visitors have spent it, or stable fails as often.
    pub fn exhaust(&mut self, back_off: BackOff, now: Timestamp) -> Option<Transition> {
        let are_many = self.canary.failing(now).0 as usize >= CONSECUTIVE_FAILURES;
        (self.is_closed() && are_many && !self.stable_fails_as_often(now)).then(|| self.open(back_off, now))
    }

    /// Records stable's answer to a visitor.
    pub fn record_stable(&mut self, visitor: Option<u32>, success: bool, now: Timestamp) {
        let visitor = self.known(visitor);
        self.stable.record(visitor, success, now);
    }

    /// Records stable's answer to a request that the canary had failed. If stable fails it too, the failure says nothing about the canary.
    pub fn record_retry(&mut self, visitor: Option<u32>, success: bool, now: Timestamp) {
        if let Some(visitor) = visitor.filter(|_| !success) {
            self.failed_in_a_row.retain(|failed| *failed != visitor);
            self.canary.forget(visitor);
        }
        self.record_stable(visitor, success, now);
    }

    /// Whether stable, in this isolate and at this time, is known to fail less often than the canary.
    pub fn stable_fails_less(&self, now: Timestamp) -> bool {
        self.stable.failing(now).1 >= MIN_COMPARED && !self.stable_fails_as_often(now)
    }

    /// Whether stable fails as often as the canary, as far as this isolate knows.
    fn stable_fails_as_often(&self, now: Timestamp) -> bool {
        let share = |(failing, visitors): (u32, u32)| f64::from(failing) / f64::from(visitors.max(1));
        let stable = self.stable.failing(now);
        stable.1 >= MIN_COMPARED && share(stable) >= AS_OFTEN * share(self.canary.failing(now))
    }

    /// The visitor, or a number of its own for a request without one.
    fn known(&mut self, visitor: Option<u32>) -> u32 {
        visitor.unwrap_or_else(|| {
            self.anonymous = self.anonymous.wrapping_add(1);
            self.anonymous
        })
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
        self.failed_in_a_row.clear();
        (self.probed_at, self.is_probing) = (now, false);
        Transition::Open { pause_ms }
    }

    fn close(&mut self, now: Timestamp) {
        let Self { state, trips: _, failed_in_a_row, anonymous: _, canary, stable, forgotten_at, .. } = self;
        *state = State::Closed;
        failed_in_a_row.clear();
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

/// The latest answer of each visitor of the last ten seconds.
#[derive(Clone, Debug, Default)]
struct Window {
    places: Vec<Option<Latest>>,
}

/// A visitor's latest answer.
#[derive(Clone, Copy, Debug)]
struct Latest {
    visitor: u32,
    at: Timestamp,
    failed: bool,
}

// === impl Window ===

impl Window {
    fn record(&mut self, visitor: u32, success: bool, now: Timestamp) {
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        if let Some(place) = self.places.get_mut(visitor as usize % PLACES) {
            *place = Some(Latest { visitor, at: now, failed: !success });
        }
    }

    fn forget(&mut self, visitor: u32) {
        if let Some(place) = self.places.get_mut(visitor as usize % PLACES) {
            place.take_if(|latest| latest.visitor == visitor);
        }
    }

    /// Whether the visitor's latest answer failed, however long ago.
    fn has_failed(&self, visitor: u32) -> bool {
        let place = self.places.get(visitor as usize % PLACES).copied().flatten();
        place.is_some_and(|latest| latest.visitor == visitor && latest.failed)
    }

    /// Visitors whose latest answer failed, and all visitors.
    fn failing(&self, now: Timestamp) -> (u32, u32) {
        let latest = self.places.iter().flatten().filter(|latest| !now.is_due(latest.at, WINDOW));
        latest.fold((0, 0), |(failing, all), latest| (failing + u32::from(latest.failed), all + 1))
    }

    fn is_failing(&self, now: Timestamp) -> bool {
        let (failing, visitors) = self.failing(now);
        visitors >= MIN_VISITORS && f64::from(visitors - failing) < MIN_SUCCESS * f64::from(visitors)
    }
}

#[cfg(test)]
mod tests;
