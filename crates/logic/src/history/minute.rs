//! One minute of a rollout: what both variants did, and what the controller made of it. Minutes merge into longer steps, because latencies
//! are kept as histograms.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::analysis::{Histogram, PerVariant};
use crate::controller::Controller;
use crate::percentage::Percentage;
use crate::telemetry::Sample;
use crate::timestamp::Timestamp;

/// Time for which minutes are kept.
pub const KEPT: Duration = Duration::from_hours(7 * 24);

const MINUTE_MS: i64 = 60_000;

/// A minute. Fields are only ever added, because rows of other versions are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Minute {
    /// Id of the rollout; empty before the first one.
    pub rollout_id: String,
    /// The rollout's step, counted from 1.
    pub step: usize,
    /// The canary's percentage as the controller asks for it: 0 while the canary is halted.
    pub percentage: Percentage,
    /// Whether the canary was halted.
    pub halted: bool,
    /// The canary, and stable's control slice.
    pub variants: PerVariant<MinuteCounts>,
    /// Canary requests that breakers sent to stable.
    pub short_circuited: u64,
    /// Failed canary requests that stable answered. Like `seen` it is 0 in rows of versions that did not record it.
    pub rescued: u64,
    /// Failed canary requests whose failure a client saw.
    pub seen: u64,
    /// The evidence at the end of the minute.
    pub evidence: Option<MinuteEvidence>,
}

/// Counts of one variant in a minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MinuteCounts {
    /// Requests that were answered or failed.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Time to the response's headers.
    pub latency: Histogram,
}

/// Natural logarithms of the e-values against the canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MinuteEvidence {
    /// That it fails more often.
    pub errors: f64,
    /// That its p95 is worse.
    pub p95: f64,
    /// That its p99 is worse.
    pub p99: f64,
}

// === impl Minute ===

impl Minute {
    /// Number of the minute that `at` lies in, since the Unix epoch.
    pub const fn number(at: Timestamp) -> i64 {
        at.as_millis().div_euclid(MINUTE_MS)
    }

    /// Start of a minute.
    pub const fn start(number: i64) -> Timestamp {
        Timestamp::from_millis(number.saturating_mul(MINUTE_MS))
    }

    /// Notes how the rollout stands. The last note of a minute counts.
    pub fn note(&mut self, controller: &Controller) {
        let summary = controller.state.summary();
        self.rollout_id = controller.state.rollout().map(|rollout| rollout.id.clone()).unwrap_or_default();
        (self.step, self.percentage, self.halted) = (summary.step, summary.percentage, summary.halted);
        self.evidence = controller.analysis.figures().map(|figures| MinuteEvidence {
            errors: figures.errors.ln_e,
            p95: figures.p95.ln_e,
            p99: figures.p99.ln_e,
        });
    }

    /// Adds the outcomes of a report.
    pub fn add(&mut self, sample: &Sample) {
        self.variants.canary.add(sample, |sample| &sample.variants.canary);
        self.variants.stable.add(sample, |sample| &sample.variants.stable);
        self.short_circuited = self.short_circuited.saturating_add(sample.short_circuited);
        self.rescued = self.rescued.saturating_add(sample.rescued);
        self.seen = self.seen.saturating_add(sample.variants.canary.failures.saturating_sub(sample.rescued));
    }

    /// Merges a later minute into this one: counts add up, the rest is the later one's.
    pub fn merge(&mut self, later: &Self) {
        let Self { rollout_id, step, percentage, halted, variants, short_circuited, rescued, seen, evidence } = later;
        self.variants.canary.merge(&variants.canary);
        self.variants.stable.merge(&variants.stable);
        self.short_circuited = self.short_circuited.saturating_add(*short_circuited);
        self.rescued = self.rescued.saturating_add(*rescued);
        self.seen = self.seen.saturating_add(*seen);
        self.rollout_id.clone_from(rollout_id);
        (self.step, self.percentage, self.halted, self.evidence) = (*step, *percentage, *halted, *evidence);
    }
}

// === impl MinuteCounts ===

impl MinuteCounts {
    pub(super) fn add(&mut self, sample: &Sample, of: impl Fn(&Sample) -> &crate::telemetry::VariantSample) {
        let added = of(sample);
        self.requests = self.requests.saturating_add(added.requests);
        self.failures = self.failures.saturating_add(added.failures);
        self.latency += &added.latency;
    }

    /// Adds the counts of another minute.
    pub fn merge(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.failures = self.failures.saturating_add(other.failures);
        self.latency += &other.latency;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rollout::Observation;

    pub(in crate::history) fn sample(requests: u64, failures: u64, latency_ms: f64) -> Sample {
        let mut sample = Sample::new(Observation { rollout_id: "r".into(), attempt: 0, step: 0 });
        sample.variants.canary.requests = requests;
        sample.variants.canary.failures = failures;
        for _ in 0..requests {
            sample.variants.canary.latency.record(latency_ms);
        }
        sample
    }

    #[test]
    fn a_stored_minute_is_frozen_and_an_empty_one_is_read() {
        let mut minute =
            Minute { rollout_id: "r".into(), step: 2, percentage: Percentage::percent(25), ..Minute::default() };
        minute.add(&Sample { rescued: 2, ..sample(2, 3, 10.0) });
        minute.evidence = Some(MinuteEvidence { errors: 0.5, p95: -1.0, p99: 0.0 });
        let json = concat!(
            r#"{"rolloutId":"r","step":2,"percentage":25,"halted":false,"variants":{"#,
            r#""canary":{"requests":2,"failures":3,"latency":{"116":2}},"#,
            r#""stable":{"requests":0,"failures":0,"latency":{}}},"shortCircuited":0,"rescued":2,"seen":1,"#,
            r#""evidence":{"errors":0.5,"p95":-1.0,"p99":0.0}}"#
        );
        assert_eq!(serde_json::to_string(&minute).unwrap(), json, "rows of a week ago have this form");
        assert_eq!(serde_json::from_str::<Minute>(json).unwrap(), minute);
        assert_eq!(serde_json::from_str::<Minute>(r#"{"ofTomorrow":1}"#).unwrap(), Minute::default());
    }

    #[test]
    fn a_row_of_a_version_that_did_not_record_rescued_requests_is_read_and_merged() {
        let json = concat!(
            r#"{"rolloutId":"r","step":2,"percentage":25,"halted":false,"variants":{"#,
            r#""canary":{"requests":9,"failures":4,"latency":{"116":9}},"#,
            r#""stable":{"requests":0,"failures":0,"latency":{}}},"shortCircuited":0,"#,
            r#""evidence":{"errors":0.5,"p95":-1.0,"p99":0.0}}"#
        );
        let mut minute: Minute = serde_json::from_str(json).unwrap();
        assert_eq!((minute.variants.canary.failures, minute.rescued, minute.seen), (4, 0, 0));
        minute.add(&Sample { rescued: 1, ..sample(3, 3, 10.0) });
        assert_eq!((minute.variants.canary.failures, minute.rescued, minute.seen), (7, 1, 2));
    }

    #[test]
    fn the_minute_of_a_time_before_1970_is_the_one_before() {
        assert_eq!(Minute::number(Timestamp::from_millis(-1)), -1);
        assert_eq!(Minute::number(Timestamp::from_millis(59_999)), 0);
        assert_eq!(Minute::start(2), Timestamp::from_seconds(120));
    }

    proptest! {
        #[test]
        fn merged_minutes_count_what_one_long_minute_would(counts in prop::collection::vec((0_u64..50, 0_u64..9, 1.0..900.0), 0..9)) {
            let (mut merged, mut whole) = (Minute::default(), Minute::default());
            for (requests, failures, latency) in counts {
                let mut minute = Minute::default();
                let sample = Sample { rescued: failures / 2, ..sample(requests, failures, latency) };
                minute.add(&sample);
                merged.merge(&minute);
                whole.add(&sample);
            }
            prop_assert_eq!(merged, whole);
        }
    }
}
