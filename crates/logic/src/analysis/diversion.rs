//! Do breakers keep the canary's visitors away, and rightly? An open breaker sends the canary's visits to stable, which are therefore no
//! evidence. Its probes are: single requests that go to the canary all the same. Where most of them fail, the canary does not serve its
//! visitors, whatever its share and whether or not there is anybody to compare with.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::threshold::is_above;

/// Time without a diverted visit and without a probe after which the trouble is over.
const QUIET_MS: u64 = 60_000;

/// Visits that breakers kept from the canary, and their probes. `failed <= probes`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diversion {
    /// Visits that went to stable instead.
    pub visits: u64,
    /// Probes that the canary answered, or failed although stable is better in the same isolate: stable answered the same request, or fails
    /// less often.
    pub probes: u64,
    /// Probes that the canary failed.
    pub failed: u64,
}

/// The trouble that breakers have with the canary at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiversionTest {
    diversion: Diversion,
    /// Visits that the canary had in the same time.
    visits: u64,
    /// When a breaker last diverted or probed, in ms since the epoch.
    at: u64,
}

// === impl Diversion ===

impl Diversion {
    /// Whether nothing was diverted or probed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Diversion {
    fn add_assign(&mut self, other: Self) {
        self.visits = self.visits.saturating_add(other.visits);
        self.probes = self.probes.saturating_add(other.probes);
        self.failed = self.failed.saturating_add(other.failed).min(self.probes);
    }
}

// === impl DiversionTest ===

impl DiversionTest {
    /// Adds the tick that closed at `now` (ms since the epoch), with the visits that the canary had in it.
    pub fn close_tick(&mut self, diversion: Diversion, visits: u64, now: u64) {
        if now < self.at || now - self.at >= QUIET_MS {
            *self = Self::default();
        }
        if !diversion.is_empty() {
            self.at = now;
        }
        if self.at > 0 {
            self.diversion += diversion;
            self.visits = self.visits.saturating_add(visits);
        }
    }

    /// Whether nothing is diverted at present.
    pub fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// Diverted visits, probes, and all visits of the same time.
    pub fn measured(&self) -> (Diversion, u64) {
        (self.diversion, self.visits.saturating_add(self.diversion.visits))
    }

    /// Whether the share of the probes that fail and the share of the visits that are diverted are both above `ceiling` (0..=1), beyond
    /// chance.
    pub fn is_strong(&self, ceiling: f64) -> bool {
        let (Diversion { visits, probes, failed }, all) = self.measured();
        is_above(failed, probes, ceiling, 1) && is_above(visits, all, ceiling, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(ticks: &[(u64, u64, u64, u64)]) -> DiversionTest {
        let mut test = DiversionTest::default();
        for (number, (visits, probes, failed, served)) in (1..).zip(ticks) {
            let diversion = Diversion { visits: *visits, probes: *probes, failed: *failed };
            test.close_tick(diversion, *served, 1_000_000 + number * 5_000);
        }
        test
    }

    #[test]
    fn five_failed_probes_are_enough_whatever_the_share_of_the_canary() {
        assert!(!after(&[(50, 2, 2, 5), (50, 2, 2, 2)]).is_strong(0.05));
        assert!(after(&[(50, 2, 2, 5), (50, 3, 3, 3)]).is_strong(0.05));
    }

    #[test]
    fn probes_that_the_canary_answers_speak_for_it() {
        assert!(!after(&[(500, 30, 4, 30)]).is_strong(0.05));
    }

    #[test]
    fn one_isolate_of_two_is_enough_and_one_of_a_hundred_is_not() {
        assert!(after(&[(100, 6, 6, 106)]).is_strong(0.05));
        assert!(!after(&[(100, 6, 6, 9_900)]).is_strong(0.05));
    }

    #[test]
    fn good_hours_before_and_trouble_that_is_over_do_not_count() {
        let long = [(0, 0, 0, 10_000), (50, 3, 3, 0), (50, 3, 3, 0)];
        assert!(after(&long).is_strong(0.05));
        let mut test = after(&long);
        test.close_tick(Diversion::default(), 10, 1_000_000 + 15_000 + QUIET_MS);
        assert!(test.is_empty() && !test.is_strong(0.05));
    }

    #[test]
    fn after_the_clock_went_back_the_trouble_begins_again() {
        let mut test = after(&[(50, 3, 3, 0)]);
        test.close_tick(Diversion { visits: 50, probes: 3, failed: 3 }, 0, 1);
        assert_eq!(test.measured(), (Diversion { visits: 50, probes: 3, failed: 3 }, 50));
    }

    #[test]
    fn no_more_probes_fail_than_there_are() {
        let mut sum = Diversion { visits: u64::MAX, probes: 1, failed: 9 };
        sum += Diversion { visits: 1, probes: 1, failed: 9 };
        assert_eq!(sum, Diversion { visits: u64::MAX, probes: 2, failed: 2 });
    }
}
