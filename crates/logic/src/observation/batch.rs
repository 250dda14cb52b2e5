//! The message that carries counts, over both hops. Its form is read by isolates and objects of other versions: fields are only ever
//! added.

use core::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use super::units::Units;
use crate::analysis::{Arms, Histogram};
use crate::json;
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
    #[serde(skip_serializing_if = "Units::is_empty")]
    pub failed: Units,
    /// Hashes of sticky keys that came for the first time, since the last message.
    #[serde(skip_serializing_if = "Units::is_empty")]
    pub seen: Units,
    /// Time to the response's headers.
    pub latency: Histogram,
}

// === impl Batch ===

impl Batch {
    /// As serde writes it. By hand, because isolates send it and what serde would make of it is a tenth of the request path's code.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut json);
        json
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let Self { from, seq, sample } = self;
        write!(out, r#"{{"from":{},"seq":{seq}"#, json::text(from))?;
        if let Some(sample) = sample {
            out.push_str(r#","sample":"#);
            sample.write(out)?;
        }
        out.push('}');
        Ok(())
    }
}

// === impl Sample ===

impl Sample {
    /// Nothing yet.
    #[must_use]
    pub fn new(observation: Observation) -> Self {
        Self { observation, arms: Arms::default(), breaker_opened: false, diverted: 0 }
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let Self { observation: Observation { rollout_id, attempt, step }, arms, breaker_opened, diverted } = self;
        let rollout_id = json::text(rollout_id);
        write!(out, r#"{{"observation":{{"rolloutId":{rollout_id},"attempt":{attempt},"step":{step}}}"#)?;
        out.push_str(r#","arms":{"canary":"#);
        arms.canary.write(out)?;
        out.push_str(r#","stable":"#);
        arms.stable.write(out)?;
        out.push('}');
        if *breaker_opened {
            out.push_str(r#","breakerOpened":true"#);
        }
        write!(out, r#","diverted":{diverted}}}"#)
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
    fn write(&self, out: &mut String) -> fmt::Result {
        let Self { requests, failures, failed, seen, latency } = self;
        write!(out, r#"{{"requests":{requests},"failures":{failures}"#)?;
        for (name, units) in [("failed", failed), ("seen", seen)] {
            if !units.is_empty() {
                write!(out, r#","{name}":["#)?;
                for (place, unit) in units.iter().enumerate() {
                    write!(out, "{}{unit}", if place > 0 { "," } else { "" })?;
                }
                out.push(']');
            }
        }
        out.push_str(r#","latency":{"#);
        for (place, (bucket, count)) in latency.buckets().enumerate() {
            write!(out, r#"{}"{bucket}":{count}"#, if place > 0 { "," } else { "" })?;
        }
        out.push_str("}}");
        Ok(())
    }

    fn merge(&mut self, other: &Self, room_for_seen: bool) {
        let Self { requests, failures, failed, seen, latency } = other;
        self.requests = self.requests.saturating_add(*requests);
        self.failures = self.failures.saturating_add(*failures);
        self.failed.extend(failed.iter().take(MAX_FAILED.saturating_sub(self.failed.len())));
        if room_for_seen {
            self.seen.extend(seen.iter());
        }
        self.latency += latency;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arm() -> impl Strategy<Value = ArmSample> {
        let units = || prop::collection::vec(any::<u32>(), 0..3).prop_map(Units::from);
        let buckets = prop::collection::btree_map(0_u16..480, 1_u64..9, 0..3);
        (any::<(u64, u64)>(), units(), units(), buckets).prop_map(|((requests, failures), failed, seen, buckets)| {
            let latency = Histogram::try_from(buckets).unwrap();
            ArmSample { requests, failures, failed, seen, latency }
        })
    }

    proptest! {
        #[test]
        fn what_an_isolate_writes_is_what_serde_would(
            from in ".{0,8}", seq: u64, (rollout_id, attempt, step) in ("[a-z\"]{0,4}", any::<u32>(), 0_usize..30),
            canary in arm(), stable in arm(), breaker_opened: bool, diverted: u64, is_empty: bool,
        ) {
            let observation = Observation { rollout_id, attempt, step };
            let sample = Sample { observation, arms: Arms::new(canary, stable), breaker_opened, diverted };
            let batch = Batch { from, seq, sample: (!is_empty).then_some(sample) };
            prop_assert_eq!(batch.to_json(), serde_json::to_string(&batch).unwrap());
        }
    }

    #[test]
    fn the_wire_form_is_frozen() {
        let observation = Observation { rollout_id: "r1".into(), attempt: 0, step: 2 };
        let mut sample = Sample::new(observation);
        sample.arms.canary = ArmSample {
            requests: 3,
            failures: 1,
            failed: vec![7].into(),
            seen: vec![7, 9].into(),
            ..ArmSample::default()
        };
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
            let failed: Units = failed.iter().copied().collect();
            sample.arms.canary = ArmSample { requests, failures: requests, failed, ..ArmSample::default() };
            sample
        };
        let mut sum = sample(2, &[1, 2]);
        sum.merge(&sample(3, &[2, 3]));
        assert_eq!((sum.arms.canary.requests, sum.arms.canary.failed), (5, vec![1, 2, 3].into()));
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
