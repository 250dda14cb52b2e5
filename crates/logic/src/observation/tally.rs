//! An isolate's own counts, and the one message that is under way.

use std::rc::Rc;

use super::batch::{ArmSample, Batch, MAX_SEEN, Sample};
use super::units::Units;
use crate::rollout::Observation;
use crate::variant::Variant;

/// The first canary requests of an isolate are slow for being first: they say nothing about the canary's speed.
const WARM_UP: u32 = 20;

/// Failing keys in one message, an arm.
const MAX_FAILED: usize = 256;

/// Which request it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Which variant it was dealt.
    pub arm: Variant,
    /// Hash of its sticky key and the salt: what is counted once.
    pub unit: u32,
}

/// What an isolate has counted and not yet handed over.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    isolate: String,
    seq: u64,
    /// Sent, and perhaps taken: sent again as it is until somebody says so.
    under_way: Option<Rc<Batch>>,
    open: Option<Sample>,
    /// What is counted now, and what was before.
    present: Option<Observation>,
    past: Option<Observation>,
    /// Told already, in this step.
    told: Units,
    canary_requests: u32,
}

// === impl Tally ===

impl Tally {
    /// The tally of the isolate of this id.
    #[must_use]
    pub fn new(isolate: String) -> Self {
        Self { isolate, ..Self::default() }
    }

    /// The tally of an isolate whose id was drawn.
    #[must_use]
    pub fn of_random(id: [u8; 16]) -> Self {
        Self::new(hex::encode(id))
    }

    /// Counts one outcome, seen while `observation` was in force.
    pub fn record(&mut self, observation: &Observation, observed: Observed, failed: bool, latency_ms: f64) {
        if !self.counts(observation) {
            return;
        }
        let is_new = self.told.len() < MAX_SEEN && self.told.insert(observed.unit);
        let is_warm = match observed.arm {
            Variant::Canary => {
                self.canary_requests = self.canary_requests.saturating_add(1);
                self.canary_requests > WARM_UP
            }
            Variant::Stable => true,
        };
        let arms = &mut self.open(observation).arms;
        let arm: &mut ArmSample = match observed.arm {
            Variant::Canary => &mut arms.canary,
            Variant::Stable => &mut arms.stable,
        };
        arm.requests = arm.requests.saturating_add(1);
        if is_new {
            arm.seen.insert(observed.unit);
        }
        if failed {
            arm.failures = arm.failures.saturating_add(1);
            if arm.failed.len() < MAX_FAILED {
                arm.failed.insert(observed.unit);
            }
        } else if is_warm {
            arm.latency.record(latency_ms);
        }
    }

    /// Counts a canary request that the breaker sent to stable.
    pub fn divert(&mut self, observation: &Observation) {
        if self.counts(observation) {
            let open = self.open(observation);
            open.diverted = open.diverted.saturating_add(1);
        }
    }

    /// Notes that the breaker opened.
    pub fn open_breaker(&mut self, observation: &Observation) {
        if self.counts(observation) {
            self.open(observation).breaker_opened = true;
        }
    }

    /// Whether there is anything to hand over.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_none() && self.under_way.as_ref().is_none_or(|batch| batch.sample.is_none())
    }

    /// The message to send: the one that nobody confirmed, or a new one.
    pub fn flush(&mut self) -> Rc<Batch> {
        let Self { isolate, seq, under_way, open, .. } = self;
        let next = || {
            *seq = seq.saturating_add(1);
            Rc::new(Batch { from: isolate.clone(), seq: *seq, sample: open.take() })
        };
        under_way.get_or_insert_with(next).clone()
    }

    /// The message of this number was taken.
    pub fn delivered(&mut self, seq: u64) {
        self.under_way = self.under_way.take().filter(|batch| batch.seq != seq);
    }

    /// Whether this is what is counted now. A newer configuration takes its place, and what was counted under the old one is dropped: nobody
    /// would take it any more. An answer that took long is of an older one, and must not drop the counts of those since.
    fn counts(&mut self, observation: &Observation) -> bool {
        let is_older = |than: &Observation| {
            than.rollout_id == observation.rollout_id
                && (observation.attempt, observation.step) < (than.attempt, than.step)
        };
        match &self.present {
            Some(present) if present == observation => true,
            Some(present) if is_older(present) || self.past.as_ref() == Some(observation) => false,
            _ => {
                self.past = self.present.replace(observation.clone());
                self.open = None;
                self.told.clear();
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

    fn step(step: usize) -> Observation {
        Observation { rollout_id: "r".into(), attempt: 0, step }
    }

    fn canary(unit: u32) -> Observed {
        Observed { arm: Variant::Canary, unit }
    }

    #[test]
    fn a_visitor_is_told_once_and_a_failure_has_no_latency() {
        let mut tally = Tally::new("i".into());
        for _ in 0..3 {
            tally.record(&step(0), canary(5), true, 9.0);
        }
        tally.record(&step(0), Observed { arm: Variant::Stable, unit: 6 }, false, 9.0);
        let sample = tally.flush().sample.clone().unwrap();
        let (canary, stable) = (&sample.arms.canary, &sample.arms.stable);
        assert_eq!((canary.requests, canary.failures, canary.failed.len(), canary.seen.len()), (3, 3, 1, 1));
        assert_eq!((canary.latency.total(), stable.latency.total()), (0, 1));
    }

    #[test]
    fn a_thousand_failures_of_one_client_are_one_unit_of_evidence() {
        let mut tally = Tally::new("isolate".into());
        let observation = step(0);
        for _ in 0..1_000 {
            tally.record(&observation, canary(7), true, 1.0);
        }
        let arm = tally.flush().sample.clone().unwrap().arms.canary;
        assert_eq!((arm.failures, arm.failed), (1_000, vec![7].into()));
    }

    #[test]
    fn the_first_twenty_canary_requests_have_no_latency() {
        let mut tally = Tally::new("i".into());
        for unit in 0..25 {
            tally.record(&step(0), canary(unit), false, 9.0);
        }
        assert_eq!(tally.flush().sample.clone().unwrap().arms.canary.latency.total(), 5);
    }

    #[test]
    fn a_message_is_the_same_until_it_was_taken() {
        let mut tally = Tally::new("i".into());
        tally.record(&step(0), canary(1), false, 1.0);
        let first = tally.flush();
        tally.record(&step(0), canary(2), false, 1.0);
        assert_eq!(tally.flush(), first);
        tally.delivered(first.seq + 1);
        assert_eq!(tally.flush(), first);
        tally.delivered(first.seq);
        let second = tally.flush();
        assert_eq!((second.seq, second.sample.clone().unwrap().arms.canary.requests), (first.seq + 1, 1));
        tally.delivered(first.seq + 1);
        assert!(tally.is_empty());
    }

    #[test]
    fn an_answer_of_the_step_before_does_not_drop_what_was_counted_since() {
        let mut tally = Tally::new("i".into());
        tally.record(&step(0), canary(1), false, 1.0);
        tally.record(&step(1), canary(2), false, 1.0);
        tally.record(&step(0), canary(3), true, 30_000.0);
        tally.divert(&step(0));
        let sample = tally.flush().sample.clone().unwrap();
        assert_eq!((sample.observation.step, sample.arms.canary.requests, sample.arms.canary.failures), (1, 1, 0));
        // Nor after a flush, nor where the rollout is another one.
        tally.record(&step(0), canary(3), true, 30_000.0);
        let next = Observation { rollout_id: "s".into(), ..step(0) };
        tally.record(&next, canary(4), false, 1.0);
        tally.record(&step(1), canary(5), false, 1.0);
        tally.delivered(1);
        assert_eq!(tally.flush().sample.clone().unwrap().observation, next);
    }

    #[test]
    fn a_visitor_is_told_anew_in_each_step() {
        let mut tally = Tally::new("i".into());
        tally.record(&step(0), canary(5), false, 9.0);
        let seq = tally.flush().seq;
        tally.delivered(seq);
        tally.record(&step(1), canary(5), false, 9.0);
        assert_eq!(
            tally.flush().sample.clone().unwrap().arms.canary.seen.len(),
            1,
            "the controller counts them by step"
        );
    }

    #[test]
    fn what_belongs_to_the_step_before_is_dropped() {
        let mut tally = Tally::new("i".into());
        tally.record(&step(0), canary(1), false, 1.0);
        tally.record(&step(1), canary(2), false, 1.0);
        let sample = tally.flush().sample.clone().unwrap();
        assert_eq!((sample.observation.step, sample.arms.canary.requests), (1, 1));
    }
}
