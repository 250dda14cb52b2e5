//! Requests: Serin decides them, a variant answers them as its stage says, and isolates count them.

use rand::RngExt;
use serin_logic::variant::Variant;

use super::queue::{Answered, Event, From};
use super::{START_MS, World, whole_ms};
use crate::edge::{Answer, Sent};
use crate::invariants::Invariant;

/// Upper end of the control slice, as a multiple of the canary's share.
const REACH: u32 = 5;

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
        let reach = self.checks.highest.saturating_mul(REACH);
        let now = self.timestamp();
        let Some(visitor) = self.visitors.draw(reach, &mut self.rng) else { return };
        let edge = &self.scenario.edge;
        // Slots are assigned to locations in turn.
        let nth = self.rng.random_range(0..edge.isolates);
        let slot = (visitor.location + nth * edge.locations) as usize;
        let always_fails = visitor.always_fails;
        let Some(isolate) = self.isolates.get_mut(slot) else { return };
        let sent = isolate.send(visitor.key, now);
        let (life, heard) = (isolate.life, isolate.snapshot.overlay().revision);
        let (from, observing) = match sent {
            Sent::Stable => return,
            Sent::Canary(observing) => (From::Canary, observing),
            Sent::ShortCircuited => (From::StableShortCircuited, None),
            Sent::Compared(observing) => (From::Stable, Some(observing)),
        };
        let has_heard = self.checks.rollback.is_some_and(|rollback| heard >= rollback);
        self.checks.hold(Invariant::NothingAfterRollback, from == From::Stable || !has_heard, || {
            format!("isolate {slot} had the overlay and assigned a visitor to the canary")
        });
        let counts = self.now >= self.tolls.from;
        if from == From::Canary && counts && self.over_at.is_none() {
            self.tolls.requests += 1;
        }
        let (answer, without_fallback) = self.answer(from, always_fails);
        let at = self.now + whole_ms(answer.latency_ms).max(1);
        let answered = Answered { slot, life, from, observing, answer, without_fallback, counts };
        self.queue.push(at, Event::Answered(Box::new(answered)));
    }

    /// The variant's answer, and whether the client sees a failure.
    fn answer(&mut self, from: From, always_fails: bool) -> (Answer, bool) {
        let (traffic, stage) = (&self.scenario.traffic, self.scenario.stage(self.since_start_ms()));
        let rng = &mut self.rng;
        let behaviour = if from == From::Canary { stage.canary } else { stage.stable };
        let failed = always_fails || rng.random_bool(behaviour.failures);
        let latency_ms = traffic.latency_ms(behaviour.slower, rng);
        let has_fallback = from == From::Canary
            && rng.random_bool(traffic.replayable)
            && !always_fails
            && !rng.random_bool(stage.stable.failures);
        (Answer { failed, latency_ms }, failed && !has_fallback)
    }

    pub(super) fn answered(&mut self, answered: &Answered) {
        let Answered { slot, life, from, observing, answer, without_fallback, counts } = answered;
        if *from == From::Canary {
            self.tolls.last_answer = Some(self.now);
            if *counts {
                self.tolls.failed += u64::from(answer.failed);
                self.tolls.without_fallback += u64::from(*without_fallback);
            }
        }
        let now = self.timestamp();
        let chance = self.rng.random();
        let Some(isolate) = self.isolates.get_mut(*slot).filter(|isolate| isolate.life == *life) else { return };
        match (from, observing) {
            (From::Canary, _) => isolate.canary_answered(observing.as_ref(), *answer, chance, now),
            (From::StableShortCircuited, _) => isolate.stable_answered(*answer, now),
            (From::Stable, Some(observing)) => isolate.compared_answered(observing, *answer, now),
            (From::Stable, None) => {}
        }
        if let Some(observing) = observing {
            let variant = if *from == From::Canary { Variant::Canary } else { Variant::Stable };
            self.checks.hold(Invariant::CountsAreTrue, variant == observing.variant(), || {
                "counted for the other variant".into()
            });
            self.checks.observed(observing.observation(), variant, answer.failed);
        }
    }
}
