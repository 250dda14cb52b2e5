//! Visits: a visitor's first request in each message of an isolate. A visitor with very many requests therefore counts hardly more than any
//! other.

/// Visitors that are remembered. Two that share a place count again after each other.
const PLACES: usize = 1_024;

/// The visitors since the last message.
#[derive(Clone, Debug, Default)]
pub(super) struct Visits(Vec<u32>);

// === impl Visits ===

impl Visits {
    /// Records a request; whether it is a visit.
    pub(super) fn record(&mut self, key: u32) -> bool {
        if self.0.is_empty() {
            self.0.resize(PLACES, 0);
        }
        // 0 marks a free place.
        let key = key.max(1);
        let Some(place) = self.0.get_mut(key as usize % PLACES) else { return true };
        let is_visit = *place != key;
        *place = key;
        is_visit
    }

    /// Begins the next message.
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}
