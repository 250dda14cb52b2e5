//! What becomes of observed requests: counted here, sent in batches to the shard of this isolate's location, whose answer is what the
//! controller says.

use core::time::Duration;
use std::cell::{Cell, OnceCell, RefCell};

use serin_logic::analysis::{Measure, Unit};
use serin_logic::mirror::MirrorOrder;
use serin_logic::policy::KvReading;
use serin_logic::rollout::{Observation, Overlay};
use serin_logic::sampler::Sampler;
use serin_logic::telemetry::{Answered, Batch, Observed, OutcomeBatcher, Pair, Uncopied};
use serin_logic::version::VersionCheck;
use serin_logic::visitors::Network;
use serin_logic::{Percentage, Timestamp, Variant};
use worker::{AnalyticsEngineDataPointBuilder, AnalyticsEngineDataset, Delay, ObjectNamespace};

use crate::controller::rpc;
use crate::platform::{clock, log, random, timeout};

/// How long a shard may take.
const LIMIT: Duration = Duration::from_secs(3);

/// An isolate's counts, and the way to its location's shard.
pub(crate) struct Telemetry {
    shards: Option<ObjectNamespace>,
    analytics: Option<AnalyticsEngineDataset>,
    refresh: Duration,
    /// Made by the first request that counts, because randomness is not to be had before there is a request.
    batcher: OnceCell<RefCell<OutcomeBatcher>>,
    bodies: OnceCell<RefCell<Sampler>>,
    location: RefCell<String>,
    /// When a request last took it upon itself to flush.
    flush_claimed_at: Cell<Timestamp>,
    is_unreachable: Cell<bool>,
}

/// When the counts are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Another request sees to it.
    NotYet,
    /// After the refresh interval, also when no further request comes.
    AfterInterval,
    /// At once.
    Now,
}

// === impl Telemetry ===

impl Telemetry {
    pub(crate) fn new(
        shards: Option<ObjectNamespace>,
        analytics: Option<AnalyticsEngineDataset>,
        refresh: Duration,
    ) -> Self {
        Self {
            shards,
            analytics,
            refresh,
            batcher: OnceCell::new(),
            bodies: OnceCell::new(),
            location: RefCell::new("local".to_owned()),
            flush_claimed_at: Cell::default(),
            is_unreachable: Cell::default(),
        }
    }

    /// Names the location whose shard gets the counts.
    pub(crate) fn set_location(&self, location: &str) {
        location.clone_into(&mut self.location.borrow_mut());
    }

    /// Counts a request that goes to a variant, observed or not.
    pub(crate) fn count_request(&self) {
        self.batcher().borrow_mut().count_request();
    }

    /// Counts how an observed request ended.
    pub(crate) fn record(
        &self,
        window: &Observation,
        observed: Observed,
        answered: Answered,
        measure: &Measure,
        network: impl FnOnce() -> Network,
    ) -> Flush {
        self.batcher().borrow_mut().record(window, observed, answered, measure, network);
        self.write_data_point(window, observed.variant, answered);
        self.next_flush()
    }

    /// Counts an answer to an observed request by its version.
    pub(crate) fn record_version(&self, window: &Observation, observed: Observed, check: VersionCheck) -> Flush {
        self.batcher().borrow_mut().record_version(window, observed, check);
        // An answer of the right version sends the counts.
        if check == VersionCheck::Wrong { self.next_flush() } else { Flush::NotYet }
    }

    /// Counts an answer of a pair by its version.
    pub(crate) fn record_pair_version(&self, window: &Observation, variant: Variant, check: VersionCheck) -> Flush {
        self.batcher().borrow_mut().record_pair_version(window, variant, check);
        if check == VersionCheck::Wrong { self.next_flush() } else { Flush::NotYet }
    }

    /// Counts a body that broke off as a failure of an observed request that is counted already.
    pub(crate) fn record_broken_body(
        &self,
        window: &Observation,
        observed: Observed,
        network: impl FnOnce() -> Network,
    ) -> Flush {
        self.batcher().borrow_mut().record_broken_body(window, observed, network);
        self.next_flush()
    }

    /// Whether the next observed body is in a sample of this percentage.
    pub(crate) fn samples_body(&self, percentage: Percentage) -> bool {
        let sampler = || RefCell::new(Sampler::of_random(random::bits().unwrap_or_default()));
        percentage != Percentage::ZERO && self.bodies.get_or_init(sampler).borrow_mut().draw(percentage)
    }

    /// When the counts are to be sent. The request that gets an interval sends them.
    fn next_flush(&self) -> Flush {
        let now = clock::now();
        if self.shards.is_none() || !now.is_due(self.flush_claimed_at.get(), self.refresh) {
            return Flush::NotYet;
        }
        self.flush_claimed_at.set(now);
        Flush::AfterInterval
    }

    /// Counts a request that the breaker kept from the canary: it is evidence for neither side.
    pub(crate) fn record_short_circuit(&self, window: &Observation, visitor: u32, unit: Unit) {
        self.batcher().borrow_mut().short_circuit(window, visitor, unit);
    }

    /// Counts how a probe ended that the breaker let through to the canary.
    pub(crate) fn record_probe(&self, window: &Observation, failed: bool) {
        self.batcher().borrow_mut().record_probe(window, failed);
    }

    /// Counts a failed canary request that stable answers.
    pub(crate) fn record_rescue(&self, window: &Observation) {
        self.batcher().borrow_mut().rescue(window);
    }

    /// Counts both answers to a request that was copied to the canary.
    pub(crate) fn record_pair(
        &self,
        window: &Observation,
        pair: &Pair<'_>,
        settings: (&MirrorOrder, &Measure),
        network: impl FnOnce() -> Network,
    ) -> Flush {
        self.batcher().borrow_mut().record_pair(window, pair, settings, network);
        self.next_flush()
    }

    /// Counts a request that was selected to be copied, and was not.
    pub(crate) fn record_uncopied(&self, window: &Observation, why: Uncopied) {
        self.batcher().borrow_mut().record_uncopied(window, why);
    }

    /// Notes that the breaker opened.
    pub(crate) fn record_open_breaker(&self, window: &Observation) -> Flush {
        self.batcher().borrow_mut().open_breaker(window);
        Flush::Now
    }

    /// Whether there is anything to send.
    pub(crate) fn has_counts(&self) -> bool {
        !self.batcher().borrow().is_empty()
    }

    /// Waits for the refresh interval.
    pub(crate) async fn interval(&self) {
        Delay::from(self.refresh).await;
    }

    /// Sends the counts and what KV answered last, and returns the controller's answer, if the shard has it. A batch that does not
    /// arrive is sent again.
    pub(crate) async fn flush(&self, reading: Option<KvReading>) -> Result<Option<Overlay>, String> {
        let Some(shards) = &self.shards else { return Ok(None) };
        let counts = self.batcher().borrow_mut().flush();
        let batch = Box::new(Batch { reading, ..(*counts).clone() });
        let location = self.location.borrow().clone();
        let sent = timeout::attempt(LIMIT, rpc::send_batch(shards, &location, &batch)).await;
        match sent {
            Ok(overlay) => {
                self.is_unreachable.set(false);
                self.batcher().borrow_mut().acknowledge(batch.seq);
                Ok(overlay)
            }
            Err(error) => {
                // Logged once, until it works again.
                if !self.is_unreachable.replace(true) {
                    log::control_trouble("metrics", error.clone());
                }
                Err(error)
            }
        }
    }

    fn batcher(&self) -> &RefCell<OutcomeBatcher> {
        // Without randomness two isolates share an id, and the counts of one are dropped as duplicates.
        self.batcher.get_or_init(|| RefCell::new(OutcomeBatcher::of_random(random::bits().unwrap_or_default())))
    }

    /// One data point: index rollout; blobs variant, step from 1; doubles failed, latency in ms, -1 where it contains the client's own
    /// time.
    fn write_data_point(&self, window: &Observation, variant: Variant, Answered { failed, latency_ms }: Answered) {
        let Some(analytics) = &self.analytics else { return };
        // A dataset that takes no more points is no reason to fail a request.
        let _ = AnalyticsEngineDataPointBuilder::new()
            .indexes([window.rollout_id.as_str()])
            .blobs([variant.as_str().to_owned(), (window.step + 1).to_string()])
            .doubles([f64::from(u8::from(failed)), latency_ms.unwrap_or(-1.0)])
            .write_to(analytics);
    }
}
