//! Counts that shards reported since the last tick: each report once.

use std::{fmt, mem};

use serde::{Deserialize, Serialize};

use super::known_visitors::{KnownVisitors, NewVisitors};
use super::mirror_totals::MirrorTotals;
use super::traffic::Traffic;
use crate::analysis::{Counts, Diversion, PairedTick, PerVariant, Tick};
use crate::rollout::Observation;
use crate::telemetry::no_versions;
use crate::telemetry::{Batch, Deduplicator, MirrorSample, Sample, VariantSample};
use crate::timestamp::Timestamp;
use crate::version::VersionCounts;
use crate::visitors::{HeavyKeys, KeySet};

/// Visitors of each kind that are kept between two ticks.
const MAX_OPEN: usize = 8_192;

/// Counts for the next tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsBuffer {
    received: Deduplicator,
    /// The observation that is counted now.
    observation: Option<Observation>,
    open: PerVariant<VariantSample>,
    /// Visitors since the last tick; the tick knows which of them were counted before.
    failed: KeySet,
    slow: KeySet,
    seen: KeySet,
    #[serde(skip_serializing_if = "HeavyKeys::is_empty")]
    heavy: HeavyKeys,
    /// Visits that breakers kept from the canary since the last tick.
    #[serde(skip_serializing_if = "Diversion::is_empty")]
    diversion: Diversion,
    /// Answers by their version since the last tick, and in the rollout of `impact_of`.
    #[serde(skip_serializing_if = "no_versions")]
    open_versions: PerVariant<VersionCounts>,
    #[serde(skip_serializing_if = "no_versions")]
    versions: PerVariant<VersionCounts>,
    breaker_opened_at: Option<Timestamp>,
    last_report_at: Option<Timestamp>,
    /// Canary requests that breakers sent to stable in this step.
    short_circuited: u64,
    /// The rollout, and which attempt of it, whose failures `impact` has.
    impact_of: Option<(String, u32)>,
    impact: Impact,
    /// Pairs since the last tick.
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Box<MirrorSample>>,
    /// What the rollout has mirrored.
    #[serde(skip_serializing_if = "MirrorTotals::is_empty")]
    mirrored: MirrorTotals,
    /// All requests, also while nothing is observed.
    #[serde(skip_serializing_if = "Traffic::is_empty")]
    traffic: Traffic,
}

/// Outcome of a rollout's failed canary requests, as far as isolates have reported it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// Canary requests that failed.
    pub failed: u64,
    /// The ones among them that stable answered.
    pub rescued: u64,
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
        if !goes_on {
            (self.breaker_opened_at, self.last_report_at) = (None, None);
        }
        let canary = observation.map(|observation| (observation.rollout_id.clone(), observation.attempt));
        if canary.is_some() && canary != self.impact_of {
            (self.impact_of, self.impact) = (canary, Impact::default());
            (self.mirrored, self.versions) = (MirrorTotals::default(), PerVariant::default());
        }
        // The numbers of a rollout stay after its end.
        let Self {
            received, breaker_opened_at, last_report_at, impact_of, impact, mirrored, versions, traffic, ..
        } = mem::take(self);
        let kept = Self { received, breaker_opened_at, last_report_at, impact_of, impact, ..Self::default() };
        *self = Self { observation: observation.cloned(), mirrored, versions, traffic, ..kept };
    }

    /// Counts a report; false if it was counted before.
    pub fn ingest(&mut self, report: &Batch, now: Timestamp) -> bool {
        if !self.received.accept(&report.from, report.seq, now) {
            return false;
        }
        // A report without counts shows that the shard is alive.
        self.last_report_at = Some(now);
        self.traffic.add(report.requests, now);
        let is_observed = |sample: &&Sample| self.observation.as_ref() == Some(&sample.observation);
        if let Some(sample) = report.sample.as_ref().filter(is_observed) {
            self.open.canary.merge(&sample.variants.canary);
            self.open.stable.merge(&sample.variants.stable);
            self.failed.merge(&sample.failed, MAX_OPEN);
            self.slow.merge(&sample.slow, MAX_OPEN);
            self.seen.merge(&sample.seen, MAX_OPEN);
            self.heavy.merge(&sample.heavy);
            self.short_circuited = self.short_circuited.saturating_add(sample.short_circuited);
            self.diversion += sample.diversion;
            self.open_versions += sample.versions;
            self.versions += sample.versions;
            self.impact.failed = self.impact.failed.saturating_add(sample.variants.canary.failures);
            self.impact.rescued = self.impact.rescued.saturating_add(sample.rescued);
            let mut is_withheld = false;
            if let Some(mirror) = &sample.mirror {
                is_withheld = mirror.withheld > 0;
                self.pairs.get_or_insert_default().merge(mirror, MAX_OPEN);
                self.mirrored.add(mirror);
            }
            if sample.breaker_opened || sample.short_circuited > 0 || is_withheld {
                self.breaker_opened_at = Some(now);
            }
        }
        true
    }

    /// Takes the counts since the last tick. `known` has the visitors that were counted before. In a step that mirrors, the tick has pairs.
    pub(super) fn close_tick(&mut self, known: &mut KnownVisitors, split: PerVariant<u64>, mirrors: bool) -> Tick {
        known.observe(self.observation.as_ref());
        let NewVisitors { failed, seen, slow } = known.count(&self.failed, &self.slow, &self.seen);
        (self.failed, self.slow, self.seen) = Default::default();
        let pairs = self.pairs.take().unwrap_or_default();
        let [worse, slower] = known.count_pairs(&pairs.worse, &pairs.slower);
        let MirrorSample { counts, visitors, failing, .. } = *pairs;
        let paired = mirrors.then_some(PairedTick { counts, visitors, failing, worse, slower });
        let PerVariant { canary, stable } = mem::take(&mut self.open);
        let counts = |open: &VariantSample, failed| Counts::sticky(open.requests, open.failures, failed);
        let visits = |open: &VariantSample| Counts::new(open.visits, open.failed_visits);
        Tick {
            counts: PerVariant::new(counts(&canary, failed.canary), counts(&stable, failed.stable)),
            visits: PerVariant::new(visits(&canary), visits(&stable)),
            latency: PerVariant::new(canary.latency, stable.latency),
            visitors: PerVariant::new(canary.visitors, stable.visitors),
            slow,
            assigned: seen,
            heavy: mem::take(&mut self.heavy),
            diversion: mem::take(&mut self.diversion),
            versions: mem::take(&mut self.open_versions),
            split,
            paired,
        }
    }

    /// Time of the last report of a shard.
    pub fn last_report_at(&self) -> Option<Timestamp> {
        self.last_report_at
    }

    /// When a breaker last opened or kept a request from the canary.
    pub fn breaker_opened_at(&self) -> Option<Timestamp> {
        self.breaker_opened_at
    }

    /// Canary requests that breakers sent to stable in this step.
    pub fn short_circuited(&self) -> u64 {
        self.short_circuited
    }

    /// Answers in the rollout by their version, where the variants are versions of one Worker.
    pub fn versions(&self) -> PerVariant<VersionCounts> {
        self.versions
    }

    /// Outcome of the rollout's failed canary requests.
    pub fn impact(&self) -> Impact {
        self.impact
    }

    /// What the rollout has mirrored.
    pub fn mirrored(&self) -> &MirrorTotals {
        &self.mirrored
    }

    /// All requests of the last hour.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
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

// === impl Impact ===

impl Impact {
    /// Failed canary requests whose failure a client saw.
    pub fn seen(&self) -> u64 {
        self.failed.saturating_sub(self.rescued)
    }
}

/// A sentence, for the audit.
impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, rescued } = self;
        let requests = if *failed == 1 { "request" } else { "requests" };
        write!(
            f,
            "Of {failed} failed canary {requests} of this rollout, stable answered {rescued}; clients saw {}.",
            self.seen()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::Variant;
    use crate::visitors::{Entry, Marks, Network};

    fn at(step: usize) -> Observation {
        Observation { rollout_id: "r".into(), attempt: 0, step }
    }

    fn report(seq: u64, step: usize, failed: &[u32]) -> Batch {
        let mut sample = Sample::new(at(step));
        let failures = failed.len() as u64;
        sample.variants.canary = VariantSample { requests: 10, failures, ..VariantSample::default() };
        for key in failed {
            let entry = |marks| Entry { variant: Variant::Canary, network: Network::UNKNOWN, marks };
            sample.failed.offer(*key, entry(Marks::FAILED), 100);
            sample.seen.offer(*key, entry(Marks::SEEN), 100);
        }
        Batch { from: "FRA".into(), seq, sample: Some(sample), ..Batch::default() }
    }

    #[test]
    fn a_report_counts_once_and_so_does_a_failing_visitor() {
        let now = Timestamp::from_seconds(9);
        let (mut metrics, mut known) = (MetricsBuffer::default(), KnownVisitors::default());
        let mut tick = |metrics: &mut MetricsBuffer| {
            let tick = metrics.close_tick(&mut known, PerVariant::new(5_000, 20_000), false);
            (tick.counts.canary, tick.assigned.canary)
        };
        metrics.observe(Some(&at(0)));
        assert!(metrics.ingest(&report(1, 0, &[1, 2]), now));
        assert!(!metrics.ingest(&report(1, 0, &[1, 2]), now));
        assert_eq!(tick(&mut metrics), (Counts::sticky(10, 2, 2), 2));
        metrics.ingest(&report(2, 0, &[2, 3]), now);
        assert_eq!(tick(&mut metrics), (Counts::sticky(10, 2, 1), 1));
        assert_eq!(tick(&mut metrics), (Counts::default(), 0));
    }

    #[test]
    fn failures_that_stable_answered_are_summed_over_the_rollout_and_stay_after_its_end() {
        let now = Timestamp::from_seconds(9);
        let mut metrics = MetricsBuffer::default();
        for step in 0..2 {
            metrics.observe(Some(&at(step)));
            let mut report = report(step as u64 + 1, step, &[1, 2]);
            report.sample.as_mut().unwrap().rescued = 1;
            metrics.ingest(&report, now);
        }
        metrics.observe(None);
        assert_eq!(metrics.impact(), Impact { failed: 4, rescued: 2 });
        let sentence = "Of 4 failed canary requests of this rollout, stable answered 2; clients saw 2.";
        assert_eq!(metrics.impact().to_string(), sentence);
        metrics.observe(Some(&Observation { attempt: 1, ..at(0) }));
        assert_eq!(metrics.impact(), Impact::default(), "evidence of another attempt");
    }

    #[test]
    fn traffic_is_counted_with_and_without_an_observation_and_once() {
        let now = Timestamp::from_seconds(9);
        let mut metrics = MetricsBuffer::default();
        let report = |seq| Batch { from: "FRA".into(), seq, requests: 30, ..Batch::default() };
        metrics.ingest(&report(1), now);
        metrics.ingest(&report(1), now);
        metrics.observe(Some(&at(0)));
        metrics.ingest(&report(2), now);
        metrics.observe(None);
        assert!((metrics.traffic().per_minute(now) - 60.0).abs() < 1e-9, "{:?}", metrics.traffic());
    }

    #[test]
    fn answers_by_version_are_taken_by_a_tick_and_summed_over_the_rollout() {
        let now = Timestamp::from_seconds(9);
        let (mut metrics, mut known) = (MetricsBuffer::default(), KnownVisitors::default());
        let wrong = |wrong| VersionCounts { wrong, ..VersionCounts::default() };
        metrics.observe(Some(&at(0)));
        for seq in 1..=2 {
            let mut report = report(seq, 0, &[]);
            report.sample.as_mut().unwrap().versions.canary = wrong(3);
            metrics.ingest(&report, now);
            let tick = metrics.close_tick(&mut known, PerVariant::new(5_000, 20_000), false);
            assert_eq!(tick.versions.canary, wrong(3));
        }
        assert_eq!(metrics.versions().canary, wrong(6));
        metrics.observe(Some(&at(1)));
        metrics.observe(None);
        assert_eq!(metrics.versions().canary, wrong(6), "they stay after the rollout's end");
        metrics.observe(Some(&Observation { attempt: 1, ..at(0) }));
        assert_eq!(metrics.versions(), PerVariant::default());
    }

    #[test]
    fn a_report_of_another_step_does_not_count() {
        let now = Timestamp::from_seconds(9);
        let (mut metrics, mut known) = (MetricsBuffer::default(), KnownVisitors::default());
        let mut tick = |metrics: &mut MetricsBuffer| {
            metrics.close_tick(&mut known, PerVariant::new(5_000, 20_000), false).counts.canary
        };
        metrics.observe(Some(&at(0)));
        metrics.ingest(&report(1, 0, &[1]), now);
        tick(&mut metrics);
        metrics.observe(Some(&at(1)));
        metrics.ingest(&report(2, 0, &[2]), now);
        assert_eq!(tick(&mut metrics).requests(), 0);
        metrics.ingest(&report(3, 1, &[1, 4]), now);
        assert_eq!(tick(&mut metrics), Counts::sticky(10, 2, 1), "visitor 1 failed in the step before");
        metrics.observe(None);
        metrics.ingest(&report(4, 1, &[5]), now);
        assert_eq!(tick(&mut metrics).requests(), 0);
    }

    #[test]
    fn pairs_go_to_the_next_tick_and_into_the_rollouts_totals() {
        let now = Timestamp::from_seconds(9);
        let (mut metrics, mut known) = (MetricsBuffer::default(), KnownVisitors::default());
        metrics.observe(Some(&at(0)));
        for seq in 1..=2 {
            let mut report = report(seq, 0, &[]);
            let mut mirror = MirrorSample { withheld: 1, ..MirrorSample::default() };
            mirror.counts.pairs = 5;
            let entry = Entry { variant: Variant::Canary, network: Network::UNKNOWN, marks: Marks::SEEN };
            mirror.worse.offer(7, entry, 100);
            report.sample.as_mut().unwrap().mirror = Some(Box::new(mirror));
            metrics.ingest(&report, now);
            let stored = serde_json::to_string(&metrics).unwrap();
            metrics = serde_json::from_str(&stored).unwrap();
        }
        assert_eq!(metrics.breaker_opened_at(), Some(now));
        let paired = metrics.close_tick(&mut known, PerVariant::default(), true).paired.unwrap();
        assert_eq!((paired.counts.pairs, paired.worse), (10, PerVariant::new(1, 0)));
        let paired = metrics.close_tick(&mut known, PerVariant::default(), true).paired.unwrap();
        assert_eq!(paired, PairedTick::default());
        metrics.observe(None);
        assert_eq!((metrics.mirrored().counts.pairs, metrics.mirrored().withheld), (10, 2));
        metrics.observe(Some(&Observation { attempt: 1, ..at(0) }));
        assert!(metrics.mirrored().is_empty());
    }

    #[test]
    fn what_an_older_version_stored_is_read() {
        let json = concat!(
            r#"{"received":{"FRA":[7,1800000000000]},"observation":{"rolloutId":"r","attempt":0,"step":1},"#,
            r#""open":{"canary":{"requests":4,"failures":1,"firstFailures":1,"firstSeen":2,"latency":{},"failed":[7],"seen":[7,9]},"#,
            r#""stable":{"requests":9}},"breakerOpenedAt":null,"lastReportAt":null,"shortCircuited":3,"newlyShortCircuited":1}"#
        );
        let read: MetricsBuffer = serde_json::from_str(json).unwrap();
        assert_eq!((read.open.canary.requests, read.short_circuited, read.locations()), (4, 3, 1));
    }
}
