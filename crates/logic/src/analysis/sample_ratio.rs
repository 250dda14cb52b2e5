//! Is the split the configured one? If the canary has more or fewer units than chance explains, telemetry is lost or one variant is behind
//! a cache (Lindon and Malek 2022). The result is an alarm for operators and never a reason to roll back.

use serde::{Deserialize, Serialize};

use super::counts::{Fraction, PerVariant};
use super::e_process::{EProcess, Evidence, Restarts};

/// Odds by which the split may be off, with equal bets on each. Small odds are included because traffic is plentiful.
const GRID: [f64; 7] = [1.02, 1.05, 1.1, 1.25, 1.5, 2.0, 5.0];

/// Probability of a false alarm over a whole rollout, half for each direction. It is not part of the rollback's α.
const ALPHA: f64 = 0.001;

/// Compares the assignment of units with the configured share, in both directions.
///
/// A unit of assignment is a sticky key, counted when it is first seen, or a request if every request is assigned separately. Requests of
/// sticky visitors are not assigned separately and would cause false alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SampleRatio {
    /// Evidence of too many units on the canary.
    more: EProcess,
    /// Evidence of too few units on the canary.
    fewer: EProcess,
    alarmed: bool,
}

impl SampleRatio {
    /// Creates a test that raises a false alarm with probability ≤ 0.001.
    pub fn new(restarts: Restarts) -> Self {
        let process = EProcess::new(&GRID, 1.0, restarts);
        Self { more: process.clone(), fewer: process, alarmed: false }
    }

    /// Adds the units assigned in a tick during which the canary had the share `configured`.
    pub fn close_tick(&mut self, assigned: PerVariant<u64>, configured: Fraction) {
        self.more.close_tick(assigned.canary, assigned.stable, configured);
        self.fewer.close_tick(assigned.stable, assigned.canary, configured.complement());
        self.alarmed |= self.more.is_strong(ALPHA / 2.0) || self.fewer.is_strong(ALPHA / 2.0);
    }

    /// Whether the split has been off at any time in this rollout. Latched.
    pub fn is_alarmed(&self) -> bool {
        self.alarmed
    }

    /// E and its limit, in the direction with more evidence.
    pub fn evidence(&self) -> Evidence {
        let worse = if self.more.ln_e() >= self.fewer.ln_e() { &self.more } else { &self.fewer };
        worse.evidence(ALPHA / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarmed_after(ticks: usize, assigned: PerVariant<u64>, configured: Fraction) -> bool {
        let mut ratio = SampleRatio::new(Restarts::over(3_600_000, 5_000));
        (0..ticks).for_each(|_| ratio.close_tick(assigned, configured));
        ratio.is_alarmed()
    }

    #[test]
    fn the_configured_split_raises_no_alarm() {
        assert!(!alarmed_after(720, PerVariant::new(25, 100), Fraction::of(1, 4)));
    }

    #[test]
    fn too_many_and_too_few_both_raise_it() {
        assert!(alarmed_after(720, PerVariant::new(30, 100), Fraction::of(1, 4)));
        assert!(alarmed_after(720, PerVariant::new(20, 100), Fraction::of(1, 4)));
    }

    #[test]
    fn telemetry_of_the_canary_that_is_lost_altogether_is_noticed_at_once() {
        assert!(alarmed_after(2, PerVariant::new(0, 100), Fraction::of(1, 4)));
    }

    #[test]
    fn one_sided_shares_raise_nothing_while_they_hold() {
        assert!(!alarmed_after(50, PerVariant::new(100, 0), Fraction::of(1, 0)));
        assert!(!alarmed_after(50, PerVariant::new(0, 0), Fraction::of(0, 0)));
    }
}
