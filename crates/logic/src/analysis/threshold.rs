//! Absolute thresholds for the canary. Each threshold states "at most this share of the requests is bad". A bad request failed or, for a
//! p95, was slower than the ceiling; at most 5 % may be slower.
//!
//! Where visitors are the unit, requests are visits, of which a visitor has one every few seconds at most, and the share of *visitors* that
//! were ever affected must be above the ceiling too: neither a single visitor whose requests fail nor one with very many good requests
//! decides.
//!
//! A rate just below its ceiling exceeds it in nearly every second sample. With an analysis every minute, three consecutive samples above
//! the ceiling occur within the hour and would roll a healthy canary back. A threshold is therefore broken only if chance does not explain
//! the excess: n·KL(bad/n ‖ ceiling) ≥ ln(1/δ), the bound of Chernoff (1952) and Hoeffding (1963).

use serde::{Deserialize, Serialize};

use super::counts::ratio;

/// Probability that a canary exactly at a ceiling breaks it in one run of consecutive analyses. Over 500 analyses the probability is below
/// 1 in 1,000.
const RUN_CHANCE: f64 = 1e-6;

/// A threshold and the measurement that is compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Threshold {
    /// Share of failed requests.
    ErrorRate {
        /// Failed requests.
        failures: u64,
        /// All requests.
        requests: u64,
        /// Highest allowed share, 0..=1.
        ceiling: f64,
        /// Visitors with a failed request; none where every request counts for itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visitors: Option<Affected>,
    },
    /// 95th percentile of the latency.
    P95 {
        /// Measured p95 in ms.
        p95_ms: u64,
        /// Requests slower than the ceiling.
        slow: u64,
        /// All requests.
        requests: u64,
        /// Highest allowed p95, in ms.
        ceiling_ms: u64,
        /// Visitors with a request slower than the ceiling; none where every request counts for itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        visitors: Option<Affected>,
    },
    /// The canary's own /health.
    Health,
}

/// Visitors, and how many of them were affected at least once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// Visitors that were affected.
    pub affected: u64,
    /// All visitors.
    pub visitors: u64,
}

// === impl Threshold ===

impl Threshold {
    /// Whether the measurement is above the ceiling, possibly by chance.
    pub fn is_exceeded(&self) -> bool {
        let (shares, allowed) = self.shares();
        shares.into_iter().all(|(bad, all)| ratio(bad, all) > allowed)
    }

    /// Whether the measurement is so far above the ceiling that chance does not explain `looks` consecutive analyses with it.
    pub fn is_broken(&self, looks: u32) -> bool {
        let (shares, allowed) = self.shares();
        shares.into_iter().all(|(bad, all)| is_above(bad, all, allowed, looks))
    }

    /// The bad part and the whole, of requests and of visitors, and the highest allowed share.
    fn shares(&self) -> ([(u64, u64); 2], f64) {
        match *self {
            Self::ErrorRate { failures, requests, ceiling, visitors } => (both(failures, requests, visitors), ceiling),
            Self::P95 { slow, requests, visitors, .. } => (both(slow, requests, visitors), 0.05),
            Self::Health => (both(1, 1, None), 0.0),
        }
    }
}

fn both(bad: u64, requests: u64, visitors: Option<Affected>) -> [(u64, u64); 2] {
    let requests = (bad, requests);
    [requests, visitors.map_or(requests, |Affected { affected, visitors }| (affected, visitors.max(affected)))]
}

/// Whether the share of bad ones is so far above the allowed share that chance does not explain `looks` consecutive analyses with it.
pub(super) fn is_above(bad: u64, all: u64, allowed: f64, looks: u32) -> bool {
    let (rate, needed) = (ratio(bad, all), -RUN_CHANCE.ln() / f64::from(looks.max(1)));
    rate > allowed && all as f64 * divergence(rate, allowed) >= needed
}

/// KL(p ‖ q) of two Bernoulli distributions in nats; infinite if q excludes an outcome that p allows.
fn divergence(p: f64, q: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    term(p, q) + term(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_rate(failures: u64, requests: u64) -> Threshold {
        Threshold::ErrorRate { failures, requests, ceiling: 0.05, visitors: None }
    }

    #[test]
    fn a_rate_above_its_ceiling_by_chance_does_not_break_it() {
        assert!(error_rate(4, 60).is_exceeded() && !error_rate(4, 60).is_broken(3));
        assert!(error_rate(30, 300).is_broken(3));
        assert!(!error_rate(0, 0).is_exceeded() && !error_rate(0, 0).is_broken(3));
    }

    #[test]
    fn a_dead_canary_breaks_it_within_two_requests() {
        assert!(!error_rate(1, 1).is_broken(3));
        assert!(error_rate(2, 2).is_broken(3));
    }

    #[test]
    fn a_single_analysis_needs_the_confidence_of_three_consecutive_ones() {
        assert!(error_rate(35, 300).is_broken(3) && !error_rate(35, 300).is_broken(1));
        assert!(error_rate(60, 300).is_broken(1));
    }

    #[test]
    fn a_p95_is_exceeded_when_more_than_one_request_in_twenty_is_slow() {
        let p95 = |slow| Threshold::P95 { p95_ms: 505, slow, requests: 1_000, ceiling_ms: 500, visitors: None };
        assert!(!p95(50).is_exceeded() && p95(51).is_exceeded());
        assert!(!p95(60).is_broken(3) && p95(100).is_broken(3));
    }

    #[test]
    fn a_ceiling_of_zero_and_a_bad_health_answer_are_broken_at_once() {
        assert!(Threshold::ErrorRate { failures: 1, requests: 1_000, ceiling: 0.0, visitors: None }.is_broken(3));
        assert!(Threshold::Health.is_broken(3));
    }

    #[test]
    fn eight_visitors_whose_every_request_fails_do_not_break_it() {
        let of = |affected, visitors| Threshold::ErrorRate {
            failures: 96,
            requests: 600,
            ceiling: 0.05,
            visitors: Some(Affected { affected, visitors }),
        };
        assert!(!of(8, 500).is_broken(3) && !of(8, 500).is_exceeded());
        assert!(of(80, 500).is_broken(3));
    }
}
