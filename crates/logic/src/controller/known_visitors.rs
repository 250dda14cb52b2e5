//! Visitors that the analysis has counted, so that each counts once. Only a tick reads and changes them: they are large after an incident,
//! and reports come more often.

use serde::{Deserialize, Serialize};

use crate::analysis::{PerVariant, SlowVisitors};
use crate::rollout::Observation;
use crate::visitors::{KeySet, Marks};

/// Failing visitors of a rollout, and slow visitors of a step, that are remembered.
const MAX_KNOWN: usize = 65_536;

/// First-seen visitors of a step that are remembered. They serve the sample ratio alone.
const MAX_SEEN: usize = 4_096;

/// The visitors that were counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownVisitors {
    /// The observation of the visitors.
    pub scope: KnownScope,
    /// Visitors that failed in the rollout.
    pub failed: KeySet,
    /// Visitors that were slow in the step.
    pub slow: KeySet,
    /// Visitors that were seen in the step.
    pub seen: KeySet,
    /// Visitors of the rollout with a pair of answers of which one was worse.
    pub worse: KeySet,
    /// Visitors of the rollout with a pair of answers whose times were compared.
    pub slower: KeySet,
}

/// The observation that the visitors were counted for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KnownScope(Option<Observation>);

/// Visitors since the last tick, by what counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NewVisitors {
    pub(super) failed: PerVariant<u64>,
    pub(super) seen: PerVariant<u64>,
    pub(super) slow: PerVariant<SlowVisitors>,
}

// === impl KnownVisitors ===

impl KnownVisitors {
    /// Forgets what does not belong to `observation`: a first failure counts once a rollout, a first slow answer once a step, because a
    /// visitor may change variants with the step.
    pub(super) fn observe(&mut self, observation: Option<&Observation>) {
        let Some(observation) = observation else { return };
        let KnownScope(before) = &self.scope;
        if before.as_ref() == Some(observation) {
            return;
        }
        let same_canary = |before: &Observation| {
            (&before.rollout_id, before.attempt) == (&observation.rollout_id, observation.attempt)
        };
        if !before.as_ref().is_some_and(same_canary) {
            self.failed = KeySet::default();
            self.worse = KeySet::default();
            self.slower = KeySet::default();
        }
        self.slow = KeySet::default();
        self.seen = KeySet::default();
        self.scope = KnownScope(Some(observation.clone()));
    }

    /// Remembers visitors, and counts what is new of them.
    pub(super) fn count(&mut self, failed: &KeySet, slow: &KeySet, seen: &KeySet) -> NewVisitors {
        let mut new = NewVisitors::default();
        for (key, entry) in failed.iter() {
            let marks = self.failed.offer(key, entry, MAX_KNOWN);
            *new.failed.get_mut(entry.variant) += u64::from(!marks.is_empty());
        }
        for (key, entry) in seen.iter() {
            let marks = self.seen.offer(key, entry, MAX_SEEN);
            *new.seen.get_mut(entry.variant) += u64::from(!marks.is_empty());
        }
        for (key, entry) in slow.iter() {
            let marks = self.slow.offer(key, entry, MAX_KNOWN);
            let counts = new.slow.get_mut(entry.variant);
            counts.p95 += u64::from(marks.contains(Marks::SLOWER_THAN_P95));
            counts.p99 += u64::from(marks.contains(Marks::SLOWER_THAN_P99));
            counts.ceiling += u64::from(marks.contains(Marks::ABOVE_CEILING));
        }
        new
    }

    /// Remembers visitors of pairs, and counts what is new of them: by the variant of the worse answer, and of the slower one.
    pub(super) fn count_pairs(&mut self, worse: &KeySet, slower: &KeySet) -> [PerVariant<u64>; 2] {
        [(worse, &mut self.worse), (slower, &mut self.slower)].map(|(set, known)| {
            let mut new = PerVariant::default();
            for (key, entry) in set.iter() {
                let marks = known.offer(key, entry, MAX_KNOWN);
                *new.get_mut(entry.variant) += u64::from(!marks.is_empty());
            }
            new
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::Variant;
    use crate::visitors::{Entry, Network};

    fn of(keys: impl IntoIterator<Item = u32>, variant: Variant, marks: Marks) -> KeySet {
        let mut set = KeySet::default();
        for key in keys {
            set.offer(key, Entry { variant, network: Network::UNKNOWN, marks }, usize::MAX);
        }
        set
    }

    fn at(rollout_id: &str, step: usize) -> Observation {
        Observation { rollout_id: rollout_id.into(), attempt: 0, step }
    }

    #[test]
    fn a_failure_counts_once_a_rollout_and_a_slow_answer_once_a_step() {
        let (failed, slow) =
            (of([1, 2], Variant::Canary, Marks::FAILED), of([1], Variant::Canary, Marks::SLOWER_THAN_P95));
        let mut known = KnownVisitors::default();
        let mut counted = |observation: &Observation| {
            known.observe(Some(observation));
            let new = known.count(&failed, &slow, &failed);
            (new.failed.canary, new.slow.canary.p95, new.seen.canary)
        };
        assert_eq!(counted(&at("r", 0)), (2, 1, 2));
        assert_eq!(counted(&at("r", 0)), (0, 0, 0));
        assert_eq!(counted(&at("r", 1)), (0, 1, 2));
        assert_eq!(counted(&at("s", 0)), (2, 1, 2));
    }

    #[test]
    fn the_first_pair_of_a_visitor_counts_once_a_rollout_whatever_later_ones_say() {
        let of = |variant| of([1, 2], variant, Marks::SEEN);
        let mut known = KnownVisitors::default();
        let mut counted = |observation: &Observation, variant| {
            known.observe(Some(observation));
            known.count_pairs(&of(variant), &KeySet::default())[0]
        };
        assert_eq!(counted(&at("r", 0), Variant::Canary), PerVariant::new(2, 0));
        assert_eq!(counted(&at("r", 1), Variant::Stable), PerVariant::default());
        assert_eq!(counted(&at("s", 0), Variant::Stable), PerVariant::new(0, 2));
    }

    #[test]
    fn a_visitor_who_is_slower_still_counts_for_the_p99_alone() {
        let mut known = KnownVisitors::default();
        let none = KeySet::default();
        let slow = of([1], Variant::Stable, Marks::SLOWER_THAN_P95);
        assert_eq!(known.count(&none, &slow, &none).slow.stable, SlowVisitors { p95: 1, p99: 0, ceiling: 0 });
        let slower = of([1], Variant::Stable, Marks::SLOWER_THAN_P95 | Marks::SLOWER_THAN_P99);
        assert_eq!(known.count(&none, &slower, &none).slow.stable, SlowVisitors { p95: 0, p99: 1, ceiling: 0 });
    }

    #[test]
    fn the_memory_is_bounded_and_fits_a_row() {
        let mut known = KnownVisitors::default();
        let none = KeySet::default();
        known.count(&of(0..70_000, Variant::Canary, Marks::FAILED), &none, &none);
        assert_eq!(known.failed.len(), 65_536);
        let stored = serde_json::to_string(&known.failed).unwrap();
        assert!(stored.len() < 1_000_000, "{} bytes; a row of SQLite takes two million", stored.len());
    }
}
