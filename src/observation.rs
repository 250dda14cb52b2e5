//! What becomes of observed requests: counted here, and handed to the location's shard by JavaScript. The shard's answer is what holds by
//! the controller's word.

use core::cell::{Cell, OnceCell, RefCell};

use serin_logic::observation::{Observed, Tally};
use serin_logic::policy::Overlay;
use serin_logic::rollout::Observation;
use serin_logic::{Timestamp, Variant};
use serin_runtime::{clock, exception, log, randomness};
use wasm_bindgen::prelude::*;

use crate::isolate::Isolate;
use crate::outcome::Then;

/// A ticket is a watch's number above a unit's 32 bits, which leaves 20 in what a double holds exactly.
const UNITS: f64 = 4_294_967_296.0;
const WATCHES: u32 = 1 << 20;

/// An isolate's observer.
pub(crate) struct Observer {
    tally: OnceCell<RefCell<Tally>>,
    /// Changes with who is observed: an answer to a request from before says nothing about what is observed now. Never 0.
    watch: Cell<u32>,
    /// The last request that was decided to be observed.
    unit: Cell<u32>,
    /// When counts are handed over at the latest.
    flush_at: Cell<Timestamp>,
    is_unreachable: Cell<bool>,
}

// === impl Observer ===

impl Observer {
    pub(crate) fn new() -> Self {
        // By chance, so that answers to requests of an instance that has trapped are not taken for this one's.
        let [first, second, ..] = randomness::bits().unwrap_or_default();
        Self {
            tally: OnceCell::new(),
            watch: Cell::new(u32::from_le_bytes([first, second, 0, 0]) + 1),
            unit: Cell::default(),
            flush_at: Cell::default(),
            is_unreachable: Cell::default(),
        }
    }

    pub(crate) fn begin_watch(&self) {
        self.watch.set(((self.watch.get() + 1) % WATCHES).max(1));
    }

    pub(crate) fn begin(&self, observed: Observed) {
        self.unit.set(observed.unit);
    }

    fn tally(&self) -> &RefCell<Tally> {
        self.tally.get_or_init(|| {
            // Without randomness two isolates may share an id, and one's counts are dropped as sent twice.
            RefCell::new(Tally::of_random(randomness::bits().unwrap_or_default()))
        })
    }
}

#[wasm_bindgen]
impl Isolate {
    /// What a request that was decided to be observed is known by until it is answered.
    #[must_use]
    pub fn ticket(&self) -> f64 {
        f64::from(self.observer.watch.get()) * UNITS + f64::from(self.observer.unit.get())
    }

    /// The rollout that is observed; empty if none is.
    #[must_use]
    pub fn observed_rollout(&self) -> String {
        self.observation().map(|observation| observation.rollout_id).unwrap_or_default()
    }

    /// Its step, from 1.
    #[must_use]
    pub fn observed_step(&self) -> usize {
        self.observation().map_or(0, |observation| observation.step + 1)
    }

    /// How long what was counted may wait to be handed over, in ms.
    #[must_use]
    pub fn flush_ms(&self) -> f64 {
        self.settings.refresh.as_secs_f64() * 1_000.0
    }

    /// Whether anything waits to be handed over.
    #[must_use]
    pub fn has_counts(&self) -> bool {
        !self.observer.tally().borrow().is_empty()
    }

    /// The number of the message to hand over now: the last one until it was taken.
    #[must_use]
    pub fn message(&self) -> f64 {
        self.observer.tally().borrow_mut().flush().seq as f64
    }

    /// The message itself.
    #[must_use]
    pub fn message_body(&self) -> String {
        self.observer.tally().borrow_mut().flush().to_json()
    }

    /// The shard took the message of this number, and says what holds. What is wrong with that, if anything is.
    pub fn delivered(&self, number: f64, answer: &str) -> Option<String> {
        match Overlay::parse(answer) {
            Ok(overlay) => {
                self.observer.is_unreachable.set(false);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it came from a u64")]
                self.observer.tally().borrow_mut().delivered(number as u64);
                if let Some(overlay) = overlay {
                    self.hear(overlay);
                }
                None
            }
            Err(error) => Some(self.unreachable(error.to_string())),
        }
    }

    /// The shard did not take a message. It is sent again. Gives the reason as text.
    #[must_use]
    pub fn undelivered(&self, error: &JsValue) -> String {
        self.unreachable(exception::text(error))
    }
}

impl Isolate {
    /// Counts how an observed request ended.
    pub(crate) fn count(&self, ticket: f64, begun: f64, arm: Variant, failed: bool) -> u32 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is made of two u32")]
        let (watch, unit) = ((ticket / UNITS) as u32, (ticket % UNITS) as u32);
        if watch != self.observer.watch.get() {
            return 0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a time of day in ms is far below 2^53")]
        let latency_ms = clock::now().as_millis() as f64 - begun;
        let is_counted = self.with_watch(|tally, observation| {
            tally.record(observation, Observed { arm, unit }, failed, latency_ms);
        });
        if !is_counted {
            return 0;
        }
        let failed = if failed { Then::Failed as u32 } else { 0 };
        Then::Counted as u32 | failed | self.flush_in_time()
    }

    /// Counts a request that the breaker sent to stable: it is in neither arm.
    pub(crate) fn divert(&self) {
        self.with_watch(Tally::divert);
    }

    pub(crate) fn count_open_breaker(&self) -> bool {
        self.with_watch(Tally::open_breaker)
    }

    fn with_watch(&self, act: impl FnOnce(&mut Tally, &Observation)) -> bool {
        let snapshot = self.snapshot.borrow().clone();
        let watch = snapshot.as_ref().and_then(|snapshot| snapshot.watch());
        if let Some(watch) = watch {
            act(&mut self.observer.tally().borrow_mut(), &watch.observation);
        }
        watch.is_some()
    }

    fn observation(&self) -> Option<Observation> {
        Some(self.snapshot.borrow().as_ref()?.watch()?.observation.as_ref().clone())
    }

    /// Counts are handed over within a refresh interval, also when no further request comes.
    fn flush_in_time(&self) -> u32 {
        let (now, flush_at) = (clock::now(), &self.observer.flush_at);
        if now < flush_at.get() {
            return 0;
        }
        flush_at.set(now.after(self.settings.refresh));
        Then::FlushLater as u32
    }

    /// Logged once, until it works again.
    fn unreachable(&self, why: String) -> String {
        if !self.observer.is_unreachable.replace(true) {
            log::trouble("metrics", why.clone());
        }
        why
    }
}
