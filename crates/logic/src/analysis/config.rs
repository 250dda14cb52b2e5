//! Settings of the analysis: defaults and ranges.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::counts::{Unit, is_zero};
use super::sample_size::Regression;

/// The `analysis` of a plan. Every field has a default; unknown ones are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnalysisConfig {
    /// Highest share of failed requests, 0..=1; 0.05.
    pub error_rate_ceiling: f64,
    /// Highest p95 in ms, 1..=600000; 500.
    pub p95_ceiling_ms: u64,
    /// Consecutive analyses with a broken threshold until the canary is rolled back, 1..=100; 3.
    pub failure_limit: u32,
    /// Canary requests in a step before an analysis may pass, 1..=1000000000; 20, as in Hystrix.
    pub min_requests: u64,
    /// Probability that evidence rolls back a canary that is no worse, over the whole rollout, 0.000001..=0.1; 0.01. Errors get half of it,
    /// p95 and p99 a quarter each.
    pub alpha: f64,
    /// Accepted ratio of the canary's odds of failing to stable's, 1..=10; 1. At 1.25 a doubled rate takes twice as long to detect.
    pub error_tolerance: f64,
    /// Accepted relative slowdown against stable, 0..=10; 0.2 is 20 %.
    pub latency_tolerance: f64,
    /// The smallest regression that must have been detectable before the canary replaces stable. The plan's `detect`.
    #[serde(skip_serializing_if = "is_default")]
    pub detect: Regression,
    /// Planned time of the steps that mirror, in ms; 0 where there are none. The plan's.
    #[serde(skip_serializing_if = "is_zero")]
    pub mirror_ms: u64,
    /// Unit of assignment; sticky keys by default.
    pub unit: Unit,
    /// Time between two ticks in ms, 1..=60000; 5000.
    pub tick_ms: u64,
    /// Longest time between two flushes of an isolate in ms, 1..=600000; 5000.
    pub flush_interval_ms: u64,
}

/// A value outside its range.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{field} is {value}, should be {range}")]
pub struct InvalidAnalysisConfig {
    /// Name of the field in the plan.
    pub field: &'static str,
    /// The given value.
    pub value: String,
    /// The accepted range.
    pub range: &'static str,
}

fn is_default(detect: &Regression) -> bool {
    *detect == Regression::default()
}

// === impl AnalysisConfig ===

impl Default for AnalysisConfig {
    fn default() -> Self {
        Self {
            error_rate_ceiling: 0.05,
            p95_ceiling_ms: 500,
            failure_limit: 3,
            min_requests: 20,
            alpha: 0.01,
            error_tolerance: 1.0,
            latency_tolerance: 0.2,
            detect: Regression::default(),
            mirror_ms: 0,
            unit: Unit::StickyKey,
            tick_ms: 5_000,
            flush_interval_ms: 5_000,
        }
    }
}

impl AnalysisConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn check(&self) -> Result<(), InvalidAnalysisConfig> {
        let invalid = |field, value, range| InvalidAnalysisConfig { field, value, range };
        let real = |field, value: f64, low: f64, high: f64, range| {
            let inside = value >= low && value <= high;
            if inside { Ok(()) } else { Err(invalid(field, value.to_string(), range)) }
        };
        let integer = |field, value: u64, high: u64, range| {
            let inside = (1..=high).contains(&value);
            if inside { Ok(()) } else { Err(invalid(field, value.to_string(), range)) }
        };
        real("errorRateCeiling", self.error_rate_ceiling, 0.0, 1.0, "0..=1")?;
        integer("p95CeilingMs", self.p95_ceiling_ms, 600_000, "1..=600000")?;
        integer("failureLimit", self.failure_limit.into(), 100, "1..=100")?;
        integer("minRequests", self.min_requests, 1_000_000_000, "1..=1000000000")?;
        real("alpha", self.alpha, 1e-6, 0.1, "0.000001..=0.1")?;
        real("errorTolerance", self.error_tolerance, 1.0, 10.0, "1..=10")?;
        real("latencyTolerance", self.latency_tolerance, 0.0, 10.0, "0..=10")?;
        integer("tickMs", self.tick_ms, 60_000, "1..=60000")?;
        integer("flushIntervalMs", self.flush_interval_ms, 600_000, "1..=600000")
    }

    /// α of the error test.
    pub fn alpha_errors(&self) -> f64 {
        self.alpha_of_visitors() / 2.0
    }

    /// α of each of the two latency tests.
    pub fn alpha_latency(&self) -> f64 {
        self.alpha_of_visitors() / 4.0
    }

    /// α of each of the two paired tests, which have half of it where the plan mirrors.
    pub fn alpha_paired(&self) -> f64 {
        self.alpha / 4.0
    }

    /// What is left for the tests that compare visitors.
    fn alpha_of_visitors(&self) -> f64 {
        if self.mirror_ms > 0 { self.alpha / 2.0 } else { self.alpha }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges_and_share_one_percent() {
        let config: AnalysisConfig = serde_json::from_str(r#"{"maxInconclusive":4}"#).unwrap();
        assert_eq!(config, AnalysisConfig::default());
        config.check().unwrap();
        assert!((config.alpha_errors() - 0.005).abs() < 1e-15 && (config.alpha_latency() - 0.0025).abs() < 1e-15);
    }

    #[test]
    fn where_the_plan_mirrors_the_paired_tests_have_half_of_it() {
        let config = AnalysisConfig { mirror_ms: 1, ..AnalysisConfig::default() };
        let all = config.alpha_errors() + 2.0 * config.alpha_latency() + 2.0 * config.alpha_paired();
        assert!((all - config.alpha).abs() < 1e-15 && (config.alpha_paired() - 0.0025).abs() < 1e-15);
    }

    #[test]
    fn a_value_outside_its_range_is_named_with_the_range() {
        let said = |json| serde_json::from_str::<AnalysisConfig>(json).unwrap().check().unwrap_err().to_string();
        assert_eq!(said(r#"{"failureLimit":0}"#), "failureLimit is 0, should be 1..=100");
        assert_eq!(said(r#"{"errorRateCeiling":5}"#), "errorRateCeiling is 5, should be 0..=1");
        assert_eq!(said(r#"{"alpha":0.5}"#), "alpha is 0.5, should be 0.000001..=0.1");
        assert_eq!(said(r#"{"tickMs":0}"#), "tickMs is 0, should be 1..=60000");
        let nan = AnalysisConfig { error_tolerance: f64::NAN, ..AnalysisConfig::default() };
        assert_eq!(nan.check().unwrap_err().to_string(), "errorTolerance is NaN, should be 1..=10");
    }

    #[test]
    fn the_stored_form_is_frozen() {
        let json = concat!(
            r#"{"errorRateCeiling":0.05,"p95CeilingMs":500,"failureLimit":3,"minRequests":20,"alpha":0.01,"errorTolerance":1.0,"#,
            r#""latencyTolerance":0.2,"unit":"sticky-key","tickMs":5000,"flushIntervalMs":5000}"#
        );
        assert_eq!(serde_json::to_string(&AnalysisConfig::default()).unwrap(), json, "plans are written in this form");
    }
}
