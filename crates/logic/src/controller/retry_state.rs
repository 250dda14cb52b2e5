//! When a delivery to the outside is tried again: one attempt at a time, with pauses that grow.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Lease of a delivery attempt, longer than any attempt takes. After it expires another caller may retry.
const LEASE: Duration = Duration::from_secs(5);

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Failures in a row of one kind of delivery, and its next attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryState {
    failures: u32,
    /// When the last attempt began or failed.
    since: Timestamp,
    next_at: Timestamp,
}

// === impl RetryState ===

impl RetryState {
    /// The time from which the next attempt may start, as of `now`. After the clock went back that is at once.
    pub fn next_at(&self, now: Timestamp) -> Timestamp {
        if now < self.since { now } else { self.next_at }
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Leases the next attempt to the caller, if it is time; false if it is not, or another caller holds the lease.
    pub(super) fn claim(&mut self, now: Timestamp) -> bool {
        let is_free = now >= self.next_at(now);
        if is_free {
            self.lease(now);
        }
        is_free
    }

    /// Leases the next attempt to the caller, also where another caller holds the lease.
    pub(super) fn lease(&mut self, now: Timestamp) {
        (self.since, self.next_at) = (now, now.after(LEASE));
    }

    /// Ends the attempts: the delivery succeeded or was given up.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Schedules the next attempt after a failure; pauses grow up to `longest`. Gives the number of failures in a row.
    pub(super) fn fail(&mut self, longest: Duration, now: Timestamp) -> u32 {
        self.since = now;
        self.next_at = now.after(FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(longest));
        self.failures = self.failures.saturating_add(1);
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_end_with_a_success() {
        let now = Timestamp::from_seconds(1_000);
        let mut retry = RetryState::default();
        let mut pause = || {
            retry.fail(Duration::from_secs(30), now);
            retry.next_at(now).since(now).as_secs()
        };
        assert_eq!([pause(), pause(), pause(), pause(), pause(), pause()], [2, 4, 8, 16, 30, 30]);
        retry.reset();
        assert_eq!(retry.fail(Duration::from_secs(30), now), 1);
    }

    #[test]
    fn an_attempt_is_leased_to_one_caller_until_the_lease_expires() {
        let now = Timestamp::from_seconds(1_000);
        let mut retry = RetryState::default();
        assert!(retry.claim(now));
        assert!(!retry.claim(now.after(Duration::from_secs(4))));
        assert!(retry.claim(now.after(LEASE)));
    }

    #[test]
    fn after_the_clock_went_back_the_next_attempt_is_due() {
        let now = Timestamp::from_seconds(10_000);
        let mut retry = RetryState::default();
        retry.fail(Duration::from_secs(30), now);
        let earlier = now.before(Duration::from_hours(1));
        assert_eq!(retry.next_at(earlier), earlier);
        assert!(retry.claim(earlier) && !retry.claim(earlier.after(Duration::from_secs(1))));
    }
}
