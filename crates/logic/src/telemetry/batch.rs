//! The message that carries counts, over both hops. Isolates and objects of other versions read it, so fields are only ever added.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::analysis::{Histogram, PerVariant};
use crate::policy::KvReading;
use crate::rollout::Observation;

/// Failing sticky keys that a variant's sample holds. Each counts once; 256 a flush and 4,096 a rollout are plenty for the error test,
/// which has decided long before.
pub(crate) const MAX_FAILED: usize = 4_096;

/// First-seen sticky keys that a sample holds, of both variants together: a limit on one variant would tilt their ratio.
pub(crate) const MAX_SEEN: usize = 8_192;

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
}

/// Outcomes observed under one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The configuration.
    pub observation: Observation,
    /// The canary, and stable's control slice.
    pub variants: PerVariant<VariantSample>,
    /// Whether an isolate's breaker opened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaker_opened: bool,
    /// Canary requests that a breaker sent to stable; neither variant counts them.
    #[serde(default)]
    pub short_circuited: u64,
}

/// One variant's part of a sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VariantSample {
    /// Requests that were answered or failed.
    pub requests: u64,
    /// Requests that failed, those that stable then answered included.
    pub failures: u64,
    /// Hashes of sticky keys that failed since the last message.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub failed: BTreeSet<u32>,
    /// Hashes of sticky keys that were first seen since the last message.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<u32>,
    /// Time to the response's headers.
    pub latency: Histogram,
}

// === impl Sample ===

impl Sample {
    /// A sample without outcomes.
    pub fn new(observation: Observation) -> Self {
        Self { observation, variants: PerVariant::default(), breaker_opened: false, short_circuited: 0 }
    }

    /// Adds the outcomes that another sender observed under the same configuration.
    pub fn merge(&mut self, other: &Self) {
        let Self { observation: _, variants, breaker_opened, short_circuited } = other;
        let has_room = self.seen() + other.seen() <= MAX_SEEN;
        self.variants.canary.merge(&variants.canary, has_room);
        self.variants.stable.merge(&variants.stable, has_room);
        self.breaker_opened |= breaker_opened;
        self.short_circuited = self.short_circuited.saturating_add(*short_circuited);
    }

    /// Number of first-seen sticky keys, of both variants.
    pub(crate) fn seen(&self) -> usize {
        self.variants.canary.seen.len() + self.variants.stable.seen.len()
    }
}

// === impl VariantSample ===

impl VariantSample {
    fn merge(&mut self, other: &Self, has_room_for_seen: bool) {
        let Self { requests, failures, failed, seen, latency } = other;
        self.requests = self.requests.saturating_add(*requests);
        self.failures = self.failures.saturating_add(*failures);
        self.failed.extend(failed.iter().take(MAX_FAILED.saturating_sub(self.failed.len())));
        if has_room_for_seen {
            self.seen.extend(seen);
        }
        self.latency += latency;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(step: usize) -> Observation {
        Observation { rollout_id: "r1".into(), attempt: 0, step }
    }

    #[test]
    fn the_wire_form_is_frozen() {
        let mut sample = Sample::new(observation(2));
        sample.variants.canary = VariantSample {
            requests: 3,
            failures: 1,
            failed: [7].into(),
            seen: [7, 9].into(),
            ..VariantSample::default()
        };
        sample.variants.canary.latency.record(10.0);
        let batch = Batch { from: "a".into(), seq: 4, sample: Some(sample), ..Batch::default() };
        let json = concat!(
            r#"{"from":"a","seq":4,"sample":{"observation":{"rolloutId":"r1","attempt":0,"step":2},"variants":{"#,
            r#""canary":{"requests":3,"failures":1,"failed":[7],"seen":[7,9],"latency":{"116":1}},"#,
            r#""stable":{"requests":0,"failures":0,"latency":{}}},"shortCircuited":0}}"#
        );
        assert_eq!(
            serde_json::to_string(&batch).unwrap(),
            json,
            "isolates and shards of other versions speak this form"
        );
        assert_eq!(serde_json::from_str::<Batch>(json).unwrap(), batch);
    }

    #[test]
    fn merging_adds_counts_and_counts_a_key_once() {
        let sample = |requests, failed: &[u32]| {
            let mut sample = Sample::new(observation(0));
            let failed = failed.iter().copied().collect();
            sample.variants.canary = VariantSample { requests, failures: requests, failed, ..VariantSample::default() };
            sample
        };
        let mut sum = sample(2, &[1, 2]);
        sum.merge(&sample(3, &[2, 3]));
        assert_eq!((sum.variants.canary.requests, sum.variants.canary.failed), (5, [1, 2, 3].into()));
        let mut full = sample(u64::MAX, &[]);
        full.merge(&sample(1, &[]));
        assert_eq!(full.variants.canary.requests, u64::MAX);
    }

    #[test]
    fn a_limit_never_cuts_one_variant_alone() {
        let mut sum = Sample::new(observation(0));
        sum.variants.stable.seen = (0..8_190).collect();
        let mut more = sum.clone();
        more.variants.stable.seen = (9_000..9_002).collect();
        more.variants.canary.seen = (10_000..10_002).collect();
        sum.merge(&more);
        assert_eq!((sum.variants.canary.seen.len(), sum.variants.stable.seen.len()), (0, 8_190));
    }
}
