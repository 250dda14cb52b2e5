//! Deliveries to the outside, which may fail: who tries, and when it is tried again.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// Who tries has so long; then somebody else may. Longer than any attempt takes.
const CLAIM: Duration = Duration::from_secs(5);

/// The pause after the first failure; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// How deliveries of one kind go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Delivery {
    failures: u32,
    next_at: Timestamp,
}

// === impl Delivery ===

impl Delivery {
    /// When it may be tried again.
    #[must_use]
    pub fn next_at(&self) -> Timestamp {
        self.next_at
    }

    /// Whether the last try did not work.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Whether the caller is to try now. If so, nobody else does meanwhile; and if the caller dies, somebody does soon.
    pub(super) fn claim(&mut self, now: Timestamp) -> bool {
        let is_free = now >= self.next_at;
        if is_free {
            self.next_at = now.after(CLAIM);
        }
        is_free
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not work, for so many times in a row now; pauses grow up to `longest`.
    pub(super) fn failed(&mut self, longest: Duration, now: Timestamp) -> u32 {
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
        let mut delivery = Delivery::default();
        let mut pause = || {
            delivery.failed(Duration::from_secs(30), now);
            delivery.next_at().since(now).as_secs()
        };
        assert_eq!([pause(), pause(), pause(), pause(), pause(), pause()], [2, 4, 8, 16, 30, 30]);
        delivery.succeeded();
        assert_eq!(delivery.failed(Duration::from_secs(30), now), 1);
    }

    #[test]
    fn one_at_a_time_and_not_for_ever() {
        let now = Timestamp::from_seconds(1_000);
        let mut delivery = Delivery::default();
        assert!(delivery.claim(now));
        assert!(!delivery.claim(now.after(Duration::from_secs(4))));
        assert!(delivery.claim(now.after(CLAIM)));
    }
}
