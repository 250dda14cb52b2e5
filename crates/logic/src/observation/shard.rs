//! A shard: it takes the batches of one location's isolates, and hands them on to the controller as one report. So the controller is
//! asked by locations, not by isolates.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Sample};
use super::ledger::Ledger;
use crate::policy::Overlay;
use crate::timestamp::Timestamp;

/// All that a shard stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shard {
    ledger: Ledger,
    seq: u64,
    under_way: Option<Batch>,
    open: Option<Sample>,
    /// What the controller said last.
    overlay: Option<Overlay>,
    asked_at: Timestamp,
}

impl Shard {
    /// Takes a batch in, unless it was before, or nobody observes what it is about any more.
    pub fn absorb(&mut self, batch: &Batch, now: Timestamp) {
        let is_new = self.ledger.take(&batch.from, batch.seq, now);
        let Some(sample) = batch.sample.as_ref().filter(|_| is_new) else { return };
        match &mut self.open {
            Some(open) if open.observation == sample.observation => open.merge(sample),
            // Isolates hear of a configuration through here: what is not in force here is older.
            open if self.overlay.as_ref().is_none_or(|overlay| overlay.observes(&sample.observation)) => {
                *open = Some(sample.clone());
            }
            _ => {}
        }
    }

    /// Whether the controller may be asked again: at most once per `refresh`.
    #[must_use]
    pub fn is_due(&self, refresh: Duration, now: Timestamp) -> bool {
        now.since(self.asked_at) >= refresh || now < self.asked_at
    }

    /// Whether there is anything to report.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.open.is_some() || self.under_way.as_ref().is_some_and(|report| report.sample.is_some())
    }

    /// The report to send at `now`: the one that nobody confirmed, or a new one.
    pub fn report(&mut self, name: &str, now: Timestamp) -> Batch {
        self.asked_at = now;
        let Self { seq, under_way, open, .. } = self;
        let next = || {
            *seq = seq.saturating_add(1);
            Batch { from: name.to_owned(), seq: *seq, sample: open.take() }
        };
        under_way.get_or_insert_with(next).clone()
    }

    /// The report of this number was taken, and this is what holds; unless something newer was heard since, as answers may overtake
    /// each other.
    pub fn answered(&mut self, seq: u64, overlay: Overlay) {
        self.under_way = self.under_way.take().filter(|report| report.seq != seq);
        if self.overlay.as_ref().is_none_or(|known| overlay.revision >= known.revision) {
            self.overlay = Some(overlay);
        }
    }

    /// What isolates are to know; none: the controller has not been heard yet.
    #[must_use]
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
        sample.arms.canary.requests = requests;
        Batch { from: from.into(), seq, sample: Some(sample) }
    }

    fn reported(shard: &mut Shard, now: Timestamp) -> u64 {
        let report = shard.report("FRA", now);
        shard.answered(report.seq, Overlay::default());
        report.sample.map_or(0, |sample| sample.arms.canary.requests)
    }

    #[test]
    fn doubled_and_unconfirmed_messages_count_once() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        for (from, seq) in [("a", 1), ("a", 1), ("b", 1), ("a", 2), ("b", 1)] {
            shard.absorb(&batch(from, seq, 0, 10), now);
        }
        let lost = shard.report("FRA", now);
        shard.absorb(&batch("b", 2, 0, 10), now);
        assert_eq!(shard.report("FRA", now), lost);
        assert_eq!(reported(&mut shard, now), 30);
        assert_eq!(reported(&mut shard, now), 10);
        assert!(!shard.has_news());
    }

    #[test]
    fn a_new_step_starts_anew_and_a_late_batch_of_the_old_one_is_dropped() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        shard.absorb(&batch("a", 1, 0, 10), now);
        let mut overlay = Overlay::default();
        overlay.rollout.observation = batch("", 0, 1, 0).sample.map(|sample| sample.observation);
        shard.answered(0, overlay);
        shard.absorb(&batch("b", 1, 1, 7), now);
        shard.absorb(&batch("c", 1, 0, 100), now);
        assert_eq!(reported(&mut shard, now), 7);
    }

    #[test]
    fn an_answer_that_was_overtaken_says_nothing_new() {
        let mut shard = Shard::default();
        let revision = |revision| Overlay { revision, ..Overlay::default() };
        shard.answered(0, revision(2));
        shard.answered(0, revision(1));
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
    fn what_was_stored_goes_on_where_it_was() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        shard.absorb(&batch("a", 1, 0, 10), now);
        let _ = shard.report("FRA", now);
        let stored = serde_json::to_string(&shard).unwrap();
        assert_eq!(serde_json::from_str::<Shard>(&stored).unwrap(), shard);
    }
}
