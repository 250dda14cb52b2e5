//! Counts that shards reported since the last tick: each report once, each failing visitor once.

use std::collections::BTreeSet;
use std::mem;

use serde::{Deserialize, Serialize};

use crate::analysis::{Counts, Histogram, PerVariant, Tick};
use crate::rollout::Observation;
use crate::telemetry::{Batch, Deduplicator, Sample, VariantSample};
use crate::timestamp::Timestamp;

/// Sticky keys that a variant remembers: failing ones of the rollout, and first-seen ones of the step. Past that, a failure is no longer
/// known to be a first one and does not count, nor does a visitor.
const MAX_KEPT: usize = 4_096;

/// Counts for the next tick, and the memory that makes each count once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsBuffer {
    received: Deduplicator,
    /// The observation that is counted now.
    observation: Option<Observation>,
    open: PerVariant<OpenCounts>,
    breaker_opened_at: Option<Timestamp>,
    last_report_at: Option<Timestamp>,
    /// Canary requests that breakers sent to stable in this step.
    short_circuited: u64,
    /// The ones among them since the last tick.
    newly_short_circuited: u64,
}

/// One variant's counts since the last tick, and the sticky keys that it remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OpenCounts {
    requests: u64,
    failures: u64,
    first_failures: u64,
    first_seen: u64,
    latency: Histogram,
    failed: BTreeSet<u32>,
    seen: BTreeSet<u32>,
}

// === impl MetricsBuffer ===

impl MetricsBuffer {
    /// Makes `observation` the only one that counts. Open counts of the one before are dropped.
    pub(super) fn observe(&mut self, observation: Option<&Observation>) {
        if self.observation.as_ref() == observation {
            return;
        }
        let same_canary = |one: &Observation, other: &Observation| {
            (&one.rollout_id, one.attempt) == (&other.rollout_id, other.attempt)
        };
        let goes_on = self.observation.as_ref().zip(observation).is_some_and(|(one, other)| same_canary(one, other));
        for open in [&mut self.open.canary, &mut self.open.stable] {
            // A visitor may change variants with the step, but a first failure counts once a rollout.
            let failed = if goes_on { mem::take(&mut open.failed) } else { BTreeSet::new() };
            *open = OpenCounts { failed, ..OpenCounts::default() };
        }
        if !goes_on {
            (self.breaker_opened_at, self.last_report_at) = (None, None);
        }
        (self.short_circuited, self.newly_short_circuited) = (0, 0);
        self.observation = observation.cloned();
    }

    /// Counts a report; false if it was counted before.
    pub fn ingest(&mut self, report: &Batch, now: Timestamp) -> bool {
        if !self.received.accept(&report.from, report.seq, now) {
            return false;
        }
        // A report without counts shows that the shard is alive.
        self.last_report_at = Some(now);
        let is_observed = |sample: &&Sample| self.observation.as_ref() == Some(&sample.observation);
        if let Some(sample) = report.sample.as_ref().filter(is_observed) {
            let has_room = self.open.canary.seen.len() + self.open.stable.seen.len() + sample.seen() <= 2 * MAX_KEPT;
            self.open.canary.add(&sample.variants.canary, has_room);
            self.open.stable.add(&sample.variants.stable, has_room);
            self.short_circuited = self.short_circuited.saturating_add(sample.short_circuited);
            self.newly_short_circuited = self.newly_short_circuited.saturating_add(sample.short_circuited);
            if sample.breaker_opened {
                self.breaker_opened_at = Some(now);
            }
        }
        true
    }

    /// Takes the counts since the last tick.
    pub(super) fn close_tick(&mut self, split: PerVariant<u64>) -> Tick {
        let (canary, stable) = (self.open.canary.close(), self.open.stable.close());
        Tick {
            counts: PerVariant::new(canary.0, stable.0),
            latency: PerVariant::new(canary.1, stable.1),
            assigned: PerVariant::new(canary.2, stable.2),
            split,
            short_circuited: mem::take(&mut self.newly_short_circuited),
        }
    }

    /// Time of the last report of a shard.
    pub fn last_report_at(&self) -> Option<Timestamp> {
        self.last_report_at
    }

    /// Time at which an isolate's breaker last opened.
    pub fn breaker_opened_at(&self) -> Option<Timestamp> {
        self.breaker_opened_at
    }

    /// Canary requests that breakers sent to stable in this step.
    pub fn short_circuited(&self) -> u64 {
        self.short_circuited
    }

    /// Number of locations that report.
    pub fn locations(&self) -> usize {
        self.received.senders()
    }

    /// Names of the locations that report.
    pub(super) fn location_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.received.names()
    }
}

// === impl OpenCounts ===

impl OpenCounts {
    fn add(&mut self, sample: &VariantSample, has_room_for_seen: bool) {
        self.requests = self.requests.saturating_add(sample.requests);
        self.failures = self.failures.saturating_add(sample.failures);
        self.latency += &sample.latency;
        for key_hash in &sample.failed {
            if self.failed.len() < MAX_KEPT && self.failed.insert(*key_hash) {
                self.first_failures = self.first_failures.saturating_add(1);
            }
        }
        if has_room_for_seen {
            let new = sample.seen.iter().filter(|key_hash| self.seen.insert(**key_hash)).count();
            self.first_seen = self.first_seen.saturating_add(new as u64);
        }
    }

    fn close(&mut self) -> (Counts, Histogram, u64) {
        let counts = Counts::sticky(self.requests, self.failures, self.first_failures);
        let (failed, seen) = (mem::take(&mut self.failed), mem::take(&mut self.seen));
        let closed = mem::replace(self, Self { failed, seen, ..Self::default() });
        (counts, closed.latency, closed.first_seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: usize) -> Observation {
        Observation { rollout_id: "r".into(), attempt: 0, step }
    }

    fn report(seq: u64, step: usize, failed: &[u32]) -> Batch {
        let mut sample = Sample::new(at(step));
        let keys: BTreeSet<u32> = failed.iter().copied().collect();
        let failures = failed.len() as u64;
        sample.variants.canary =
            VariantSample { requests: 10, failures, failed: keys.clone(), seen: keys, ..VariantSample::default() };
        Batch { from: "FRA".into(), seq, sample: Some(sample), ..Batch::default() }
    }

    fn tick(metrics: &mut MetricsBuffer) -> (Counts, u64) {
        let tick = metrics.close_tick(PerVariant::new(5_000, 20_000));
        (tick.counts.canary, tick.assigned.canary)
    }

    #[test]
    fn a_report_counts_once_and_so_does_a_failing_visitor() {
        let now = Timestamp::from_seconds(9);
        let mut metrics = MetricsBuffer::default();
        metrics.observe(Some(&at(0)));
        assert!(metrics.ingest(&report(1, 0, &[1, 2]), now));
        assert!(!metrics.ingest(&report(1, 0, &[1, 2]), now));
        assert_eq!(tick(&mut metrics), (Counts::sticky(10, 2, 2), 2));
        metrics.ingest(&report(2, 0, &[2, 3]), now);
        assert_eq!(tick(&mut metrics), (Counts::sticky(10, 2, 1), 1));
        assert_eq!(tick(&mut metrics), (Counts::default(), 0));
    }

    #[test]
    fn a_report_of_another_step_does_not_count() {
        let now = Timestamp::from_seconds(9);
        let mut metrics = MetricsBuffer::default();
        metrics.observe(Some(&at(0)));
        metrics.ingest(&report(1, 0, &[1]), now);
        metrics.observe(Some(&at(1)));
        metrics.ingest(&report(2, 0, &[2]), now);
        assert_eq!(tick(&mut metrics).0.requests(), 0);
        metrics.ingest(&report(3, 1, &[1, 4]), now);
        assert_eq!(tick(&mut metrics).0, Counts::sticky(10, 2, 1), "visitor 1 failed in the step before");
        metrics.observe(None);
        metrics.ingest(&report(4, 1, &[5]), now);
        assert_eq!(tick(&mut metrics).0.requests(), 0);
    }
}
