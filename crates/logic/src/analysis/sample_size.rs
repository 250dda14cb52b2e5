//! The amount of traffic that a comparison needs. A test that could not have detected a bad canary is no reason to promote one.
//!
//! With a bet on ρ, a canary request contributes g nats on average. The test needs ln(J/α) nats, or ln(2J/α) because half of the stake is
//! bet at the start.

use serde::{Deserialize, Serialize};

use super::counts::Fraction;
use super::e_process::whole;
use super::error_test::GRID;

/// Below this failure rate a comparison would need too much traffic.
const LEAST_RATE: f64 = 0.001;

/// Factor on the expected number of requests, so that the median run has decided with a margin.
const MARGIN: f64 = 1.5;

/// The smallest regression that the analysis must have been able to detect before the canary replaces stable: a canary that fails `factor`
/// times as often as stable, or by `points` more, whichever is more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regression {
    /// Ratio of the canary's failure rate to stable's; 2, 1.1..=100.
    pub factor: f64,
    /// Difference of the failure rates in percentage points; 0.5, 0.01..=100.
    pub points: f64,
}

/// Steps of the search for the smallest regression: enough for the precision of its answer over the whole range.
const SEARCH_STEPS: u32 = 60;

/// Units on the canary, visitors or requests, that a step needs before promotion. `None` if no comparison is possible at that share.
///
/// `stable_rate` (0..=1) is the rate of failures, counted as evidence counts them, and `share` is the canary's fraction of the compared
/// requests.
pub fn needed_requests(share: Fraction, stable_rate: f64, detect: Regression, alpha: f64) -> Option<u64> {
    let stable_rate = assumed_rate(stable_rate);
    let ratio = f64::max(detect.factor, 1.0 + detect.points / 100.0 / stable_rate);
    needed_for(ratio, share, stable_rate, alpha)
}

/// The smallest regression for which `units` on the canary are enough, as in [`needed_requests`]. Its factor is rounded up to hundredths, and
/// both of its numbers say the same. `None` if not even a canary that always fails would be noticed, or nothing can be compared.
pub fn smallest_regression(share: Fraction, stable_rate: f64, units: u64, alpha: f64) -> Option<Regression> {
    let stable_rate = assumed_rate(stable_rate);
    let is_enough = |ratio| needed_for(ratio, share, stable_rate, alpha).is_some_and(|needed| needed <= units);
    let (mut least, mut most) = (1.0, 1.0 / stable_rate);
    if !is_enough(most) {
        return None;
    }
    for _ in 0..SEARCH_STEPS {
        let middle = f64::midpoint(least, most);
        if is_enough(middle) {
            most = middle;
        } else {
            least = middle;
        }
    }
    let factor = ((most * 100.0).ceil() / 100.0).min(1.0 / stable_rate);
    Some(Regression { factor, points: ((factor - 1.0) * stable_rate * 1e5).ceil() / 1e3 })
}

/// Canary requests after which a canary that fails at `canary_rate` is expected to be rolled back. The number is up to 25 % too high.
/// `None` if the canary is no worse, or if no number is enough.
pub fn expected_requests(share: Fraction, canary_rate: f64, stable_rate: f64, alpha: f64) -> Option<u64> {
    let best = GRID.iter().map(|rho| information(share, canary_rate, stable_rate, *rho)).fold(0.0, f64::max);
    requests(1.0, best, alpha)
}

// === impl Regression ===

impl Default for Regression {
    fn default() -> Self {
        Self { factor: 2.0, points: 0.5 }
    }
}

fn assumed_rate(stable_rate: f64) -> f64 {
    if stable_rate.is_nan() { LEAST_RATE } else { stable_rate.clamp(LEAST_RATE, 1.0) }
}

/// Units on the canary to notice a canary that fails `ratio` times as often as stable.
fn needed_for(ratio: f64, share: Fraction, stable_rate: f64, alpha: f64) -> Option<u64> {
    let canary_rate = (ratio * stable_rate).min(1.0);
    requests(MARGIN, information(share, canary_rate, stable_rate, ratio), alpha)
}

/// g: the nats per canary request that a bet on `rho` wins on average.
fn information(share: Fraction, canary_rate: f64, stable_rate: f64, rho: f64) -> f64 {
    let w = share.get();
    let failures = canary_rate + (1.0 - w) / w * stable_rate;
    canary_rate * rho.ln() - failures * (w * (rho - 1.0)).ln_1p()
}

fn requests(margin: f64, information: f64, alpha: f64) -> Option<u64> {
    // A gain of exactly 0 may have a rounding error, which is not a gain.
    (information > 1e-12).then(|| whole((margin * (2.0 * GRID.len() as f64 / alpha).ln() / information).ceil()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALPHA: f64 = 0.005;
    const DEFAULT: Regression = Regression { factor: 2.0, points: 0.5 };

    #[test]
    fn half_and_half_needs_what_the_analysis_says() {
        for (stable_rate, needed) in [(0.001, 6_009_u64), (0.005, 14_015), (0.01, 7_007), (0.02, 3_503), (0.05, 1_401)]
        {
            let computed = needed_requests(Fraction::of(1, 1), stable_rate, DEFAULT, ALPHA).unwrap();
            assert!(computed.abs_diff(needed) <= 1, "{stable_rate}: {computed}, should be {needed}");
        }
    }

    #[test]
    fn a_larger_regression_needs_less_traffic() {
        let needed =
            |factor, points| needed_requests(Fraction::of(1, 1), 0.01, Regression { factor, points }, ALPHA).unwrap();
        assert_eq!(DEFAULT, Regression::default());
        assert!(needed(2.0, 0.5) > needed(3.0, 0.5) && needed(3.0, 0.5) > needed(3.0, 5.0));
        assert_eq!(needed(1.5, 5.0), needed(6.0, 0.5), "the larger of the two counts");
        // 1.5 ln(2J/0.005) / g for 1 % against 11 %, half and half: g is about 0.07.
        assert!((100..250).contains(&needed(1.5, 10.0)), "{}", needed(1.5, 10.0));
    }

    #[test]
    fn the_page_of_rollouts_has_the_numbers() {
        let page = include_str!("../../../../docs/rollouts.md");
        let row = |failing: &str, rate: f64| {
            let needed = |factor, points| {
                needed_requests(Fraction::of(1, 1), rate, Regression { factor, points }, ALPHA).unwrap()
            };
            format!("| {failing} | {} | {} | {} |", needed(2.0, 0.5), needed(2.0, 2.0), needed(2.0, 10.0))
        };
        for row in [row("0.1 %", 0.001), row("1 %", 0.01), row("5 %", 0.05)] {
            assert!(page.contains(&row), "docs/rollouts.md should have the row {row}");
        }
    }

    #[test]
    fn the_smallest_regression_is_the_one_that_needs_so_much_traffic() {
        let half = Fraction::of(1, 1);
        for (rate, points) in [(0.001, 0.1), (0.005, 0.5), (0.02, 2.0), (0.05, 5.0)] {
            let doubled = Regression { factor: 2.0, points: 0.01 };
            let needed = needed_requests(half, rate, doubled, ALPHA).unwrap();
            assert_eq!(
                smallest_regression(half, rate, needed, ALPHA),
                Some(Regression { factor: 2.0, points }),
                "{rate}"
            );
        }
        let factor = |units| smallest_regression(half, 0.01, units, ALPHA).map(|smallest| smallest.factor);
        assert!(factor(1_000_000).unwrap() < 1.1 && factor(1_000).unwrap() > 3.0);
        assert_eq!(factor(1), None, "one visitor is no evidence");
        assert_eq!(smallest_regression(Fraction::of(1, 0), 0.01, 1_000_000, ALPHA), None);
        assert_eq!(smallest_regression(half, 1.0, 1_000_000, ALPHA), None, "nothing is worse than stable");
    }

    proptest! {
        #[test]
        fn more_traffic_never_notices_less(share in 0.001..0.999, rate in 0.0..0.9, units in 1_u64..1_000_000_000, more in 0_u64..1_000_000_000) {
            let smallest = |units| smallest_regression(Fraction::clamped(share), rate, units, ALPHA).map(|it| it.factor);
            if let Some(factor) = smallest(units) {
                prop_assert!(factor > 1.0);
                prop_assert!(smallest(units + more).is_some_and(|of_more| of_more <= factor));
                let at_least = Regression { factor, points: 0.0 };
                prop_assert!(needed_requests(Fraction::clamped(share), rate, at_least, ALPHA).is_some_and(|needed| needed <= units));
            }
        }
    }

    #[test]
    fn a_service_that_hardly_fails_is_taken_as_failing_once_in_a_thousand() {
        let least = needed_requests(Fraction::of(1, 1), LEAST_RATE, DEFAULT, ALPHA);
        assert_eq!(needed_requests(Fraction::of(1, 1), 0.0, DEFAULT, ALPHA), least);
        assert_eq!(needed_requests(Fraction::of(1, 1), f64::NAN, DEFAULT, ALPHA), least);
    }

    #[test]
    fn nothing_can_be_compared_with_one_side_alone() {
        assert_eq!(needed_requests(Fraction::of(1, 0), 0.01, DEFAULT, ALPHA), None);
        assert_eq!(needed_requests(Fraction::of(0, 1), 0.01, DEFAULT, ALPHA), None);
        assert_eq!(needed_requests(Fraction::of(1, 1), 1.0, DEFAULT, ALPHA), None);
    }

    #[test]
    fn the_expected_delay_is_the_one_of_the_analysis() {
        for (stable_rate, canary_rate, expected) in
            [(0.01, 0.05, 197_u64), (0.005, 0.01, 4_005), (0.001, 0.1, 29), (0.01, 0.02, 2_002), (0.05, 0.1, 400)]
        {
            let computed = expected_requests(Fraction::of(5, 95), canary_rate, stable_rate, 0.01).unwrap();
            assert!(
                computed.abs_diff(expected) <= 1,
                "{stable_rate} → {canary_rate}: {computed}, should be {expected}"
            );
        }
        assert_eq!(expected_requests(Fraction::of(5, 95), 0.01, 0.01, 0.01), None);
    }
}
