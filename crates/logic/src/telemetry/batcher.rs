//! One isolate's outcomes, collected into batches.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::batch::{Batch, MAX_SEEN, Sample, VariantSample};
use crate::rollout::Observation;
use crate::variant::Variant;

/// An isolate's first canary requests, whose latency is not counted: they wait for connections and compilation, which says nothing about the
/// canary's speed.
const WARM_UP: u32 = 20;

/// Failing sticky keys in one batch, for each variant.
const MAX_FAILED: usize = 256;

/// A request whose outcome counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The variant it was assigned to.
    pub variant: Variant,
    /// Hash of its sticky key and the salt. The analysis counts each hash once.
    pub key_hash: u32,
}

/// Collects an isolate's outcomes and hands them over in numbered batches, one at a time.
#[derive(Clone, Debug, Default)]
pub struct OutcomeBatcher {
    isolate: String,
    seq: u64,
    /// The batch in flight. It is resent unchanged until the shard acknowledges it, so that retries are idempotent.
    in_flight: Option<Rc<Batch>>,
    /// Outcomes for the next batch.
    open: Option<Sample>,
    /// The observation that is counted now.
    current: Option<Observation>,
    /// The observation that was counted before.
    previous: Option<Observation>,
    /// Key hashes that a batch of the current observation has carried.
    reported: BTreeSet<u32>,
    canary_requests: u32,
}

// === impl OutcomeBatcher ===

impl OutcomeBatcher {
    /// A batcher without outcomes, for the isolate of this id.
    pub fn new(isolate: String) -> Self {
        Self { isolate, ..Self::default() }
    }

    /// A batcher without outcomes, for an isolate with a random id.
    pub fn of_random(id: [u8; 16]) -> Self {
        Self::new(hex::encode(id))
    }

    /// Counts one outcome, seen while `observation` was in force.
    pub fn record(&mut self, observation: &Observation, observed: Observed, failed: bool, latency_ms: f64) {
        if !self.counts(observation) {
            return;
        }
        let Observed { variant, key_hash } = observed;
        let is_new = self.reported.len() < MAX_SEEN && self.reported.insert(key_hash);
        let is_warm = match variant {
            Variant::Canary => {
                self.canary_requests = self.canary_requests.saturating_add(1);
                self.canary_requests > WARM_UP
            }
            Variant::Stable => true,
        };
        let variants = &mut self.open(observation).variants;
        let sample: &mut VariantSample = match variant {
            Variant::Canary => &mut variants.canary,
            Variant::Stable => &mut variants.stable,
        };
        sample.requests = sample.requests.saturating_add(1);
        if is_new {
            sample.seen.insert(key_hash);
        }
        if failed {
            sample.failures = sample.failures.saturating_add(1);
            if sample.failed.len() < MAX_FAILED {
                sample.failed.insert(key_hash);
            }
        } else if is_warm {
            sample.latency.record(latency_ms);
        }
    }

    /// Counts a body that broke off as a failure of the request, which `record` has counted as answered.
    pub fn record_broken_body(&mut self, observation: &Observation, observed: Observed) {
        if !self.counts(observation) {
            return;
        }
        let variants = &mut self.open(observation).variants;
        let sample: &mut VariantSample = match observed.variant {
            Variant::Canary => &mut variants.canary,
            Variant::Stable => &mut variants.stable,
        };
        sample.failures = sample.failures.saturating_add(1);
        if sample.failed.len() < MAX_FAILED {
            sample.failed.insert(observed.key_hash);
        }
    }

    /// Counts a canary request that the breaker sent to stable.
    pub fn short_circuit(&mut self, observation: &Observation) {
        if self.counts(observation) {
            let open = self.open(observation);
            open.short_circuited = open.short_circuited.saturating_add(1);
        }
    }

    /// Records that the breaker opened.
    pub fn open_breaker(&mut self, observation: &Observation) {
        if self.counts(observation) {
            self.open(observation).breaker_opened = true;
        }
    }

    /// Whether there are no outcomes to hand over.
    pub fn is_empty(&self) -> bool {
        self.open.is_none() && self.in_flight.as_ref().is_none_or(|batch| batch.sample.is_none())
    }

    /// The batch to send: the one in flight, or a new one.
    pub fn flush(&mut self) -> Rc<Batch> {
        let Self { isolate, seq, in_flight, open, .. } = self;
        let next = || {
            *seq = seq.saturating_add(1);
            Rc::new(Batch { from: isolate.clone(), seq: *seq, sample: open.take(), ..Batch::default() })
        };
        in_flight.get_or_insert_with(next).clone()
    }

    /// Ends the batch of this number: the shard has it.
    pub fn acknowledge(&mut self, seq: u64) {
        self.in_flight.take_if(|batch| batch.seq == seq);
    }

    /// Whether outcomes of `observation` count. A newer observation replaces the current one and drops its open counts, because the controller
    /// no longer accepts them. An outcome that took long may belong to an older observation; it must not drop the counts since.
    fn counts(&mut self, observation: &Observation) -> bool {
        let is_older = |than: &Observation| {
            than.rollout_id == observation.rollout_id
                && (observation.attempt, observation.step) < (than.attempt, than.step)
        };
        match &self.current {
            Some(current) if current == observation => true,
            Some(current) if is_older(current) || self.previous.as_ref() == Some(observation) => false,
            _ => {
                self.previous = self.current.replace(observation.clone());
                self.open = None;
                self.reported.clear();
                true
            }
        }
    }

    fn open(&mut self, observation: &Observation) -> &mut Sample {
        self.open.get_or_insert_with(|| Sample::new(observation.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::PerVariant;

    fn step(step: usize) -> Observation {
        Observation { rollout_id: "r".into(), attempt: 0, step }
    }

    fn canary(key_hash: u32) -> Observed {
        Observed { variant: Variant::Canary, key_hash }
    }

    fn flushed(batcher: &mut OutcomeBatcher) -> Sample {
        batcher.flush().sample.clone().unwrap()
    }

    #[test]
    fn a_visitor_is_reported_once_and_a_failure_has_no_latency() {
        let mut batcher = OutcomeBatcher::new("i".into());
        for _ in 0..3 {
            batcher.record(&step(0), canary(5), true, 9.0);
        }
        batcher.record(&step(0), Observed { variant: Variant::Stable, key_hash: 6 }, false, 9.0);
        let PerVariant { canary, stable } = flushed(&mut batcher).variants;
        assert_eq!((canary.requests, canary.failures, canary.failed.len(), canary.seen.len()), (3, 3, 1, 1));
        assert_eq!((canary.latency.total(), stable.latency.total()), (0, 1));
    }

    #[test]
    fn a_thousand_failures_of_one_client_are_one_piece_of_evidence() {
        let mut batcher = OutcomeBatcher::new("isolate".into());
        for _ in 0..1_000 {
            batcher.record(&step(0), canary(7), true, 1.0);
        }
        let canary = flushed(&mut batcher).variants.canary;
        assert_eq!((canary.failures, canary.failed), (1_000, [7].into()));
    }

    #[test]
    fn a_body_that_broke_off_makes_its_answered_request_a_failed_one() {
        let mut batcher = OutcomeBatcher::new("i".into());
        batcher.record(&step(0), canary(5), false, 9.0);
        batcher.record_broken_body(&step(0), canary(5));
        let canary = flushed(&mut batcher).variants.canary;
        assert_eq!((canary.requests, canary.failures, canary.failed), (1, 1, [5].into()));
    }

    #[test]
    fn the_first_twenty_canary_requests_have_no_latency() {
        let mut batcher = OutcomeBatcher::new("i".into());
        for key_hash in 0..25 {
            batcher.record(&step(0), canary(key_hash), false, 9.0);
        }
        assert_eq!(flushed(&mut batcher).variants.canary.latency.total(), 5);
    }

    #[test]
    fn a_batch_stays_the_same_until_it_is_acknowledged() {
        let mut batcher = OutcomeBatcher::new("i".into());
        batcher.record(&step(0), canary(1), false, 1.0);
        let first = batcher.flush();
        batcher.record(&step(0), canary(2), false, 1.0);
        assert_eq!(batcher.flush(), first);
        batcher.acknowledge(first.seq + 1);
        assert_eq!(batcher.flush(), first);
        batcher.acknowledge(first.seq);
        let second = batcher.flush();
        assert_eq!((second.seq, second.sample.clone().unwrap().variants.canary.requests), (first.seq + 1, 1));
        batcher.acknowledge(first.seq + 1);
        assert!(batcher.is_empty());
    }

    #[test]
    fn a_late_outcome_of_the_step_before_does_not_drop_the_counts_since() {
        let mut batcher = OutcomeBatcher::new("i".into());
        batcher.record(&step(0), canary(1), false, 1.0);
        batcher.record(&step(1), canary(2), false, 1.0);
        batcher.record(&step(0), canary(3), true, 30_000.0);
        batcher.short_circuit(&step(0));
        let sample = flushed(&mut batcher);
        let canary_sample = &sample.variants.canary;
        assert_eq!((sample.observation.step, canary_sample.requests, canary_sample.failures), (1, 1, 0));
        // Nor after a flush, nor where the rollout is another one.
        batcher.record(&step(0), canary(3), true, 30_000.0);
        let next = Observation { rollout_id: "s".into(), ..step(0) };
        batcher.record(&next, canary(4), false, 1.0);
        batcher.record(&step(1), canary(5), false, 1.0);
        batcher.acknowledge(1);
        assert_eq!(flushed(&mut batcher).observation, next);
    }

    #[test]
    fn a_visitor_is_reported_again_in_each_step() {
        let mut batcher = OutcomeBatcher::new("i".into());
        batcher.record(&step(0), canary(5), false, 9.0);
        let seq = batcher.flush().seq;
        batcher.acknowledge(seq);
        batcher.record(&step(1), canary(5), false, 9.0);
        assert_eq!(flushed(&mut batcher).variants.canary.seen.len(), 1, "the controller counts visitors by step");
    }

    #[test]
    fn counts_of_the_step_before_are_dropped() {
        let mut batcher = OutcomeBatcher::new("i".into());
        batcher.record(&step(0), canary(1), false, 1.0);
        batcher.record(&step(1), canary(2), false, 1.0);
        let sample = flushed(&mut batcher);
        assert_eq!((sample.observation.step, sample.variants.canary.requests), (1, 1));
    }
}
