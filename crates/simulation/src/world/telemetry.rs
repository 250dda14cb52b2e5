//! Messages: an isolate flushes to the shard of its location, the shard reports to the controller, and the overlay returns the same way.

use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use serin_logic::rollout::Overlay;
use serin_logic::telemetry::{Batch, Shard};

use super::queue::{Event, FlushAnswer, Waiting};
use super::{START_MS, World, exponential_ms, whole_ms};
use crate::control::through_json;
use crate::edge::Isolate;
use crate::invariants::Invariant;

/// Delay within a location, in ms.
const NEAR_MS: std::ops::Range<u64> = 1..10;

/// Delay between a location and the controller's location, in ms.
const FAR_MS: std::ops::Range<u64> = 10..150;

/// Time that a shard waits for the controller before it responds with the overlay that it has.
const DEADLINE_MS: u64 = 2_000;

// === impl World ===

impl World<'_> {
    /// Starts an isolate. It reads KV, and refreshes after its first request.
    pub(super) fn wake(&mut self, slot: usize) {
        self.read_kv(slot);
        let mean_ms = self.scenario.edge.life.as_millis() as f64;
        let Some(life) = self.isolates.get(slot).map(|isolate| isolate.life) else { return };
        if mean_ms > 0.0 {
            let at = self.now + exponential_ms(mean_ms, &mut self.rng);
            self.queue.push(at, Event::Recycled { slot, life });
        }
        self.schedule_refresh(slot, life, 0);
    }

    pub(super) fn recycle(&mut self, slot: usize, life: u64) {
        if self.draining {
            return;
        }
        let Some(isolate) = self.isolates.get_mut(slot).filter(|isolate| isolate.life == life) else { return };
        *isolate = Isolate::new(isolate.location, life + 1, format!("{slot}.{}", life + 1));
        self.faulted.recycled += 1;
        self.wake(slot);
    }

    /// Flushes after the first request for which a flush is due, whether the request is observed or not.
    fn schedule_refresh(&mut self, slot: usize, life: u64, due_ms: u64) {
        let isolates = self.isolates.len() as f64;
        let due = (self.since_start_ms() + due_ms) as f64;
        let wait = if self.draining {
            Some(0.0)
        } else {
            let rate = self.scenario.traffic.requests_per_second / isolates;
            self.scenario.wait_ms(due, rate, &mut self.rng)
        };
        if let Some(wait) = wait {
            self.queue.push(START_MS + whole_ms(due + wait), Event::Refresh { slot, life });
        }
    }

    pub(super) fn refresh(&mut self, slot: usize, life: u64) {
        if self.isolates.get(slot).is_none_or(|isolate| isolate.life != life) {
            return;
        }
        self.read_kv(slot);
        let Some(isolate) = self.isolates.get_mut(slot) else { return };
        let location = isolate.location;
        let batch = text(&*isolate.flush());
        self.messages.flushes += 1;
        self.messages.flush_bytes += batch.len() as u64;
        self.send(NEAR_MS, Event::Flushed { slot, life, location, batch });
        self.schedule_refresh(slot, life, self.scenario.edge.refresh.as_millis());
    }

    fn read_kv(&mut self, slot: usize) {
        let now = self.timestamp();
        let fails = self.rng.random_bool(self.faults.kv_failing);
        self.faulted.kv += u64::from(fails);
        let Some(isolate) = self.isolates.get_mut(slot) else { return };
        let document = (!fails).then(|| self.kv.read(isolate.location, self.now));
        isolate.read(document.as_deref(), now);
        self.check_share(slot);
    }

    /// Delivers a batch to its shard, which may ask the controller first.
    pub(super) fn flushed(&mut self, slot: usize, life: u64, location: u32, batch: &str) {
        let Some(batch) = self.parsed::<Batch>(batch) else { return };
        let now = self.control.clock(self.now);
        self.restart_shard(location);
        if let Some(shard) = self.shards.get_mut(location as usize) {
            shard.ingest(&batch, now);
        }
        self.report_if_due(location, &Rc::from([(slot, life, batch.seq)]));
    }

    /// Handles a message at a shard, which loads its stored state before each message.
    fn restart_shard(&mut self, location: u32) {
        let is_killed = self.faults.killed > 0.0 && self.rng.random_bool(self.faults.killed);
        let shard = self.shards.get(location as usize).filter(|_| is_killed).cloned();
        if let Some(shard) = shard {
            let (_, mut around) = self.parts();
            let shard: Shard = through_json(&shard, &mut around);
            if let Some(place) = self.shards.get_mut(location as usize) {
                *place = shard;
            }
        }
    }

    pub(super) fn report_if_due(&mut self, location: u32, waiting: &Waiting) {
        let refresh = Duration::from_millis(self.scenario.edge.refresh.as_millis());
        let now = self.control.clock(self.now);
        let Some(shard) = self.shards.get_mut(location as usize) else { return };
        if !shard.is_due(refresh, now) {
            let has_news = shard.has_news();
            self.wake_shard(location, has_news);
            return self.answer_flushes(location, waiting, 0);
        }
        let batch = shard.report(&format!("shard-{location}"), now);
        let has_news = shard.has_news();
        let report = text(&batch);
        self.messages.reports += 1;
        self.messages.report_bytes += report.len() as u64;
        let event = Event::Reported { location, report, seq: batch.seq, waiting: waiting.clone() };
        if !self.send(FAR_MS, event) {
            self.answer_flushes(location, waiting, DEADLINE_MS);
        }
        self.wake_shard(location, has_news);
    }

    /// Sets a shard's alarm unless it is already set.
    fn wake_shard(&mut self, location: u32, has_news: bool) {
        let Some(wakes) = self.shard_wakes.get_mut(location as usize).filter(|wakes| has_news && !**wakes) else {
            return;
        };
        *wakes = true;
        self.queue.push(self.now + self.scenario.edge.refresh.as_millis(), Event::ShardWakes { location });
    }

    pub(super) fn shard_wakes(&mut self, location: u32) {
        self.shard_wakes.iter_mut().skip(location as usize).take(1).for_each(|wakes| *wakes = false);
        self.report_if_due(location, &Rc::from([]));
    }

    pub(super) fn reported(&mut self, location: u32, report: &str, seq: u64, waiting: &Waiting) {
        let Some(batch) = self.parsed::<Batch>(report) else { return };
        let (control, mut around) = self.parts();
        let overlay = control.transaction(&mut around, |controller, now| (controller.report(&batch, now), Vec::new()));
        self.schedule_alarm();
        let answered = overlay.is_some_and(|overlay| {
            let overlay = text(&overlay);
            self.send(FAR_MS, Event::ReportAnswered { location, seq, overlay, waiting: waiting.clone() })
        });
        if !answered {
            self.answer_flushes(location, waiting, DEADLINE_MS);
        }
    }

    pub(super) fn report_answered(&mut self, location: u32, seq: u64, overlay: &str, waiting: &Waiting) {
        let Some(overlay) = self.parsed::<Overlay>(overlay) else { return };
        if let Some(shard) = self.shards.get_mut(location as usize) {
            shard.acknowledge(seq, overlay);
        }
        self.answer_flushes(location, waiting, 0);
    }

    fn answer_flushes(&mut self, location: u32, waiting: &Waiting, after_ms: u64) {
        let overlay = self.shards.get(location as usize).and_then(Shard::overlay).as_ref().map(text);
        for (slot, life, seq) in waiting.iter().copied() {
            let answer = FlushAnswer { slot, life, seq, overlay: overlay.clone() };
            let near = NEAR_MS.start + after_ms..NEAR_MS.end + after_ms;
            self.send(near, Event::FlushAnswered(Rc::new(answer)));
        }
    }

    pub(super) fn flush_answered(&mut self, answer: &FlushAnswer) {
        let FlushAnswer { slot, life, seq, overlay } = answer;
        let overlay = overlay.as_deref().and_then(|overlay| self.parsed::<Overlay>(overlay));
        let now = self.timestamp();
        let Some(isolate) = self.isolates.get_mut(*slot).filter(|isolate| isolate.life == *life) else { return };
        let before = isolate.snapshot.overlay().revision;
        isolate.receive(*seq, overlay, now);
        let after = isolate.snapshot.overlay().revision;
        self.checks.hold(Invariant::EpochsGrow, after >= before, || format!("revision {after} after {before}"));
        self.check_share(*slot);
    }

    fn check_share(&mut self, slot: usize) {
        let share =
            self.isolates.get(slot).and_then(|isolate| isolate.snapshot.last_good()).map(|state| state.percentage);
        let (share, highest) = (share.map_or(0, serin_logic::Percentage::thousandths), self.checks.highest);
        self.checks.hold(Invariant::PercentageWithinStep, share <= highest, || {
            format!("isolate {slot} assigns {share} thousandths, the rollout asked for at most {highest}")
        });
    }

    /// Sends a message through the network. Returns false if the message is lost.
    fn send(&mut self, takes_ms: std::ops::Range<u64>, event: Event) -> bool {
        let faults = &self.faults;
        let mut happens = |share: f64| share > 0.0 && self.rng.random_bool(share);
        let (lost, doubled, late) = (happens(faults.lost), happens(faults.doubled), happens(faults.late));
        self.faulted.doubled += u64::from(doubled);
        if doubled {
            let later = self.now + self.rng.random_range(0..=faults.late_by.as_millis().max(1_000));
            self.queue.push(later, event.clone());
        }
        if lost {
            self.faulted.lost += 1;
            return false;
        }
        self.faulted.late += u64::from(late);
        let delay = if late { self.rng.random_range(0..=faults.late_by.as_millis()) } else { 0 };
        let at = self.now + self.rng.random_range(takes_ms) + delay;
        self.queue.push(at, event);
        true
    }

    /// Checks that a message reads back unchanged.
    fn parsed<T: serde::de::DeserializeOwned>(&mut self, text: &str) -> Option<T> {
        let read = serde_json::from_str(text);
        self.checks.hold(Invariant::ReloadsIdentically, read.is_ok(), || format!("a message cannot be read: {text}"));
        read.ok()
    }
}

/// Serializes a message for the network.
fn text<T: serde::Serialize>(message: &T) -> Rc<str> {
    // Strings, numbers and lists always have a JSON form. The reader detects an empty text.
    serde_json::to_string(message).unwrap_or_default().into()
}
