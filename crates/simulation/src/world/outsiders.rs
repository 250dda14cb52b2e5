//! Outsiders beside the site: each asks at its own rate, with its own identities.

use serin_logic::bucket::Bucket;
use serin_logic::visitors::Network;

use super::queue::Event;
use super::requests::Caller;
use super::{START_MS, World, exponential_ms, rollout_id};
use crate::scenario::{Outsider, OutsiderRequests};

/// Time that an upload takes, in ms, besides the variant's own.
pub(super) const UPLOAD_MS: f64 = 5_000.0;

/// Upper end of the buckets of an outsider who chose identities of the canary's first step.
const CANARY_BUCKETS: u32 = 5_000;

/// The identities of an outsider.
pub(super) struct Identities {
    keys: Vec<String>,
    next: usize,
}

// === impl Identities ===

impl Identities {
    pub(super) fn new(number: usize, outsider: &Outsider, seed: u64) -> Self {
        let candidates = (0_u64..).map(|identity| format!("outsider-{number}-{identity}"));
        let salt = rollout_id(seed);
        let fits = |key: &String| !outsider.on_canary || Bucket::of(&salt, key).index() < CANARY_BUCKETS;
        Self { keys: candidates.filter(fits).take(outsider.identities as usize).collect(), next: 0 }
    }

    fn next(&mut self) -> Option<(usize, String)> {
        let at = self.next % self.keys.len().max(1);
        self.next += 1;
        self.keys.get(at).map(|key| (at, key.clone()))
    }
}

// === impl World ===

impl World<'_> {
    /// Schedules an outsider's next request.
    pub(super) fn next_outsider(&mut self, number: usize) {
        let Some(outsider) = self.scenario.outsiders.get(number) else { return };
        let (from, until) = (START_MS + outsider.at.as_millis(), START_MS + outsider.until.as_millis());
        let at = self.now.max(from) + exponential_ms(1e3 / outsider.requests_per_second, &mut self.rng);
        if at < until && !self.draining {
            self.queue.push(at, Event::Outsider { number });
        }
    }

    pub(super) fn outsider(&mut self, number: usize) {
        let Some(outsider) = self.scenario.outsiders.get(number) else { return };
        if let Some((identity, key)) = self.identities.get_mut(number).and_then(Identities::next) {
            let network = match outsider.networks {
                0 => Network::of("outsider", &format!("10.{}.{}.1", identity / 256 % 256, identity % 256)),
                networks => Network::of("outsider", &format!("192.0.{}.1", identity % networks as usize % 256)),
            };
            // One client is near one location.
            let location = u32::try_from(number).unwrap_or_default() % self.scenario.edge.locations;
            let caller = Caller { key, location, pace: 1.0, network, requests: Some(outsider.requests) };
            self.ask(&caller, outsider.requests == OutsiderRequests::Failing);
        }
        self.next_outsider(number);
    }
}
