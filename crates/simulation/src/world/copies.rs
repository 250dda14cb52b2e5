//! Copies of requests, while a step mirrors: stable answers the visitor, then the canary answers the copy.

use rand::RngExt;
use serin_logic::analysis::PerVariant;
use serin_logic::mirror::Slot;
use serin_logic::variant::Variant;

use super::queue::{Copied, Event, From};
use super::requests::Caller;
use super::{World, whole_ms};
use crate::edge::Mirrored;

// === impl World ===

impl World<'_> {
    /// Sends a request to stable, by the isolate of this slot and generation. A share of such requests is copied.
    pub(super) fn mirror(
        &mut self,
        (slot, life): (usize, u64),
        mirrored: Mirrored,
        always_fails: bool,
        caller: &Caller,
    ) {
        if !self.rng.random_bool(mirrored.share()) {
            return;
        }
        let stable = self.answer(From::Stable, always_fails, true, caller);
        let canary = self.answer(From::Canary, always_fails, true, caller);
        let counts = self.now >= self.tolls.from && caller.requests.is_none() && self.over_at.is_none();
        let copied = Copied { slot, life, mirrored, answers: PerVariant::new(canary, stable), counts };
        self.queue.push(self.now + whole_ms(stable.latency_ms).max(1), Event::CopyDue(Box::new(copied)));
    }

    pub(super) fn copy_due(&mut self, copied: Box<Copied>) {
        let now = self.timestamp();
        let Copied { slot, life, ref mirrored, answers: PerVariant { canary, stable }, counts } = *copied;
        let isolate = self.isolates.get_mut(slot).filter(|isolate| isolate.life == life);
        let Some(place) = isolate.and_then(|isolate| isolate.begin_copy(mirrored, stable, now)) else { return };
        self.tolls.requests += u64::from(counts);
        self.queue.push(self.now + whole_ms(canary.latency_ms).max(1), Event::CopyAnswered(copied, place));
    }

    pub(super) fn copy_answered(&mut self, copied: &Copied, place: Slot) {
        let now = self.timestamp();
        let Copied { slot, life, mirrored, answers: PerVariant { canary, stable }, counts } = copied;
        self.tolls.last_answer = Some(self.now);
        self.tolls.failed += u64::from(*counts && canary.failed);
        let chance = self.rng.random();
        let Some(isolate) = self.isolates.get_mut(*slot).filter(|isolate| isolate.life == *life) else { return };
        if isolate.copy_answered(mirrored, place, *stable, *canary, chance, now) {
            self.checks.observed(mirrored.observation(), Variant::Canary, canary.failed);
            self.checks.observed(mirrored.observation(), Variant::Stable, stable.failed);
        }
    }
}
