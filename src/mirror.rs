//! Which requests an isolate copies to a canary without visitors, and how many copies it has under way.

use std::cell::{OnceCell, RefCell};

use serin_logic::mirror::{InFlight, Slot};
use serin_logic::sampler::Sampler;
use serin_logic::{Percentage, Timestamp};

use crate::platform::random;

/// An isolate's draws and copies. Nothing is made before a step mirrors.
#[derive(Default)]
pub(crate) struct Mirror {
    sampler: OnceCell<RefCell<Sampler>>,
    in_flight: RefCell<InFlight>,
}

// === impl Mirror ===

impl Mirror {
    /// Whether the next request is in a sample of this percentage. It is drawn and not chosen by the visitor, so that the copies come from as
    /// many visitors as possible.
    pub(crate) fn draws(&self, percentage: Percentage) -> bool {
        let sampler = || RefCell::new(Sampler::of_random(random::bits().unwrap_or_default()));
        self.sampler.get_or_init(sampler).borrow_mut().draw(percentage)
    }

    /// Takes the place of a copy, if fewer than `limit` are under way.
    pub(crate) fn begin(&self, limit: u32, now: Timestamp) -> Option<Slot> {
        self.in_flight.borrow_mut().begin(limit, now)
    }

    /// Frees the place of a copy.
    pub(crate) fn end(&self, slot: Slot) {
        self.in_flight.borrow_mut().end(slot);
    }
}
