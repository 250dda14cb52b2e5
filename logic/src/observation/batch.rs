//! The message that carries counts, over both hops. Its form is read by isolates and objects of other versions: fields are only ever
//! added.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::analysis::{Arms, Histogram};
use crate::rollout::Observation;

/// Failing sticky keys that an arm remembers. Each counts once; 256 a flush and 4,096 a rollout are plenty for the error test, which
/// has decided long before.
pub(crate) const MAX_FAILED: usize = 4_096;

/// Sticky keys seen for the first time that are remembered, of both arms together: a limit on one arm would tilt their ratio.
pub(crate) const MAX_SEEN: usize = 8_192;

/// A message. A sender numbers its messages, and sends one again until it was taken, so that each counts once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// An isolate's random id, or a shard's name.
    pub from: String,
    /// Grows by one with each message.
    pub seq: u64,
    /// None: nothing was observed; the sender only wants to hear what holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
}

/// What was observed under one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// What it belongs to.
    pub observation: Observation,
    /// The canary, and stable's control slice.
    pub arms: Arms<ArmSample>,
    /// An isolate's breaker opened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaker_opened: bool,
    /// Canary requests that a breaker sent to stable: in neither arm.
    #[serde(default)]
    pub diverted: u64,
}

/// One variant's part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArmSample {
    /// Answered or failed.
    pub requests: u64,
    /// Failed, rescued ones included.
    pub failures: u64,
    /// Hashes of sticky keys that failed, since the last message.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub failed: BTreeSet<u32>,
    /// Hashes of sticky keys that came for the first time, since the last message.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<u32>,
    /// Time to the response's headers.
    pub latency: Histogram,
}

// === impl Sample ===

impl Sample {
    /// Nothing yet.
    #[must_use]
    pub fn new(observation: Observation) -> Self {
        Self { observation, arms: Arms::default(), breaker_opened: false, diverted: 0 }
    }

    /// Adds what another sender observed under the same configuration.
    pub fn merge(&mut self, other: &Self) {
        let Self { observation: _, arms, breaker_opened, diverted } = other;
        let room = self.seen() + other.seen() <= MAX_SEEN;
        self.arms.canary.merge(&arms.canary, room);
        self.arms.stable.merge(&arms.stable, room);
        self.breaker_opened |= breaker_opened;
        self.diverted = self.diverted.saturating_add(*diverted);
    }

    pub(crate) fn seen(&self) -> usize {
        self.arms.canary.seen.len() + self.arms.stable.seen.len()
    }
}

// === impl ArmSample ===

impl ArmSample {
    fn merge(&mut self, other: &Self, room_for_seen: bool) {
        let Self { requests, failures, failed, seen, latency } = other;
        self.requests = self.requests.saturating_add(*requests);
        self.failures = self.failures.saturating_add(*failures);
        self.failed.extend(failed.iter().take(MAX_FAILED.saturating_sub(self.failed.len())));
        if room_for_seen {
            self.seen.extend(seen);
        }
        self.latency += latency;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_frozen() {
        let observation = Observation { rollout_id: "r1".into(), attempt: 0, step: 2 };
        let mut sample = Sample::new(observation);
        sample.arms.canary =
            ArmSample { requests: 3, failures: 1, failed: [7].into(), seen: [7, 9].into(), ..ArmSample::default() };
        sample.arms.canary.latency.record(10.0);
        let batch = Batch { from: "a".into(), seq: 4, sample: Some(sample) };
        let json = concat!(
            r#"{"from":"a","seq":4,"sample":{"observation":{"rolloutId":"r1","attempt":0,"step":2},"arms":{"#,
            r#""canary":{"requests":3,"failures":1,"failed":[7],"seen":[7,9],"latency":{"116":1}},"#,
            r#""stable":{"requests":0,"failures":0,"latency":{}}},"diverted":0}}"#
        );
        assert_eq!(
            serde_json::to_string(&batch).unwrap(),
            json,
            "isolates and shards of other versions speak this form"
        );
        assert_eq!(serde_json::from_str::<Batch>(json).unwrap(), batch);
    }

    #[test]
    fn merging_adds_and_a_key_counts_once() {
        let observation = Observation { rollout_id: "r1".into(), attempt: 0, step: 0 };
        let sample = |requests, failed: &[u32]| {
            let mut sample = Sample::new(observation.clone());
            let failed: BTreeSet<u32> = failed.iter().copied().collect();
            sample.arms.canary = ArmSample { requests, failures: requests, failed, ..ArmSample::default() };
            sample
        };
        let mut sum = sample(2, &[1, 2]);
        sum.merge(&sample(3, &[2, 3]));
        assert_eq!((sum.arms.canary.requests, sum.arms.canary.failed), (5, [1, 2, 3].into()));
        let mut full = sample(u64::MAX, &[]);
        full.merge(&sample(1, &[]));
        assert_eq!(full.arms.canary.requests, u64::MAX);
    }

    #[test]
    fn a_limit_never_cuts_one_arm_alone() {
        let mut sum = Sample::new(Observation { rollout_id: "r".into(), attempt: 0, step: 0 });
        sum.arms.stable.seen = (0..8_190).collect();
        let mut more = sum.clone();
        more.arms.stable.seen = (9_000..9_002).collect();
        more.arms.canary.seen = (10_000..10_002).collect();
        sum.merge(&more);
        assert_eq!((sum.arms.canary.seen.len(), sum.arms.stable.seen.len()), (0, 8_190));
    }
}
