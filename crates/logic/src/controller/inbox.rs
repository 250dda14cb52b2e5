//! What shards reported since the last tick, each report once, each failing visitor once.

use serde::{Deserialize, Serialize};

use crate::analysis::{Arms, Counts, Histogram, Tick};
use crate::observation::{ArmSample, Batch, Ledger, Sample, Units};
use crate::rollout::Observation;
use crate::timestamp::Timestamp;

/// Sticky keys that are remembered for a rollout, an arm: failing ones, and first-seen ones. Past that, a failure is no longer known to
/// be a first one and does not count, nor does a visitor.
const MAX_KEPT: usize = 4_096;

/// Reports and what is remembered to count each thing once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Inbox {
    ledger: Ledger,
    /// What is counted now.
    observation: Option<Observation>,
    open: Arms<Open>,
    breaker_opened_at: Option<Timestamp>,
    last_report_at: Option<Timestamp>,
    /// Canary requests that breakers sent to stable, in this step.
    diverted: u64,
    /// Of these, those since the last tick.
    newly_diverted: u64,
}

/// An arm since the last tick, and what it remembers of the rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Open {
    requests: u64,
    failures: u64,
    first_failures: u64,
    first_seen: u64,
    latency: Histogram,
    failed: Units,
    seen: Units,
}

// === impl Inbox ===

impl Inbox {
    /// From now on only this is counted. What one step has open is dropped with the step.
    pub(super) fn observe(&mut self, observation: Option<&Observation>) {
        if self.observation.as_ref() == observation {
            return;
        }
        let same_canary = |one: &Observation, other: &Observation| {
            (&one.rollout_id, one.attempt) == (&other.rollout_id, other.attempt)
        };
        let goes_on = self.observation.as_ref().zip(observation).is_some_and(|(one, other)| same_canary(one, other));
        for open in [&mut self.open.canary, &mut self.open.stable] {
            // In a new step a visitor may be in the other arm, but has failed once for all.
            let failed = if goes_on { std::mem::take(&mut open.failed) } else { Units::default() };
            *open = Open { failed, ..Open::default() };
        }
        if !goes_on {
            (self.breaker_opened_at, self.last_report_at) = (None, None);
        }
        (self.diverted, self.newly_diverted) = (0, 0);
        self.observation = observation.cloned();
    }

    /// Takes a report in; false: it was there before.
    pub fn absorb(&mut self, report: &Batch, now: Timestamp) -> bool {
        if !self.ledger.take(&report.from, report.seq, now) {
            return false;
        }
        // A shard that reports nothing is alive too.
        self.last_report_at = Some(now);
        let wanted = |sample: &&Sample| self.observation.as_ref() == Some(&sample.observation);
        if let Some(sample) = report.sample.as_ref().filter(wanted) {
            let room = self.open.canary.seen.len() + self.open.stable.seen.len() + sample.seen() <= 2 * MAX_KEPT;
            self.open.canary.take(&sample.arms.canary, room);
            self.open.stable.take(&sample.arms.stable, room);
            self.diverted = self.diverted.saturating_add(sample.diverted);
            self.newly_diverted = self.newly_diverted.saturating_add(sample.diverted);
            if sample.breaker_opened {
                self.breaker_opened_at = Some(now);
            }
        }
        true
    }

    /// Everything since the last tick.
    pub(super) fn close_tick(&mut self, split: Arms<u64>) -> Tick {
        let (canary, stable) = (self.open.canary.close(), self.open.stable.close());
        Tick {
            counts: Arms::new(canary.0, stable.0),
            latency: Arms::new(canary.1, stable.1),
            assigned: Arms::new(canary.2, stable.2),
            split,
            diverted: std::mem::take(&mut self.newly_diverted),
        }
    }

    /// When a shard last reported.
    #[must_use]
    pub fn last_report_at(&self) -> Option<Timestamp> {
        self.last_report_at
    }

    /// When an isolate's breaker last opened.
    #[must_use]
    pub fn breaker_opened_at(&self) -> Option<Timestamp> {
        self.breaker_opened_at
    }

    /// Canary requests that breakers sent to stable, in this step.
    #[must_use]
    pub fn diverted(&self) -> u64 {
        self.diverted
    }

    /// Locations that report.
    #[must_use]
    pub fn locations(&self) -> usize {
        self.ledger.senders()
    }
}

// === impl Open ===

impl Open {
    fn take(&mut self, arm: &ArmSample, room_for_seen: bool) {
        self.requests = self.requests.saturating_add(arm.requests);
        self.failures = self.failures.saturating_add(arm.failures);
        self.latency += &arm.latency;
        for unit in arm.failed.iter() {
            if self.failed.len() < MAX_KEPT && self.failed.insert(unit) {
                self.first_failures = self.first_failures.saturating_add(1);
            }
        }
        if room_for_seen {
            let new = arm.seen.iter().filter(|unit| self.seen.insert(*unit)).count();
            self.first_seen = self.first_seen.saturating_add(new as u64);
        }
    }

    fn close(&mut self) -> (Counts, Histogram, u64) {
        let counts = Counts::sticky(self.requests, self.failures, self.first_failures);
        let (failed, seen) = (std::mem::take(&mut self.failed), std::mem::take(&mut self.seen));
        let closed = std::mem::replace(self, Self { failed, seen, ..Self::default() });
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
        let units: Units = failed.iter().copied().collect();
        let failures = failed.len() as u64;
        sample.arms.canary =
            ArmSample { requests: 10, failures, failed: units.clone(), seen: units, ..ArmSample::default() };
        Batch { from: "FRA".into(), seq, sample: Some(sample) }
    }

    fn tick(inbox: &mut Inbox) -> (Counts, u64) {
        let tick = inbox.close_tick(Arms::new(5_000, 20_000));
        (tick.counts.canary, tick.assigned.canary)
    }

    #[test]
    fn a_report_counts_once_and_so_does_a_failing_visitor() {
        let now = Timestamp::from_seconds(9);
        let mut inbox = Inbox::default();
        inbox.observe(Some(&at(0)));
        assert!(inbox.absorb(&report(1, 0, &[1, 2]), now));
        assert!(!inbox.absorb(&report(1, 0, &[1, 2]), now));
        assert_eq!(tick(&mut inbox), (Counts::sticky(10, 2, 2), 2));
        inbox.absorb(&report(2, 0, &[2, 3]), now);
        assert_eq!(tick(&mut inbox), (Counts::sticky(10, 2, 1), 1));
        assert_eq!(tick(&mut inbox), (Counts::default(), 0));
    }

    #[test]
    fn what_belongs_to_another_step_does_not_count() {
        let now = Timestamp::from_seconds(9);
        let mut inbox = Inbox::default();
        inbox.observe(Some(&at(0)));
        inbox.absorb(&report(1, 0, &[1]), now);
        inbox.observe(Some(&at(1)));
        inbox.absorb(&report(2, 0, &[2]), now);
        assert_eq!(tick(&mut inbox).0.requests(), 0);
        inbox.absorb(&report(3, 1, &[1, 4]), now);
        assert_eq!(tick(&mut inbox).0, Counts::sticky(10, 2, 1), "visitor 1 failed in the step before");
        inbox.observe(None);
        inbox.absorb(&report(4, 1, &[5]), now);
        assert_eq!(tick(&mut inbox).0.requests(), 0);
    }
}
