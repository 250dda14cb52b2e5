//! One isolate's outcomes, collected into batches.

use std::mem;
use std::rc::Rc;

use super::batch::{Batch, Sample};
use super::mirror_sample::{MirrorSample, Pair, ReportedPairs, Uncopied, take_known};
use super::visits::Visits;
use crate::analysis::{Diversion, Measure, PerVariant, Unit, bucket_of};
use crate::mirror::MirrorOrder;
use crate::rollout::Observation;
use crate::variant::Variant;
use crate::version::VersionCheck;
use crate::visitors::{Entry, KeySet, Marks, Network, VisitorSketch};

/// An isolate's first canary requests, whose latency is not counted: they wait for connections and compilation, which says nothing about
/// the canary's speed.
const WARM_UP: u32 = 20;

/// Visitors that each set of a batch holds, of both variants together.
const MAX_FLUSHED: usize = 512;

/// Visitors of each kind that an isolate remembers having reported. A forgotten one is reported again, and the controller knows it.
const MAX_REMEMBERED: usize = 16_384;

/// A request whose outcome counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The variant it was assigned to.
    pub variant: Variant,
    /// The visitor: a hash of the sticky key and the salt that is independent of the bucket.
    pub visitor: u32,
}

/// Outcome of an observed request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answered {
    /// Whether the variant failed.
    pub failed: bool,
    /// Time to the response's headers in ms; none where it contains the client's own time, because the request has a body.
    pub latency_ms: Option<f64>,
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
    /// All requests for the next batch, observed or not.
    requests: u64,
    visits: Visits,
    /// The observation that is counted now.
    current: Option<Observation>,
    /// The observation that was counted before.
    previous: Option<Observation>,
    /// Content of the earlier batches of the current observation.
    reported: Reported,
    canary_requests: u32,
}

/// Content of the earlier batches of one observation.
#[derive(Clone, Debug, Default)]
struct Reported {
    failed: KeySet,
    slow: KeySet,
    seen: KeySet,
    visitors: PerVariant<VisitorSketch>,
    pairs: ReportedPairs,
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

    /// Counts a request that goes to a variant, observed or not.
    pub fn count_request(&mut self) {
        self.requests = self.requests.saturating_add(1);
    }

    /// Counts one outcome, seen while `observation` was in force. `network` gives the client's network; it is asked for only where the
    /// outcome says something against the variant.
    pub fn record(
        &mut self,
        observation: &Observation,
        observed: Observed,
        answered: Answered,
        measure: &Measure,
        network: impl FnOnce() -> Network,
    ) {
        if !self.counts(observation) {
            return;
        }
        let Observed { variant, visitor } = observed;
        let is_warm = match variant {
            Variant::Canary => {
                self.canary_requests = self.canary_requests.saturating_add(1);
                self.canary_requests > WARM_UP
            }
            Variant::Stable => true,
        };
        let latency = answered.latency_ms.filter(|_| is_warm && !answered.failed).map(bucket_of);
        let Self { open, visits, reported, .. } = self;
        let sample = open.get_or_insert_with(|| Sample::new(observation.clone()));
        let is_visit = measure.unit == Unit::Request || visits.record(visitor);
        if measure.unit == Unit::Request {
            sample.heavy.record(visitor);
        }
        if is_visit {
            let entry = Entry { variant, network: Network::UNKNOWN, marks: Marks::SEEN };
            if !reported.seen.knows(visitor, Marks::SEEN) {
                sample.seen.offer(visitor, entry, MAX_FLUSHED);
            }
        }
        let slow = latency.map_or(Marks::NONE, |bucket| measure.slow.marks(variant, bucket));
        let is_new_slow = !slow.is_empty() && !reported.slow.knows(visitor, slow);
        let is_new_failed = answered.failed && !reported.failed.knows(visitor, Marks::FAILED);
        if is_new_slow || is_new_failed {
            let network = network();
            let entry = |marks| Entry { variant, network, marks };
            if is_new_slow && !reported.slow.has_enough_of(network) {
                sample.slow.offer(visitor, entry(slow), MAX_FLUSHED);
            }
            if is_new_failed && !reported.failed.has_enough_of(network) {
                sample.failed.offer(visitor, entry(Marks::FAILED), MAX_FLUSHED);
            }
        }
        let counts = sample.variants.get_mut(variant);
        counts.requests = counts.requests.saturating_add(1);
        counts.failures = counts.failures.saturating_add(u64::from(answered.failed));
        if is_visit {
            counts.visits = counts.visits.saturating_add(1);
            counts.failed_visits = counts.failed_visits.saturating_add(u64::from(answered.failed));
            counts.visitors.insert(visitor);
            if let Some(bucket) = latency {
                counts.latency.add(bucket, 1);
            }
        }
    }

    /// Counts an answer by its version. One of the wrong version is not to be recorded further; its visitor was assigned all the same, so that
    /// the split stays the configured one.
    pub fn record_version(
        &mut self,
        observation: &Observation,
        Observed { variant, visitor }: Observed,
        check: VersionCheck,
    ) {
        if !self.counts(observation) {
            return;
        }
        let is_seen = check != VersionCheck::Wrong || self.reported.seen.knows(visitor, Marks::SEEN);
        let sample = self.open(observation);
        sample.versions.get_mut(variant).record(check);
        if !is_seen {
            let entry = Entry { variant, network: Network::UNKNOWN, marks: Marks::SEEN };
            sample.seen.offer(visitor, entry, MAX_FLUSHED);
        }
    }

    /// Counts an answer of a pair by its version. Its visitor was assigned to stable, whichever variant answered.
    pub fn record_pair_version(&mut self, observation: &Observation, variant: Variant, check: VersionCheck) {
        if self.counts(observation) {
            self.open(observation).versions.get_mut(variant).record(check);
        }
    }

    /// Counts a body that broke off as a failure of the request, which `record` has counted as answered.
    pub fn record_broken_body(
        &mut self,
        observation: &Observation,
        Observed { variant, visitor }: Observed,
        network: impl FnOnce() -> Network,
    ) {
        if !self.counts(observation) {
            return;
        }
        let is_new = !self.reported.failed.knows(visitor, Marks::FAILED);
        let entry = is_new.then(|| Entry { variant, network: network(), marks: Marks::FAILED });
        let entry = entry.filter(|entry| !self.reported.failed.has_enough_of(entry.network));
        let sample = self.open(observation);
        if let Some(entry) = entry {
            sample.failed.offer(visitor, entry, MAX_FLUSHED);
        }
        let counts = sample.variants.get_mut(variant);
        counts.failures = counts.failures.saturating_add(1);
        counts.failed_visits = counts.failed_visits.saturating_add(1);
    }

    /// Counts a visitor's canary request that the breaker sent to stable.
    pub fn short_circuit(&mut self, observation: &Observation, visitor: u32, unit: Unit) {
        if self.counts(observation) {
            let is_visit = unit == Unit::Request || self.visits.record(visitor);
            let open = self.open(observation);
            open.short_circuited = open.short_circuited.saturating_add(1);
            open.diversion += Diversion { visits: u64::from(is_visit), ..Diversion::default() };
        }
    }

    /// Counts the outcome of a probe, whose request `record` has counted.
    pub fn record_probe(&mut self, observation: &Observation, failed: bool) {
        if self.counts(observation) {
            self.open(observation).diversion += Diversion { probes: 1, failed: u64::from(failed), visits: 0 };
        }
    }

    /// Counts a failed canary request that stable answers.
    pub fn rescue(&mut self, observation: &Observation) {
        if self.counts(observation) {
            let open = self.open(observation);
            open.rescued = open.rescued.saturating_add(1);
        }
    }

    /// Counts both answers to a request that was copied. `network` gives the client's network; it is asked for only where the pair is
    /// evidence.
    pub fn record_pair(
        &mut self,
        observation: &Observation,
        pair: &Pair<'_>,
        settings: (&MirrorOrder, &Measure),
        network: impl FnOnce() -> Network,
    ) {
        if !self.counts(observation) {
            return;
        }
        self.canary_requests = self.canary_requests.saturating_add(1);
        let is_warm = self.canary_requests > WARM_UP;
        let Self { open, reported, .. } = self;
        let sample = open.get_or_insert_with(|| Sample::new(observation.clone())).mirror.get_or_insert_default();
        reported.pairs.record(sample, pair, settings, is_warm, network, MAX_FLUSHED);
    }

    /// Counts a request that was selected and not copied.
    pub fn record_uncopied(&mut self, observation: &Observation, why: Uncopied) {
        if self.counts(observation) {
            let mirror: &mut MirrorSample = self.open(observation).mirror.get_or_insert_default();
            mirror.skip(why);
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
        if let Some(batch) = &self.in_flight {
            return batch.clone();
        }
        let mut sample = self.open.take();
        self.visits.clear();
        if let Some(sample) = &mut sample {
            self.reported.take(sample);
        }
        self.seq = self.seq.saturating_add(1);
        let requests = mem::take(&mut self.requests);
        let batch = Rc::new(Batch { from: self.isolate.clone(), seq: self.seq, sample, requests, ..Batch::default() });
        self.in_flight.insert(batch).clone()
    }

    /// Ends the batch of this number: the shard has it.
    pub fn acknowledge(&mut self, seq: u64) {
        self.in_flight.take_if(|batch| batch.seq == seq);
    }

    /// Whether outcomes of `observation` count. A newer observation replaces the current one and drops its open counts, because the
    /// controller no longer accepts them. An outcome that took long may belong to an older observation; it must not drop the counts since.
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
                self.visits.clear();
                self.reported = Reported::default();
                true
            }
        }
    }

    fn open(&mut self, observation: &Observation) -> &mut Sample {
        self.open.get_or_insert_with(|| Sample::new(observation.clone()))
    }
}

// === impl Reported ===

impl Reported {
    /// Remembers what a sample reports, and takes from it what earlier ones have reported.
    fn take(&mut self, sample: &mut Sample) {
        self.failed.merge(&sample.failed, MAX_REMEMBERED);
        self.slow.merge(&sample.slow, MAX_REMEMBERED);
        self.seen.merge(&sample.seen, MAX_REMEMBERED);
        for variant in Variant::ALL {
            take_known(self.visitors.get_mut(variant), &mut sample.variants.get_mut(variant).visitors);
        }
        if let Some(mirror) = &mut sample.mirror {
            self.pairs.take(mirror, MAX_REMEMBERED);
        }
    }
}

#[cfg(test)]
mod tests;
