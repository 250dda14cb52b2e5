//! Requests: Serin decides them, a variant answers them as its stage says, and isolates count them.

use rand::RngExt;
use serin_logic::Percentage;
use serin_logic::variant::Variant;
use serin_logic::visitors::Network;

use super::outsiders::UPLOAD_MS;
use super::queue::{Answered, Event, From};
use super::{START_MS, World, whole_ms};
use crate::edge::{Answer, Sent};
use crate::invariants::Invariant;
use crate::scenario::OutsiderRequests;

/// Upper end of the control slice, as a multiple of the canary's share.
const REACH: u32 = 5;

/// Upper end of all buckets.
const FULL: u32 = Percentage::FULL.thousandths();

/// A client that sends a request.
pub(super) struct Caller {
    pub(super) key: String,
    pub(super) location: u32,
    /// Factor on the latencies.
    pub(super) pace: f64,
    pub(super) network: Network,
    /// Behaviour of an outsider's request; none for a visitor of the site.
    pub(super) requests: Option<OutsiderRequests>,
}

/// Cost of a canary.
pub(super) struct Tolls {
    /// Start of the counting, in true time.
    pub(super) from: u64,
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) without_fallback: u64,
    /// Time of the canary's last answer.
    pub(super) last_answer: Option<u64>,
}

// === impl Tolls ===

impl Tolls {
    pub(super) fn new(from: u64) -> Self {
        Self { from, requests: 0, failed: 0, without_fallback: 0, last_answer: None }
    }
}

// === impl World ===

impl World<'_> {
    /// Schedules the next request. A request that does not affect the simulation is skipped.
    pub(super) fn next_request(&mut self) {
        let rate = self.scenario.traffic.requests_per_second;
        match self.scenario.wait_ms(self.next_request_ms, rate, &mut self.rng) {
            Some(wait_ms) if !self.draining => {
                self.next_request_ms += wait_ms;
                self.queue.push(START_MS + whole_ms(self.next_request_ms), Event::Request);
            }
            _ => {}
        }
    }

    pub(super) fn request(&mut self) {
        if self.draining {
            return;
        }
        self.one_request();
        // A visitor that arrives before the next event needs no entry in the queue.
        let rate = self.scenario.traffic.requests_per_second;
        while let Some(wait_ms) = self.scenario.wait_ms(self.next_request_ms, rate, &mut self.rng) {
            self.next_request_ms += wait_ms;
            let at = START_MS + whole_ms(self.next_request_ms);
            if self.queue.next_at().is_none_or(|next| at >= next) {
                return self.queue.push(at, Event::Request);
            }
            (self.now, self.checks.now) = (at, at);
            self.one_request();
        }
    }

    fn one_request(&mut self) {
        // Any request may be copied.
        let mirrors = self.scenario.plan.steps().iter().any(|step| step.mirror.is_some());
        let reach = if mirrors { FULL } else { self.checks.highest.saturating_mul(REACH) };
        let Some(visitor) = self.visitors.draw(reach, &mut self.rng) else { return };
        let (always_fails, key) = (visitor.always_fails, visitor.key.to_owned());
        let (location, pace) = (visitor.location, visitor.pace);
        let caller = Caller { key, location, pace, network: Network::UNKNOWN, requests: None };
        self.ask(&caller, always_fails);
    }

    /// Sends a caller's request to an isolate of its location.
    pub(super) fn ask(&mut self, caller: &Caller, always_fails: bool) {
        let now = self.timestamp();
        let edge = &self.scenario.edge;
        // Slots are assigned to locations in turn.
        let nth = self.rng.random_range(0..edge.isolates);
        let slot = (caller.location + nth * edge.locations) as usize;
        let Some(isolate) = self.isolates.get_mut(slot) else { return };
        let has_body = caller.requests == Some(OutsiderRequests::Uploads);
        let may_retry = !has_body && self.rng.random_bool(self.scenario.traffic.replayable);
        let sent = isolate.send(&caller.key, may_retry, now);
        let (life, heard) = (isolate.life, isolate.snapshot.overlay().revision);
        let is_probe = matches!(sent, Sent::Probe(_));
        let has_heard = self.checks.rollback.is_some_and(|rollback| heard >= rollback);
        let (from, observing) = match sent {
            Sent::Stable => return,
            Sent::Mirrored(mirrored) => {
                self.checks.hold(Invariant::NothingAfterRollback, !has_heard, || {
                    format!("isolate {slot} had the overlay and copied a request")
                });
                if may_retry {
                    self.mirror((slot, life), mirrored, always_fails, caller);
                }
                return;
            }
            Sent::Canary(observing) | Sent::Probe(observing) => (From::Canary, observing),
            Sent::ShortCircuited => (From::StableShortCircuited, None),
            Sent::Compared(observing) => (From::Stable, Some(observing)),
        };
        self.checks.hold(Invariant::NothingAfterRollback, from == From::Stable || !has_heard, || {
            format!("isolate {slot} had the overlay and assigned a visitor to the canary")
        });
        let counts = self.now >= self.tolls.from;
        if from == From::Canary && counts && caller.requests.is_none() && self.over_at.is_none() {
            self.tolls.requests += 1;
        }
        let answer = self.answer(from, always_fails, may_retry, caller);
        let at = self.now + whole_ms(answer.latency_ms).max(1);
        let answered = Answered { slot, life, from, observing, answer, is_probe, counts };
        self.queue.push(at, Event::Answered(Box::new(answered)));
    }

    /// The variant's answer.
    pub(super) fn answer(&mut self, from: From, always_fails: bool, may_retry: bool, caller: &Caller) -> Answer {
        let watched = self.scenario.plan.watch_bodies();
        let (traffic, stage) = (&self.scenario.traffic, self.scenario.stage(self.since_start_ms()));
        let rng = &mut self.rng;
        let behaviour = if from == From::Canary { stage.canary } else { stage.stable };
        // An outsider's request succeeds or fails as the outsider chooses.
        let is_visitor = caller.requests.is_none();
        let failed = always_fails || (is_visitor && rng.random_bool(behaviour.failures));
        let on_stable = may_retry.then(|| !(always_fails || is_visitor && rng.random_bool(stage.stable.failures)));
        let has_body = caller.requests == Some(OutsiderRequests::Uploads);
        let upload_ms = if has_body { UPLOAD_MS } else { 0.0 };
        let latency_ms = traffic.latency_ms(behaviour.slower * caller.pace, rng) + upload_ms;
        let breaks_off = !failed && is_visitor && behaviour.broken > 0.0 && rng.random_bool(behaviour.broken);
        let is_broken = breaks_off && rng.random_bool(f64::from(watched.thousandths()) / 1e5);
        Answer { failed, latency_ms, on_stable, has_body, is_broken, network: caller.network }
    }

    pub(super) fn answered(&mut self, answered: &Answered) {
        let Answered { slot, life, from, observing, answer, is_probe, counts } = answered;
        if *from == From::Canary {
            self.tolls.last_answer = Some(self.now);
            self.tolls.failed += u64::from(*counts && answer.failed);
        }
        let now = self.timestamp();
        let chance = self.rng.random();
        let Some(isolate) = self.isolates.get_mut(*slot).filter(|isolate| isolate.life == *life) else { return };
        match (from, observing) {
            (From::Canary, _) => {
                let is_seen = isolate.canary_answered(observing.as_ref(), *answer, *is_probe, chance, now);
                self.tolls.without_fallback += u64::from(*counts && is_seen);
            }
            (From::StableShortCircuited, _) => isolate.stable_answered(*answer, now),
            (From::Stable, Some(observing)) => isolate.compared_answered(observing, *answer, now),
            (From::Stable, None) => {}
        }
        if let Some(observing) = observing {
            let variant = if *from == From::Canary { Variant::Canary } else { Variant::Stable };
            self.checks.hold(Invariant::CountsAreTrue, variant == observing.variant(), || {
                "counted for the other variant".into()
            });
            self.checks.observed(observing.observation(), variant, answer.failed || answer.is_broken);
        }
    }
}
