//! KV: its writes, and the time at which each location can read them. Each location sees a write after its own delay.

use std::rc::Rc;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Map, Value};
use serin_logic::policy::CanaryState;
use serin_logic::rollout::{PublishedState, WriteState};

/// Name of the document in error messages.
pub(crate) const KEY: &str = "canary-state";

/// Readers are locations, by number, and after them the controller.
pub(crate) struct Kv {
    writes: Vec<Write>,
    readers: u32,
    delay_ms: u64,
}

struct Write {
    text: Rc<str>,
    visible_at: Vec<u64>,
}

// === impl Kv ===

impl Kv {
    /// Creates a KV with a document that every location can read.
    pub(crate) fn new(text: &str, readers: u32, delay_ms: u64) -> Self {
        let first = Write { text: text.into(), visible_at: vec![0; readers as usize] };
        Self { writes: vec![first], readers, delay_ms }
    }

    /// The value that `reader` reads at `now`.
    pub(crate) fn read(&self, reader: u32, now: u64) -> Rc<str> {
        let visible =
            |write: &&Write| write.visible_at.get(reader as usize).is_some_and(|visible_at| *visible_at <= now);
        self.writes.iter().rev().find(visible).map(|write| write.text.clone()).unwrap_or_default()
    }

    /// The same value, reduced to the fields that a rollout writes; `None` if the document is not valid.
    pub(crate) fn document(&self, reader: u32, now: u64) -> Option<PublishedState> {
        CanaryState::parse(KEY, &self.read(reader, now)).ok().map(|state| PublishedState::from(&state))
    }

    /// Writes the rollout's document over the last document.
    pub(crate) fn write(&mut self, write: &WriteState, now: u64, rng: &mut StdRng) {
        let last = self.writes.last().map(|write| write.text.clone()).unwrap_or_default();
        let mut document: Map<String, Value> = serde_json::from_str(&last).unwrap_or_default();
        write.patch().apply(&mut document);
        let visible_at = (0..self.readers).map(|_| now + rng.random_range(0..=self.delay_ms)).collect();
        self.writes.push(Write { text: Value::Object(document).to_string().into(), visible_at });
    }
}
