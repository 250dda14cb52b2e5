//! One location's shard: ingests the batches of its isolates and reports them to the controller as one. So the controller is asked by
//! locations, not by isolates.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Sample};
use super::deduplicator::Deduplicator;
use crate::rollout::Overlay;
use crate::timestamp::Timestamp;

/// Everything a shard stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shard {
    received: Deduplicator,
    seq: u64,
    /// The report in flight. It is resent unchanged until the controller acknowledges it, so that retries are idempotent.
    in_flight: Option<Batch>,
    /// Outcomes for the next report.
    open: Option<Sample>,
    /// The controller's latest overlay.
    overlay: Option<Overlay>,
    /// When the controller was last asked.
    asked_at: Timestamp,
}

// === impl Shard ===

impl Shard {
    /// Counts a batch, unless it was counted before or its observation is over.
    pub fn ingest(&mut self, batch: &Batch, now: Timestamp) {
        let is_new = self.received.accept(&batch.from, batch.seq, now);
        let Some(sample) = batch.sample.as_ref().filter(|_| is_new) else { return };
        match &mut self.open {
            Some(open) if open.observation == sample.observation => open.merge(sample),
            // Isolates learn of an observation through this shard, so one that is not in the overlay is an older one.
            open if self.overlay.as_ref().is_none_or(|overlay| overlay.observes(&sample.observation)) => {
                *open = Some(sample.clone());
            }
            _ => {}
        }
    }

    /// Whether the controller may be asked again: at most once per `refresh`.
    pub fn is_due(&self, refresh: Duration, now: Timestamp) -> bool {
        now.since(self.asked_at) >= refresh || now < self.asked_at
    }

    /// Whether there are outcomes to report.
    pub fn has_news(&self) -> bool {
        self.open.is_some() || self.in_flight.as_ref().is_some_and(|report| report.sample.is_some())
    }

    /// The report to send at `now`: the one in flight, or a new one.
    pub fn report(&mut self, name: &str, now: Timestamp) -> Batch {
        self.asked_at = now;
        let Self { seq, in_flight, open, .. } = self;
        let next = || {
            *seq = seq.saturating_add(1);
            Batch { from: name.to_owned(), seq: *seq, sample: open.take() }
        };
        in_flight.get_or_insert_with(next).clone()
    }

    /// Ends the report of this number and adopts the overlay of the controller's answer. Answers may overtake each other, so an overlay of
    /// an older revision is dropped.
    pub fn acknowledge(&mut self, seq: u64, overlay: Overlay) {
        self.in_flight.take_if(|report| report.seq == seq);
        if self.overlay.as_ref().is_none_or(|known| overlay.revision >= known.revision) {
            self.overlay = Some(overlay);
        }
    }

    /// The overlay for isolates; none until the controller has answered once.
    pub fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Observation;

    fn batch(from: &str, seq: u64, step: usize, requests: u64) -> Batch {
        let mut sample = Sample::new(Observation { rollout_id: "r".into(), attempt: 0, step });
        sample.variants.canary.requests = requests;
        Batch { from: from.into(), seq, sample: Some(sample) }
    }

    fn reported(shard: &mut Shard, now: Timestamp) -> u64 {
        let report = shard.report("FRA", now);
        shard.acknowledge(report.seq, Overlay::default());
        report.sample.map_or(0, |sample| sample.variants.canary.requests)
    }

    #[test]
    fn repeated_and_unacknowledged_messages_count_once() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        for (from, seq) in [("a", 1), ("a", 1), ("b", 1), ("a", 2), ("b", 1)] {
            shard.ingest(&batch(from, seq, 0, 10), now);
        }
        let lost = shard.report("FRA", now);
        shard.ingest(&batch("b", 2, 0, 10), now);
        assert_eq!(shard.report("FRA", now), lost);
        assert_eq!(reported(&mut shard, now), 30);
        assert_eq!(reported(&mut shard, now), 10);
        assert!(!shard.has_news());
    }

    #[test]
    fn a_new_step_starts_from_zero_and_a_late_batch_of_the_old_one_is_dropped() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        shard.ingest(&batch("a", 1, 0, 10), now);
        let mut overlay = Overlay::default();
        overlay.rollout.observation = batch("", 0, 1, 0).sample.map(|sample| sample.observation);
        shard.acknowledge(0, overlay);
        shard.ingest(&batch("b", 1, 1, 7), now);
        shard.ingest(&batch("c", 1, 0, 100), now);
        assert_eq!(reported(&mut shard, now), 7);
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_replace_the_overlay() {
        let mut shard = Shard::default();
        let revision = |revision| Overlay { revision, ..Overlay::default() };
        shard.acknowledge(0, revision(2));
        shard.acknowledge(0, revision(1));
        assert_eq!(shard.overlay().unwrap().revision, 2);
    }

    #[test]
    fn the_controller_is_asked_once_per_refresh() {
        let (refresh, now) = (Duration::from_secs(5), Timestamp::from_seconds(100));
        let mut shard = Shard::default();
        assert!(shard.is_due(refresh, now));
        let _ = shard.report("FRA", now);
        assert!(!shard.is_due(refresh, now.after(Duration::from_secs(4))));
        assert!(shard.is_due(refresh, now.after(refresh)));
    }

    #[test]
    fn a_stored_shard_reads_back_as_it_was() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        shard.ingest(&batch("a", 1, 0, 10), now);
        let _ = shard.report("FRA", now);
        let stored = serde_json::to_string(&shard).unwrap();
        assert_eq!(serde_json::from_str::<Shard>(&stored).unwrap(), shard);
    }
}
