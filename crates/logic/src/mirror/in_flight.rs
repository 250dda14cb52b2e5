//! Copies that are under way in an isolate. Their number is bounded, so that a canary that hangs holds few connections. A copy whose request
//! the runtime cancels never ends for Wasm: its place is free again after a while.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// After this time a place is free again, whatever became of its copy. The runtime ends work behind a response after 30 s.
const LONGEST: Duration = Duration::from_mins(1);

/// The copies under way.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    begun: Vec<(Slot, Timestamp)>,
    next: u64,
}

/// The place of one copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u64);

// === impl InFlight ===

impl InFlight {
    /// Takes a place, if fewer than `limit` are taken.
    pub fn begin(&mut self, limit: u32, now: Timestamp) -> Option<Slot> {
        self.begun.retain(|(_, begun)| !now.is_due(*begun, LONGEST));
        if self.begun.len() >= limit as usize {
            return None;
        }
        let slot = Slot(self.next);
        self.next = self.next.wrapping_add(1);
        self.begun.push((slot, now));
        Some(slot)
    }

    /// Frees a place. One that is free already stays so.
    pub fn end(&mut self, slot: Slot) {
        self.begun.retain(|(taken, _)| *taken != slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_under_way() {
        let now = Timestamp::from_seconds(100);
        let mut in_flight = InFlight::default();
        let slots: Vec<_> = (0..9).map(|_| in_flight.begin(8, now)).collect();
        assert_eq!(slots.iter().flatten().count(), 8);
        in_flight.end(slots[3].unwrap());
        in_flight.end(slots[3].unwrap());
        assert!(in_flight.begin(8, now).is_some());
        assert!(in_flight.begin(8, now).is_none());
    }

    #[test]
    fn a_copy_that_never_ends_gives_its_place_back() {
        let mut in_flight = InFlight::default();
        let lost = in_flight.begin(1, Timestamp::from_seconds(100)).unwrap();
        assert!(in_flight.begin(1, Timestamp::from_seconds(159)).is_none());
        let next = in_flight.begin(1, Timestamp::from_seconds(160)).unwrap();
        in_flight.end(lost);
        assert!(in_flight.begin(1, Timestamp::from_seconds(161)).is_none(), "the place is the next copy's");
        in_flight.end(next);
        // The clock went back.
        in_flight.begin(1, Timestamp::from_seconds(500)).unwrap();
        assert!(in_flight.begin(1, Timestamp::from_seconds(100)).is_some());
    }
}
