//! Does the canary fail more often than stable? The evidence ([`EProcess`]), and the practical floors below which even strong evidence does
//! not justify a rollback.

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Fraction, PerVariant, Unit};
use super::e_process::{EProcess, Evidence, Restarts};

/// Alternatives for the canary's odds ratio of failing, with equal bets on each. They range from "half as much again" to "dead", in steps
/// that lose at most a quarter of the speed to a ρ between two of them.
pub(crate) const GRID: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 25.0, 60.0];

/// From this E on the canary is not promoted, long before it is rolled back. At most 1 healthy canary in 10 ever reaches it.
pub(crate) const SOFT_HOLD: f64 = 10.0;

/// Conditions of a rollback besides the evidence. Floors only make a rollback rarer, so α holds with any of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Floors {
    /// Failures of the canary, counted as evidence counts them.
    pub failures: u64,
    /// Visitors on the canary, or requests where every request counts for itself.
    pub requests: u64,
    /// Difference of the shares that failed, 0..=1.
    pub difference: f64,
}

/// The error test of one rollout. The evidence continues over all steps; the floors use the current step alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTest {
    process: EProcess,
    alpha: f64,
    floors: Floors,
    unit: Unit,
    /// Counts of the current step.
    step: PerVariant<Counts>,
    /// The evidence at the time it was first strong. It is latched: a quiet period after a rollback does not clear a canary.
    strong: Option<Evidence>,
}

/// Outcome of the test so far, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorOutcome {
    /// No evidence against the canary.
    NoEvidence,
    /// E ≥ 10: the canary is not promoted.
    Suspicious,
    /// E ≥ 1/α, but too few failures, or too small a difference, to matter: the canary is not promoted.
    BelowFloors,
    /// E ≥ 1/α and above the floors: the canary is rolled back.
    Strong,
}

// === impl Floors ===

impl Default for Floors {
    fn default() -> Self {
        Self { failures: 3, requests: 5, difference: 0.002 }
    }
}

impl Floors {
    fn hold(&self, step: &PerVariant<Counts>, unit: Unit) -> bool {
        let PerVariant { canary, stable } = step;
        // Visitors and not requests, where visitors are the unit: one visitor with very many good requests would hide any canary.
        let difference = canary.failure_rate(unit) - stable.failure_rate(unit);
        canary.evidence(unit) >= self.failures && canary.units(unit) >= self.requests && difference >= self.difference
    }
}

// === impl ErrorTest ===

impl ErrorTest {
    /// Creates a test. It rolls back a canary whose odds of failing are at most `theta0` times stable's with probability ≤ `alpha`.
    pub fn new(alpha: f64, theta0: f64, unit: Unit, floors: Floors, restarts: Restarts) -> Self {
        let process = EProcess::new(&GRID, theta0, restarts);
        Self { process, alpha, floors, unit, step: PerVariant::default(), strong: None }
    }

    /// Adds a closed tick. Its counts must come from one weight; `configured` is the canary's share at that weight, and `visitors` the distinct
    /// visitors of the step so far.
    pub fn close_tick(&mut self, tick: &PerVariant<Counts>, visitors: PerVariant<u64>, configured: Fraction) {
        let PerVariant { canary, stable } = tick;
        // Per request the realised share is exact, even if the split is off. Keys that fail for the first time are assigned by the
        // configured share, and their number of requests is independent of it.
        let share = match self.unit {
            Unit::Request => Fraction::of(canary.requests(), stable.requests()),
            Unit::StickyKey => configured,
        };
        self.process.close_tick(canary.evidence(self.unit), stable.evidence(self.unit), share);
        self.step += *tick;
        if self.unit == Unit::StickyKey {
            self.step.canary = self.step.canary.of_visitors(visitors.canary);
            self.step.stable = self.step.stable.of_visitors(visitors.stable);
        }
        if self.strong.is_none() && self.process.is_strong(self.alpha) && self.floors.hold(&self.step, self.unit) {
            self.strong = Some(self.process.evidence(self.alpha));
        }
    }

    /// Resets the counts that the floors use. The evidence continues.
    pub fn begin_step(&mut self) {
        self.step = PerVariant::default();
    }

    /// Outcome of the test so far.
    pub fn outcome(&self) -> ErrorOutcome {
        if self.strong.is_some() {
            ErrorOutcome::Strong
        } else if self.process.is_strong(self.alpha) {
            ErrorOutcome::BelowFloors
        } else if self.process.is_strong(1.0 / SOFT_HOLD) {
            ErrorOutcome::Suspicious
        } else {
            ErrorOutcome::NoEvidence
        }
    }

    /// E and its limit: the current values, or those at the time when E was first strong.
    pub fn evidence(&self) -> Evidence {
        self.strong.unwrap_or_else(|| self.process.evidence(self.alpha))
    }

    /// Counts of the current step.
    pub fn step(&self) -> &PerVariant<Counts> {
        &self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_request() -> ErrorTest {
        ErrorTest::new(0.005, 1.0, Unit::Request, Floors::default(), Restarts::over(3_600_000, 5_000))
    }

    fn tick(canary: (u64, u64), stable: (u64, u64)) -> PerVariant<Counts> {
        PerVariant::new(Counts::new(canary.0, canary.1), Counts::new(stable.0, stable.1))
    }

    #[test]
    fn three_failures_all_on_a_small_canary_are_enough() {
        let mut test = by_request();
        test.close_tick(&tick((5, 3), (95, 0)), PerVariant::default(), Fraction::of(5, 95));
        assert_eq!(test.outcome(), ErrorOutcome::Strong);
        assert_eq!(test.evidence().to_string(), "evidence 386 to 1, limit 200 to 1");
    }

    #[test]
    fn two_failures_are_below_the_floor_however_strong() {
        let mut test = by_request();
        test.close_tick(&tick((5, 2), (9_995, 0)), PerVariant::default(), Fraction::of(5, 9_995));
        assert_eq!(test.outcome(), ErrorOutcome::BelowFloors);
    }

    #[test]
    fn a_difference_too_small_to_matter_warns_only() {
        let mut test = by_request();
        test.close_tick(&tick((100_000, 150), (100_000, 20)), PerVariant::default(), Fraction::of(1, 1));
        assert_eq!(test.outcome(), ErrorOutcome::BelowFloors);
    }

    #[test]
    fn suspicion_passes_but_strong_evidence_stays() {
        let mut test = by_request();
        test.close_tick(&tick((10, 2), (90, 0)), PerVariant::default(), Fraction::of(1, 9));
        assert_eq!(test.outcome(), ErrorOutcome::Suspicious);
        (0..5).for_each(|_| test.close_tick(&tick((10, 0), (90, 2)), PerVariant::default(), Fraction::of(1, 9)));
        assert_eq!(test.outcome(), ErrorOutcome::NoEvidence);
        test.close_tick(&tick((10, 10), (90, 0)), PerVariant::default(), Fraction::of(1, 9));
        (0..100).for_each(|_| test.close_tick(&tick((0, 0), (90, 50)), PerVariant::default(), Fraction::of(1, 9)));
        assert_eq!(test.outcome(), ErrorOutcome::Strong);
    }

    #[test]
    fn an_incident_on_stable_alone_never_accuses_the_canary() {
        let mut test = by_request();
        (0..500).for_each(|_| test.close_tick(&tick((25, 0), (475, 300)), PerVariant::default(), Fraction::of(5, 95)));
        assert_eq!(test.outcome(), ErrorOutcome::NoEvidence);
    }

    #[test]
    fn nothing_is_compared_when_the_canary_has_everything() {
        let mut test = by_request();
        (0..50).for_each(|_| test.close_tick(&tick((500, 500), (0, 0)), PerVariant::default(), Fraction::of(1, 0)));
        assert_eq!(test.outcome(), ErrorOutcome::NoEvidence);
    }

    #[test]
    fn late_failures_of_a_canary_without_a_share_are_no_evidence() {
        let mut test = ErrorTest::new(0.005, 1.0, Unit::StickyKey, Floors::default(), Restarts::over(3_600_000, 5_000));
        test.close_tick(&tick((50, 50), (50, 0)), PerVariant::default(), Fraction::of(0, 0));
        assert_eq!(test.outcome(), ErrorOutcome::NoEvidence);
    }

    #[test]
    fn a_sticky_visitor_whose_every_request_fails_counts_once() {
        let mut test = ErrorTest::new(0.005, 1.0, Unit::StickyKey, Floors::default(), Restarts::over(3_600_000, 5_000));
        let share = Fraction::of(1, 4);
        let visitors = PerVariant::new(100, 400);
        test.close_tick(&PerVariant::new(Counts::sticky(500, 100, 1), Counts::sticky(2_000, 0, 0)), visitors, share);
        (0..100).for_each(|_| {
            test.close_tick(
                &PerVariant::new(Counts::sticky(500, 100, 0), Counts::sticky(2_000, 0, 0)),
                visitors,
                share,
            );
        });
        assert_eq!(test.outcome(), ErrorOutcome::NoEvidence);
        // The number of visitors is large, although they send few requests compared with the busy visitors.
        (0..5).for_each(|_| {
            test.close_tick(&PerVariant::new(Counts::sticky(500, 40, 4), Counts::sticky(2_000, 0, 0)), visitors, share);
        });
        assert_eq!(test.outcome(), ErrorOutcome::Strong);
    }

    #[test]
    fn a_visitor_with_very_many_good_requests_does_not_hide_a_bad_canary() {
        let mut test = ErrorTest::new(0.005, 1.0, Unit::StickyKey, Floors::default(), Restarts::over(3_600_000, 5_000));
        let share = Fraction::of(1, 4);
        // Ten failing visitors of a hundred; one identity sends ten thousand good requests a tick.
        (1..=5).for_each(|ticks| {
            let tick = PerVariant::new(Counts::sticky(10_020, 2, 2), Counts::sticky(80, 0, 0));
            test.close_tick(&tick, PerVariant::new(20 * ticks, 80 * ticks), share);
        });
        assert_eq!(test.outcome(), ErrorOutcome::Strong);
    }

    #[test]
    fn a_new_step_resets_the_floors_and_keeps_the_evidence() {
        let mut test = by_request();
        test.close_tick(&tick((5, 2), (95, 0)), PerVariant::default(), Fraction::of(5, 95));
        let before = test.evidence();
        test.begin_step();
        assert_eq!((test.evidence(), test.step().canary.requests()), (before, 0));
    }
}
