//! The isolate's copy of the policy: what JavaScript reads from KV comes in here.

use js_sys::Array;
use serin_logic::Timestamp;
use serin_logic::notice::Notice;
use serin_logic::policy::snapshot::Documents;
use serin_logic::policy::{Overlay, Snapshot, Switch};
use serin_runtime::{clock, exception, kv, log};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

use crate::isolate::Isolate;

#[wasm_bindgen]
impl Isolate {
    /// The keys of the policy's documents, in the order in which `read` takes their values.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        kv::keys(&self.settings.state_key).map(str::to_owned).into()
    }

    /// For how long a location may answer with an old value, in seconds.
    #[must_use]
    pub fn cache_seconds(&self) -> u32 {
        kv::CACHE_SECONDS
    }

    /// KV answered: a text for each key, or something else where there is none.
    pub fn read(&self, values: &Array) {
        let mut values = values.iter().map(|value| value.as_string());
        let mut value = || values.next().flatten();
        let documents = Documents { canary_state: value(), switches: Switch::ALL.map(|_| value()) };
        let now = clock::now();
        let before = self.known();
        let (next, notices) = before.read(&self.settings.state_key, documents, now);
        self.replace(&before, next, &notices);
    }

    /// KV did not answer, for this reason.
    /// Gives the reason as text.
    pub fn unread(&self, error: &JsValue) -> String {
        let why = exception::text(error);
        let before = self.known();
        let (next, notice) = before.unread(why.clone());
        self.replace(&before, next, notice.as_slice());
        why
    }

    /// Nobody waits for the first read any longer: nothing is known.
    pub fn begin_unread(&self) {
        self.snapshot.borrow_mut().get_or_insert_default();
    }
}

impl Isolate {
    /// Whether the request that asks is the one that reads: every request while there is no snapshot, because a read that another
    /// request owns dies with that request; one in each interval afterwards.
    pub(crate) fn is_read_due(&self, is_known: bool, now: Timestamp) -> bool {
        let is_due = !is_known || now.since(self.read_begun_at.get()) >= self.settings.refresh;
        if is_due {
            self.read_begun_at.set(now);
        }
        is_due
    }

    /// What the controller says, by way of the location's shard.
    pub(crate) fn hear(&self, overlay: Overlay) {
        let before = self.known();
        let (next, notices) = before.heard(&self.settings.state_key, overlay, clock::now());
        self.replace(&before, next, &notices);
    }

    fn known(&self) -> Rc<Snapshot> {
        self.snapshot.borrow().clone().unwrap_or_default()
    }

    fn replace(&self, before: &Snapshot, next: Snapshot, notices: &[Notice]) {
        log::notices(notices);
        if !next.continues(before) {
            self.breaker.borrow_mut().reset();
        }
        if next.watch() != before.watch() {
            self.observer.begin_watch();
        }
        *self.snapshot.borrow_mut() = Some(Rc::new(next));
    }
}
