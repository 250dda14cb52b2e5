//! Requests per second and bytes for each object, computed from the rules of the protocol: an isolate refreshes after the first request
//! that finds its last refresh `refresh` old, and a shard reports to the controller once in that time. The code of the edge builds the
//! messages, from as many requests as arrive in that time.

use std::rc::Rc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use serin_logic::Timestamp;
use serin_logic::analysis::{Measure, SlowLimits, bucket_of};
use serin_logic::rollout::Observation;
use serin_logic::telemetry::{Answered, Observed, OutcomeBatcher, Shard};
use serin_logic::variant::Variant;
use serin_logic::visitors::{KeySet, Network, VisitorSketch};

use crate::scenario::Traffic;

/// A service at scale.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scale {
    /// Locations with traffic, each with one shard; 330, the number of cities that Cloudflare states for its network.
    pub locations: u32,
    /// Active isolates in each location; 16.
    pub isolates: u32,
    /// Requests per second of the whole service, evenly spread; 1,000,000.
    pub requests_per_second: f64,
    /// The canary's share of visitors, 0 to 1; 0.05.
    pub canary: f64,
    /// Share of requests that fail, 0 to 1; 0.01.
    pub failures: f64,
    /// Seconds between two refreshes; 5.
    pub refresh_s: f64,
}

/// Load on the Durable Objects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// The scale that the load was computed for.
    pub scale: Scale,
    /// Batches per second to each shard.
    pub shard_per_second: f64,
    /// Reports per second to the controller.
    pub controller_per_second: f64,
    /// Bytes of an isolate's first batch of a rollout, in which every visitor is new.
    pub first_batch_bytes: u64,
    /// Bytes of an isolate's later batches, in which every visitor is known.
    pub batch_bytes: u64,
    /// Bytes of a shard's first report.
    pub first_report_bytes: u64,
    /// Bytes of a shard's later reports.
    pub report_bytes: u64,
}

// === impl Scale ===

impl Default for Scale {
    fn default() -> Self {
        Self { locations: 330, isolates: 16, requests_per_second: 1e6, canary: 0.05, failures: 0.01, refresh_s: 5.0 }
    }
}

impl Scale {
    /// Computes the load. Latencies are those of [`Traffic`]'s defaults.
    pub fn load(&self) -> Load {
        let Self { locations, isolates, requests_per_second, refresh_s, .. } = *self;
        let per_location = requests_per_second / f64::from(locations);
        let per_isolate = per_location / f64::from(isolates);
        // After the interval the isolate refreshes with its next request.
        let every = |rate: f64| 1.0 / (refresh_s + 1.0 / rate);
        let shard_per_second = f64::from(isolates) * every(per_isolate);
        // A shard with something to report wakes up as soon as the interval allows it.
        let controller_per_second = f64::from(locations) * shard_per_second.min(1.0 / refresh_s);

        let rng = &mut StdRng::seed_from_u64(0);
        let first_seen = |is_first| self.messages(is_first, per_isolate / every(per_isolate), rng);
        let [(first_batch_bytes, first_report_bytes), (batch_bytes, report_bytes)] = [true, false].map(first_seen);
        Load {
            scale: *self,
            shard_per_second,
            controller_per_second,
            first_batch_bytes,
            batch_bytes,
            first_report_bytes,
            report_bytes,
        }
    }

    /// Bytes of a batch and of a report, for the given number of requests to each isolate.
    fn messages(&self, is_first: bool, requests: f64, rng: &mut StdRng) -> (u64, u64) {
        let observation = Observation { rollout_id: "2027-01-15-checkout".into(), attempt: 0, step: 0 };
        let now = Timestamp::from_seconds(1_800_000_000);
        let (mut shard, mut batch_bytes) = (Shard::default(), 0);
        let compared = (self.canary * 5.0).min(1.0);
        // As for the default latencies: p95 at 134 ms and p99 at 202 ms.
        let slow = SlowLimits { p95: Some(bucket_of(134.0)), p99: Some(bucket_of(202.0)), tolerance: 9, ceiling: None };
        let measure = Measure { slow, ..Measure::default() };
        for isolate in 0..self.isolates {
            let mut batcher = OutcomeBatcher::new(format!("{isolate:032x}"));
            for _ in 0..whole(requests * compared) {
                let variant = if rng.random_bool(self.canary / compared) { Variant::Canary } else { Variant::Stable };
                let failed = rng.random_bool(self.failures);
                let latency_ms = Traffic::default().latency_ms(1.0, rng);
                let answered = Answered { failed, latency_ms: Some(latency_ms) };
                let observed = Observed { variant, visitor: rng.random() };
                let network = || Network::of("load", &format!("10.{}.{}.1", rng.random::<u8>(), rng.random::<u8>()));
                batcher.record(&observation, observed, answered, &measure, network);
            }
            let mut batch = Rc::unwrap_or_clone(batcher.flush());
            // Visitors who were reported before are not reported again.
            if let Some(sample) = batch.sample.as_mut().filter(|_| !is_first) {
                sample.seen = KeySet::default();
                sample.variants.canary.visitors = VisitorSketch::default();
                sample.variants.stable.visitors = VisitorSketch::default();
            }
            batch_bytes = batch_bytes.max(bytes(&batch));
            shard.ingest(&batch, now);
        }
        (batch_bytes, bytes(&shard.report("FRA", now)))
    }
}

fn bytes(message: &impl Serialize) -> u64 {
    serde_json::to_string(message).map_or(0, |text| text.len() as u64)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a cast saturates, and requests are not negative
fn whole(requests: f64) -> u64 {
    requests.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_is_asked_by_locations_however_many_isolates_there_are() {
        for isolates in [1, 16, 64] {
            let load = Scale { isolates, ..Scale::default() }.load();
            assert!(load.controller_per_second <= 330.0 / 5.0, "{load:?}");
            assert!(load.shard_per_second <= f64::from(isolates) / 5.0, "{load:?}");
            assert!(load.controller_per_second > 40.0, "{load:?}");
        }
    }

    #[test]
    fn known_visitors_make_messages_short() {
        let load = Scale::default().load();
        assert!(load.batch_bytes < load.first_batch_bytes && load.report_bytes < load.first_report_bytes, "{load:?}");
        assert!(load.report_bytes > load.batch_bytes, "{load:?}");
    }
}
