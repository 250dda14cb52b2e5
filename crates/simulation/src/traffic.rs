//! Visitors and their requests: Poisson arrivals, either from one-time visitors or from returning visitors with individual rates.

use std::fmt::Write as _;

use rand::RngExt;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use serin_logic::bucket::Bucket;

use crate::scenario::{Scenario, Traffic};

/// The visitors of a service.
pub(crate) struct Visitors {
    salt: String,
    /// Returning visitors; empty if every visitor is new.
    known: Vec<Known>,
    /// Cumulative sums of the visitors' rates.
    sums: Vec<f64>,
    locations: u32,
    always_failing: f64,
    key: String,
}

struct Known {
    bucket: u32,
    location: u32,
    always_fails: bool,
    pace: f64,
}

/// A visitor that sends a request.
pub(crate) struct Visitor<'a> {
    pub(crate) key: &'a str,
    pub(crate) location: u32,
    pub(crate) always_fails: bool,
    /// Factor on the visitor's latencies.
    pub(crate) pace: f64,
}

// === impl Visitors ===

impl Visitors {
    /// Creates the visitors of a rollout with the salt `salt`.
    pub(crate) fn new(traffic: &Traffic, salt: &str, locations: u32, rng: &mut StdRng) -> Self {
        let mut key = String::new();
        let mut known = Vec::new();
        let mut sums = Vec::new();
        let mut sum = 0.0;
        for number in 0..traffic.visitors {
            spell(&mut key, number.into());
            known.push(Known {
                bucket: Bucket::of(salt, &key).index(),
                location: rng.random_range(0..locations),
                always_fails: rng.random_bool(traffic.always_failing),
                pace: if traffic.pace > 0.0 {
                    (traffic.pace * Distribution::<f64>::sample(&StandardNormal, rng)).exp()
                } else {
                    1.0
                },
            });
            let normal: f64 = StandardNormal.sample(rng);
            sum += (traffic.spread * normal).exp();
            sums.push(sum);
        }
        Self { salt: salt.to_owned(), known, sums, locations, always_failing: traffic.always_failing, key }
    }

    /// The next visitor. `None` if the bucket is not below `reach`, because such a visitor does not affect the simulation.
    pub(crate) fn draw(&mut self, reach: u32, rng: &mut StdRng) -> Option<Visitor<'_>> {
        let Some(sum) = self.sums.last() else {
            spell(&mut self.key, rng.random());
            let is_reached = reach >= serin_logic::bucket::BUCKETS || Bucket::of(&self.salt, &self.key).index() < reach;
            let (location, always_fails) = (rng.random_range(0..self.locations), rng.random_bool(self.always_failing));
            return is_reached.then_some(Visitor { key: &self.key, location, always_fails, pace: 1.0 });
        };
        let at = rng.random_range(0.0..*sum);
        let number = self.sums.partition_point(|sum| *sum <= at);
        let Known { location, always_fails, pace, .. } = self.known.get(number).filter(|known| known.bucket < reach)?;
        spell(&mut self.key, number as u64);
        Some(Visitor { key: &self.key, location: *location, always_fails: *always_fails, pace: *pace })
    }
}

fn spell(key: &mut String, number: u64) {
    key.clear();
    // Writing to a string cannot fail.
    let _ = write!(key, "{number:016x}");
}

// === impl Traffic ===

impl Traffic {
    /// A latency in ms of a variant with the given multiple of the usual latency.
    pub(crate) fn latency_ms(&self, slower: f64, rng: &mut StdRng) -> f64 {
        let normal: f64 = StandardNormal.sample(rng);
        slower * self.median_ms * (self.latency_spread * normal).exp()
    }
}

// === impl Scenario ===

impl Scenario {
    /// Time in ms from `since_start_ms` to the next of events that arrive at `per_second` times the stage's load; `None` if there is none.
    pub(crate) fn wait_ms(&self, since_start_ms: f64, per_second: f64, rng: &mut StdRng) -> Option<f64> {
        let mut left: f64 = Exp1.sample(rng);
        let mut at = since_start_ms;
        loop {
            let stage =
                self.stages.iter().rev().find(|stage| stage.at.as_millis() as f64 <= at).copied().unwrap_or_default();
            let next = self.stages.iter().map(|stage| stage.at.as_millis() as f64).find(|start| *start > at);
            let per_ms = per_second * stage.load / 1e3;
            let wait = left / per_ms;
            match next {
                Some(next) if at + wait > next || per_ms <= 0.0 => {
                    left -= per_ms * (next - at);
                    at = next;
                }
                _ if per_ms <= 0.0 => return None,
                _ => return Some(at + wait - since_start_ms),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use serin_logic::Span;

    use super::*;
    use crate::scenario::Stage;

    #[test]
    fn arrivals_follow_the_load_of_their_stage() {
        let stage = |at, load| Stage { at: Span::from_secs(at), load, ..Stage::default() };
        let scenario =
            Scenario { stages: vec![stage(0, 1.0), stage(100, 0.0), stage(200, 3.0)], ..Scenario::default() };
        let rng = &mut StdRng::seed_from_u64(1);
        let (mut at, mut counts) = (0.0, [0_u32; 3]);
        while at < 300e3 {
            at += scenario.wait_ms(at, 100.0, rng).unwrap();
            if let Some(count) =
                counts.iter_mut().zip([100e3, 200e3, 300e3]).find(|(_, end)| at < *end).map(|(count, _)| count)
            {
                *count += 1;
            }
        }
        // Expected are ten thousand and three times that; the tolerance is five standard deviations.
        assert!(counts[0].abs_diff(10_000) < 500 && counts[1] == 0 && counts[2].abs_diff(30_000) < 870, "{counts:?}");
    }

    #[test]
    fn no_visitor_arrives_without_load() {
        let scenario = Scenario { stages: vec![Stage { load: 0.0, ..Stage::default() }], ..Scenario::default() };
        assert_eq!(scenario.wait_ms(0.0, 100.0, &mut StdRng::seed_from_u64(1)), None);
    }

    #[test]
    fn visitors_fall_into_all_buckets_evenly() {
        let rng = &mut StdRng::seed_from_u64(1);
        for visitors in [0, 20_000] {
            let traffic = Traffic { visitors, ..Traffic::default() };
            let mut visitors = Visitors::new(&traffic, "r", 3, rng);
            let reached = (0..20_000).filter(|_| visitors.draw(25_000, rng).is_some()).count();
            assert!(reached.abs_diff(5_000) < 350, "{reached}");
        }
    }
}
