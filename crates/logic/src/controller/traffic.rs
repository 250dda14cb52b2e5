//! How much traffic there was in the last hour, also while no rollout is under way: a start says how long it will take.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

const HOUR: Duration = Duration::from_hours(1);
const SLOT_MS: i64 = 5 * 60_000;
/// Slots of an hour. The last one is the present, which is not over.
const SLOTS: i64 = 12;
/// A rate is never computed over less time, because one report would then make a rate of its own.
const LEAST: Duration = Duration::from_mins(1);

/// Requests of the last hour, in slots of five minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// Time of the first count ever; none before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// Requests by the number of the slot since the Unix epoch.
    slots: BTreeMap<i64, u64>,
}

// === impl Traffic ===

impl Traffic {
    /// Counts requests that were reported at `now`.
    pub fn add(&mut self, requests: u64, now: Timestamp) {
        if requests == 0 {
            return;
        }
        let present = slot(now);
        // Slots of the future are from before the clock went back.
        self.slots.retain(|slot, _| is_recent(*slot, present));
        let count = self.slots.entry(present).or_default();
        *count = count.saturating_add(requests);
        self.since = Some(self.since.map_or(now, |since| since.min(now)));
    }

    /// Requests a minute in the hour before `now`, or since the first count if that is less; 0 without any.
    pub fn per_minute(&self, now: Timestamp) -> f64 {
        let present = slot(now);
        let recent = self.slots.iter().filter(|(slot, _)| is_recent(**slot, present));
        let requests = recent.map(|(_, count)| *count).fold(0, u64::saturating_add);
        let first = Timestamp::from_millis((present - SLOTS + 1).saturating_mul(SLOT_MS));
        let time = now.since(self.since.map_or(first, |since| since.max(first))).clamp(LEAST, HOUR);
        requests as f64 / (time.as_secs_f64() / 60.0)
    }

    /// Whether nothing was ever counted.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.since.is_none()
    }
}

fn slot(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(SLOT_MS)
}

fn is_recent(slot: i64, present: i64) -> bool {
    (present - SLOTS + 1..=present).contains(&slot)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + minute * 60)
    }

    fn steady(minutes: impl Iterator<Item = i64>, requests: u64) -> Traffic {
        let mut traffic = Traffic::default();
        minutes.for_each(|at| traffic.add(requests, minute(at)));
        traffic
    }

    #[test]
    fn the_rate_is_that_of_the_last_hour() {
        let traffic = steady(0..=180, 600);
        assert!((traffic.per_minute(minute(180)) - 600.0).abs() < 60.0, "{}", traffic.per_minute(minute(180)));
        assert!(traffic.slots.len() <= 12, "{traffic:?}");
        let half = traffic.per_minute(minute(210));
        assert!((250.0..350.0).contains(&half), "half an hour of silence: {half}");
        assert!(traffic.per_minute(minute(240)).abs() < 1e-9, "an hour of silence");
    }

    #[test]
    fn a_controller_that_is_new_knows_the_rate_of_its_own_time() {
        assert!(Traffic::default().per_minute(minute(0)).abs() < 1e-9);
        let traffic = steady(0..10, 60);
        assert!((traffic.per_minute(minute(10)) - 60.0).abs() < 1e-9);
        assert!((steady(0..1, 60).per_minute(minute(0)) - 60.0).abs() < 1e-9, "one report is no rate of its own");
    }

    #[test]
    fn after_the_clock_went_back_the_future_does_not_count() {
        let mut traffic = steady(600..660, 1_000);
        traffic.add(60, minute(0));
        assert!((traffic.per_minute(minute(1)) - 60.0).abs() < 1e-9);
        assert_eq!(traffic.slots.len(), 1);
    }

    #[test]
    fn the_stored_form_is_frozen() {
        let json = r#"{"since":1800000000000,"slots":{"6000000":7}}"#;
        assert_eq!(serde_json::to_string(&steady(0..1, 7)).unwrap(), json);
        assert_eq!(serde_json::from_str::<Traffic>(json).unwrap(), steady(0..1, 7));
        assert_eq!(serde_json::from_str::<Traffic>("{}").unwrap(), Traffic::default());
    }

    proptest! {
        #[test]
        fn any_counts_at_any_time_give_a_finite_rate(
            counts in prop::collection::vec((any::<u64>(), -4_000_000_000_000_i64..4_000_000_000_000), 0..20),
            now in -4_000_000_000_000_i64..4_000_000_000_000,
        ) {
            let mut traffic = Traffic::default();
            for (requests, at) in counts {
                traffic.add(requests, Timestamp::from_millis(at));
                prop_assert!(traffic.slots.len() <= 12);
            }
            let rate = traffic.per_minute(Timestamp::from_millis(now));
            prop_assert!(rate.is_finite() && rate >= 0.0);
        }
    }
}
