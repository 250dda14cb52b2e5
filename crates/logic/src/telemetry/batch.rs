//! The message that carries counts, over both hops. Isolates and objects of other versions read it, so fields are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mirror_sample::MirrorSample;
use crate::analysis::{Diversion, Histogram, PerVariant};
use crate::policy::KvReading;
use crate::rollout::Observation;
use crate::version::VersionCounts;
use crate::visitors::{HeavyKeys, KeySet, VisitorSketch};

/// Visitors that each set of a shard's report holds. Isolates hold fewer, the controller more.
const MAX_REPORTED: usize = 4_096;

/// A message. A sender numbers its messages and resends one until it is acknowledged, so that each counts once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// An isolate's random id, or a shard's name.
    pub from: String,
    /// Grows by one with each message.
    pub seq: u64,
    /// The counts; none if the sender only asks for the overlay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// The isolate's last read of KV, for the other isolates of its location.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<KvReading>,
    /// The orders on switches that the location's reads of KV have confirmed: key and number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confirmed: BTreeMap<String, u64>,
    /// All requests that went to a variant since the message before, observed or not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub requests: u64,
}

/// Outcomes observed under one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The configuration.
    pub observation: Observation,
    /// The canary, and stable's control slice.
    pub variants: PerVariant<VariantSample>,
    /// Visitors with a failed request, of both variants together.
    #[serde(default, skip_serializing_if = "KeySet::is_empty")]
    pub failed: KeySet,
    /// Visitors with a slow answer, of both variants together.
    #[serde(default, skip_serializing_if = "KeySet::is_empty")]
    pub slow: KeySet,
    /// Visitors that were new to the sender in this step, of both variants together.
    #[serde(default, skip_serializing_if = "KeySet::is_empty")]
    pub seen: KeySet,
    /// Keys with the most requests, where every request counts for itself.
    #[serde(default, skip_serializing_if = "HeavyKeys::is_empty")]
    pub heavy: HeavyKeys,
    /// Whether an isolate's breaker opened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaker_opened: bool,
    /// Canary requests that a breaker sent to stable; neither variant counts them.
    #[serde(default)]
    pub short_circuited: u64,
    /// Visits that a breaker kept from the canary, and its probes.
    #[serde(default, skip_serializing_if = "Diversion::is_empty")]
    pub diversion: Diversion,
    /// Failed canary requests that were sent to stable again, so that no client saw the canary's failure.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rescued: u64,
    /// Requests that were copied to the canary, in a step that mirrors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Box<MirrorSample>>,
    /// Answers by their version, where the variants are versions of one Worker.
    #[serde(default, skip_serializing_if = "no_versions")]
    pub versions: PerVariant<VersionCounts>,
}

/// One variant's part of a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VariantSample {
    /// Requests that were answered or failed.
    pub requests: u64,
    /// Requests that failed, those that stable then answered included.
    pub failures: u64,
    /// Visits: of a visitor's requests the first one in each message of an isolate. Where every request counts for itself, all requests.
    pub visits: u64,
    /// Visits that failed.
    pub failed_visits: u64,
    /// Distinct visitors. A sender reports what its earlier messages of the step did not have.
    pub visitors: VisitorSketch,
    /// Time to the response's headers, of visits without a request body.
    pub latency: Histogram,
}

// === impl Sample ===

impl Sample {
    /// A sample without outcomes.
    pub fn new(observation: Observation) -> Self {
        Self {
            observation,
            variants: PerVariant::default(),
            failed: KeySet::default(),
            slow: KeySet::default(),
            seen: KeySet::default(),
            heavy: HeavyKeys::default(),
            breaker_opened: false,
            short_circuited: 0,
            diversion: Diversion::default(),
            rescued: 0,
            mirror: None,
            versions: PerVariant::default(),
        }
    }

    /// Adds the outcomes that another sender observed under the same configuration.
    pub fn merge(&mut self, other: &Self) {
        let Self {
            observation: _,
            variants,
            failed,
            slow,
            seen,
            heavy,
            breaker_opened,
            short_circuited,
            diversion,
            rescued,
            mirror,
            versions,
        } = other;
        self.variants.canary.merge(&variants.canary);
        self.variants.stable.merge(&variants.stable);
        self.failed.merge(failed, MAX_REPORTED);
        self.slow.merge(slow, MAX_REPORTED);
        self.seen.merge(seen, MAX_REPORTED);
        self.heavy.merge(heavy);
        self.breaker_opened |= breaker_opened;
        self.short_circuited = self.short_circuited.saturating_add(*short_circuited);
        self.diversion += *diversion;
        self.rescued = self.rescued.saturating_add(*rescued);
        if let Some(mirror) = mirror {
            self.mirror.get_or_insert_default().merge(mirror, MAX_REPORTED);
        }
        self.versions += *versions;
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde passes")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Whether no answer was checked for its version.
pub(crate) fn no_versions(counts: &PerVariant<VersionCounts>) -> bool {
    counts.canary.is_empty() && counts.stable.is_empty()
}

// === impl VariantSample ===

impl VariantSample {
    /// Adds the counts of another sender.
    pub fn merge(&mut self, other: &Self) {
        let Self { requests, failures, visits, failed_visits, visitors, latency } = other;
        self.requests = self.requests.saturating_add(*requests);
        self.failures = self.failures.saturating_add(*failures);
        self.visits = self.visits.saturating_add(*visits);
        self.failed_visits = self.failed_visits.saturating_add(*failed_visits);
        self.visitors.merge(visitors);
        self.latency += latency;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::Variant;
    use crate::visitors::{Entry, Marks, Network};

    fn observation(step: usize) -> Observation {
        Observation { rollout_id: "r1".into(), attempt: 0, step }
    }

    fn failing(keys: &[u32]) -> KeySet {
        let mut set = KeySet::default();
        for key in keys {
            let entry = Entry { variant: Variant::Canary, network: Network::UNKNOWN, marks: Marks::FAILED };
            set.offer(*key, entry, 100);
        }
        set
    }

    #[test]
    fn the_wire_form_is_frozen() {
        let mut sample = Sample::new(observation(2));
        sample.variants.canary =
            VariantSample { requests: 3, failures: 1, visits: 2, failed_visits: 1, ..VariantSample::default() };
        sample.variants.canary.latency.record(10.0);
        sample.variants.canary.visitors.insert(1);
        sample.failed = failing(&[7]);
        sample.heavy.record(7);
        sample.diversion = Diversion { visits: 3, probes: 2, failed: 1 };
        let batch = Batch { from: "a".into(), seq: 4, sample: Some(sample), requests: 9, ..Batch::default() };
        let json = concat!(
            r#"{"from":"a","seq":4,"sample":{"observation":{"rolloutId":"r1","attempt":0,"step":2},"variants":{"#,
            r#""canary":{"requests":3,"failures":1,"visits":2,"failedVisits":1,"visitors":"e70603","latency":{"116":1}},"#,
            r#""stable":{"requests":0,"failures":0,"visits":0,"failedVisits":0,"visitors":"","latency":{}}},"#,
            r#""failed":"07000000000082","heavy":{"7":1},"shortCircuited":0,"#,
            r#""diversion":{"visits":3,"probes":2,"failed":1}},"requests":9}"#
        );
        assert_eq!(
            serde_json::to_string(&batch).unwrap(),
            json,
            "isolates and shards of other versions speak this form"
        );
        assert_eq!(serde_json::from_str::<Batch>(json).unwrap(), batch);
    }

    #[test]
    fn the_wire_form_of_versions_is_frozen() {
        let mut sample = Sample::new(observation(0));
        sample.versions.canary = VersionCounts { right: 5, wrong: 1, unmarked: 2 };
        let json = serde_json::to_value(&sample).unwrap()["versions"].to_string();
        let expected = concat!(
            r#"{"canary":{"right":5,"unmarked":2,"wrong":1},"#,
            r#""stable":{"right":0,"unmarked":0,"wrong":0}}"#
        );
        assert_eq!(json, expected, "isolates and shards of other versions speak this form");
        let mut sum = sample.clone();
        sum.merge(&sample);
        assert_eq!(sum.versions.canary, VersionCounts { right: 10, wrong: 2, unmarked: 4 });
    }

    #[test]
    fn a_message_of_an_older_isolate_is_read() {
        let json = concat!(
            r#"{"from":"a","seq":4,"sample":{"observation":{"rolloutId":"r1","attempt":0,"step":2},"variants":{"#,
            r#""canary":{"requests":3,"failures":1,"failed":[7],"seen":[7,9],"latency":{"116":1}},"#,
            r#""stable":{"requests":0,"failures":0,"latency":{}}},"shortCircuited":0}}"#
        );
        let sample = serde_json::from_str::<Batch>(json).unwrap().sample.unwrap();
        assert_eq!((sample.variants.canary.requests, sample.variants.canary.failures), (3, 1));
    }

    #[test]
    fn merging_adds_counts_and_counts_a_visitor_once() {
        let sample = |requests, failed: &[u32]| {
            let mut sample = Sample::new(observation(0));
            sample.variants.canary = VariantSample { requests, failures: requests, ..VariantSample::default() };
            for key in failed {
                sample.variants.canary.visitors.insert(*key);
            }
            sample.failed = failing(failed);
            sample.rescued = requests;
            sample
        };
        let mut sum = sample(2, &[1, 2]);
        sum.merge(&sample(3, &[2, 3]));
        assert_eq!(
            (sum.variants.canary.requests, sum.failed.len(), sum.variants.canary.visitors.estimate()),
            (5, 3, 3)
        );
        assert_eq!(sum.rescued, 5);
        let mut full = sample(u64::MAX, &[]);
        full.merge(&sample(1, &[]));
        assert_eq!(full.variants.canary.requests, u64::MAX);
    }
}
