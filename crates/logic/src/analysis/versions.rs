//! Are answers of the version that was asked for? Where the platform does not apply an override, it answers by another version without an
//! error. Such answers are evidence for neither variant, so a rollout that lacks many of them would judge too few requests, and a share
//! that grows would reach nobody.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::counts::PerVariant;
use super::verdict::Reason;
use crate::version::{VersionCheck, VersionCounts};

/// Ticks that count: a minute of the default tick. A change of a deployment is everywhere within a couple of seconds.
const TICKS: usize = 12;

/// Percentage of a variant's answers that may be of another version while the rollout goes on.
pub const MAX_WRONG_PERCENT: u64 = 1;

/// The answers of the last ticks by their version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionWindow(VecDeque<PerVariant<VersionCounts>>);

// === impl VersionWindow ===

impl VersionWindow {
    /// Adds the answers of a tick.
    pub fn close_tick(&mut self, counts: PerVariant<VersionCounts>) {
        if self.0.len() >= TICKS {
            self.0.pop_front();
        }
        self.0.push_back(counts);
        if self.0.iter().all(is_empty) {
            self.0.clear();
        }
    }

    /// Whether no answer was checked lately.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answers of the window.
    pub fn sum(&self) -> PerVariant<VersionCounts> {
        self.0.iter().fold(PerVariant::default(), |mut sum, counts| {
            sum += *counts;
            sum
        })
    }

    /// The answers of the window, if more than a percent of either variant's are of another version.
    pub fn mismatch(&self) -> Option<PerVariant<VersionCounts>> {
        let sum = self.sum();
        (is_mixed(sum.canary) || is_mixed(sum.stable)).then_some(sum)
    }

    /// Why the rollout holds: answers of another version, or else a probe that another version answered.
    pub fn reason(&self, probe: Option<VersionCheck>) -> Option<Reason> {
        let by_answers = self.mismatch().map(|versions| Reason::WrongVersion { versions, probed: false });
        let probed = probe == Some(VersionCheck::Wrong);
        by_answers.or_else(|| probed.then(|| Reason::WrongVersion { versions: self.sum(), probed }))
    }
}

fn is_empty(counts: &PerVariant<VersionCounts>) -> bool {
    counts.canary.is_empty() && counts.stable.is_empty()
}

fn is_mixed(counts: VersionCounts) -> bool {
    u128::from(counts.wrong) * 100 > u128::from(counts.answers()) * u128::from(MAX_WRONG_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(right: u64, wrong: u64) -> PerVariant<VersionCounts> {
        PerVariant::new(VersionCounts { right, wrong, unmarked: 0 }, VersionCounts::default())
    }

    #[test]
    fn a_percent_is_tolerated_and_more_is_not() {
        let mut window = VersionWindow::default();
        window.close_tick(canary(99, 1));
        assert_eq!(window.mismatch(), None);
        window.close_tick(canary(0, 1));
        assert_eq!(window.mismatch(), Some(canary(99, 2)));
    }

    #[test]
    fn stables_answers_of_another_version_count_too_and_a_few_on_the_canary_are_not_diluted() {
        let mut window = VersionWindow::default();
        window.close_tick(PerVariant::new(
            VersionCounts { right: 98, wrong: 2, unmarked: 0 },
            VersionCounts { right: 9_000, ..VersionCounts::default() },
        ));
        assert!(window.mismatch().is_some());
        let mut window = VersionWindow::default();
        window.close_tick(PerVariant::new(
            VersionCounts::default(),
            VersionCounts { wrong: 1, ..VersionCounts::default() },
        ));
        assert!(window.mismatch().is_some());
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut window = VersionWindow::default();
        window.close_tick(canary(0, 50));
        for _ in 0..TICKS - 1 {
            window.close_tick(canary(50, 0));
            assert!(window.mismatch().is_some());
        }
        window.close_tick(canary(50, 0));
        assert_eq!(window.mismatch(), None);
        for _ in 0..TICKS {
            window.close_tick(PerVariant::default());
        }
        assert!(window.is_empty(), "nothing is stored of ticks without answers");
    }
}
