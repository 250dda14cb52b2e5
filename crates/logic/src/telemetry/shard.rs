//! One location's shard: ingests the batches of its isolates and reports them to the controller as one. So the controller is asked by
//! locations, not by isolates. The shard also knows what the location's isolates last read from KV, and which orders on switches these
//! reads have confirmed.

use core::mem;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Sample};
use super::deduplicator::Deduplicator;
use crate::policy::{KvReading, SwitchOrders};
use crate::rollout::Overlay;
use crate::timestamp::Timestamp;

/// Everything a shard stores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shard {
    received: Deduplicator,
    seq: u64,
    /// The report in flight. It is resent unchanged until the controller acknowledges it, so that retries are idempotent.
    in_flight: Option<Batch>,
    /// Outcomes for the next report.
    open: Option<Sample>,
    /// All requests for the next report.
    requests: u64,
    /// The controller's latest overlay.
    overlay: Option<Overlay>,
    /// When the controller was last asked.
    asked_at: Timestamp,
    /// The location's last read of KV.
    reading: Option<KvReading>,
    /// The last order on each switch, and whether the location's reads have confirmed it.
    orders: SwitchOrders,
}

// === impl Shard ===

impl Shard {
    /// Counts a batch, unless it was counted before or its observation is over.
    pub fn ingest(&mut self, batch: &Batch, now: Timestamp) {
        if let Some(reading) = &batch.reading {
            self.share(reading, now);
        }
        let is_new = self.received.accept(&batch.from, batch.seq, now);
        if is_new {
            self.requests = self.requests.saturating_add(batch.requests);
        }
        let Some(sample) = batch.sample.as_ref().filter(|_| is_new) else { return };
        match &mut self.open {
            Some(open) if open.observation == sample.observation => open.merge(sample),
            // Isolates learn of an observation through this shard, so one that is not in the overlay is an older one.
            open if self.overlay.as_ref().is_none_or(|overlay| overlay.observes(&sample.observation)) => {
                *open = Some(sample.clone());
            }
            _ => {}
        }
    }

    /// Whether the controller may be asked again: at most once per `refresh`.
    pub fn is_due(&self, refresh: Duration, now: Timestamp) -> bool {
        now.is_due(self.asked_at, refresh)
    }

    /// Whether there are outcomes to report.
    pub fn has_news(&self) -> bool {
        self.open.is_some() || self.in_flight.as_ref().is_some_and(|report| report.sample.is_some())
    }

    /// The report to send at `now`: the one in flight, or a new one.
    pub fn report(&mut self, name: &str, now: Timestamp) -> Batch {
        self.asked_at = now;
        let Self { seq, in_flight, open, requests, .. } = self;
        let next = || {
            *seq = seq.saturating_add(1);
            let (sample, requests) = (open.take(), mem::take(requests));
            Batch { from: name.to_owned(), seq: *seq, sample, requests, ..Batch::default() }
        };
        // The counts stay as they are until they are acknowledged; what is confirmed is news each time.
        Batch { confirmed: self.orders.confirmed(), ..in_flight.get_or_insert_with(next).clone() }
    }

    /// Ends the report of this number and adopts the overlay of the controller's answer. Answers may overtake each other, so an overlay of
    /// an older revision is dropped.
    pub fn acknowledge(&mut self, seq: u64, overlay: Overlay) {
        self.in_flight.take_if(|report| report.seq == seq);
        if self.overlay.as_ref().is_none_or(|known| overlay.revision >= known.revision) {
            self.orders.adopt(overlay.orders.clone());
            self.overlay = Some(overlay);
        }
    }

    /// The overlay for isolates, with what the location knows of KV; none while there is nothing to tell isolates.
    pub fn overlay(&self) -> Option<Overlay> {
        let Self { overlay, reading, orders, .. } = self;
        if overlay.is_none() && reading.is_none() {
            return None;
        }
        let (orders, reading) = (orders.clone(), reading.clone());
        Some(Overlay { orders, reading, ..overlay.clone().unwrap_or_default() })
    }

    /// Keeps an isolate's read of KV, unless a newer one is known.
    fn share(&mut self, reading: &KvReading, now: Timestamp) {
        let read_at = reading.read_at.min(now);
        let is_newer = |known: &KvReading| read_at >= known.read_at || known.read_at > now;
        if self.reading.as_ref().is_none_or(is_newer) {
            let mut reading = reading.clone();
            reading.read_at = read_at;
            self.orders.confirm(|switch| reading.value(switch), read_at);
            self.reading = Some(reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::policy::{KvValues, Switch, SwitchOrder};
    use crate::rollout::Observation;

    fn batch(from: &str, seq: u64, step: usize, requests: u64) -> Batch {
        let mut sample = Sample::new(Observation { rollout_id: "r".into(), attempt: 0, step });
        sample.variants.canary.requests = requests;
        Batch { from: from.into(), seq, sample: Some(sample), ..Batch::default() }
    }

    fn reported(shard: &mut Shard, now: Timestamp) -> u64 {
        let report = shard.report("FRA", now);
        shard.acknowledge(report.seq, Overlay::default());
        report.sample.map_or(0, |sample| sample.variants.canary.requests)
    }

    #[test]
    fn repeated_and_unacknowledged_messages_count_once() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        for (from, seq) in [("a", 1), ("a", 1), ("b", 1), ("a", 2), ("b", 1)] {
            shard.ingest(&batch(from, seq, 0, 10), now);
        }
        let lost = shard.report("FRA", now);
        shard.ingest(&batch("b", 2, 0, 10), now);
        assert_eq!(shard.report("FRA", now), lost);
        assert_eq!(reported(&mut shard, now), 30);
        assert_eq!(reported(&mut shard, now), 10);
        assert!(!shard.has_news());
    }

    #[test]
    fn all_requests_are_reported_once_also_without_outcomes() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        let asks = |from: &str, seq| Batch { from: from.into(), seq, requests: 7, ..Batch::default() };
        for batch in [asks("a", 1), asks("a", 1), asks("b", 1)] {
            shard.ingest(&batch, now);
        }
        assert!(!shard.has_news(), "a report that is not urgent");
        let report = shard.report("FRA", now);
        assert_eq!((report.requests, &shard.report("FRA", now)), (14, &report), "the report in flight");
        shard.acknowledge(report.seq, Overlay::default());
        assert_eq!(shard.report("FRA", now).requests, 0);
    }

    #[test]
    fn a_new_step_starts_from_zero_and_a_late_batch_of_the_old_one_is_dropped() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        shard.ingest(&batch("a", 1, 0, 10), now);
        let mut overlay = Overlay::default();
        overlay.rollout.observation = batch("", 0, 1, 0).sample.map(|sample| sample.observation);
        shard.acknowledge(0, overlay);
        shard.ingest(&batch("b", 1, 1, 7), now);
        shard.ingest(&batch("c", 1, 0, 100), now);
        assert_eq!(reported(&mut shard, now), 7);
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_replace_the_overlay() {
        let mut shard = Shard::default();
        let revision = |revision| Overlay { revision, ..Overlay::default() };
        shard.acknowledge(0, revision(2));
        shard.acknowledge(0, revision(1));
        assert_eq!(shard.overlay().unwrap().revision, 2);
    }

    fn read(from: &str, seq: u64, text: Option<&str>, read_at: Timestamp) -> Batch {
        let switches = Switch::ALL.map(|switch| text.filter(|_| switch == Switch::Maintenance).map(str::to_owned));
        let reading = KvReading::new(&KvValues { switches, ..KvValues::default() }, read_at);
        Batch { from: from.into(), seq, reading, ..Batch::default() }
    }

    fn ordered(number: u64, value: &str) -> Overlay {
        let order = SwitchOrder { number, value: Some(value.into()), ..SwitchOrder::default() };
        let mut overlay = Overlay { revision: number, ..Overlay::default() };
        overlay.orders.insert(Switch::Maintenance, order);
        overlay
    }

    fn is_confirmed(shard: &Shard) -> bool {
        shard.overlay().unwrap().orders.get(Switch::Maintenance).unwrap().confirmed
    }

    #[test]
    fn an_order_holds_in_a_location_until_one_of_its_reads_confirms_it() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        shard.ingest(&read("a", 1, None, now), now);
        shard.acknowledge(0, ordered(1, "x"));
        assert!(!is_confirmed(&shard));
        assert_eq!(shard.report("FRA", now).confirmed, BTreeMap::new());
        shard.ingest(&read("b", 1, Some("x"), now), now);
        assert!(is_confirmed(&shard));
        assert_eq!(shard.report("FRA", now).confirmed, BTreeMap::from([("ops:maintenance".to_owned(), 1)]));
        // An operator clears the key by hand, and the controller repeats its order.
        shard.ingest(&read("a", 2, None, now), now);
        shard.acknowledge(0, ordered(1, "x"));
        assert!(is_confirmed(&shard));
        shard.acknowledge(0, ordered(2, "y"));
        assert!(!is_confirmed(&shard), "a new order holds until it is confirmed");
    }

    #[test]
    fn isolates_get_the_newest_read_of_their_location() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        assert_eq!(shard.overlay(), None);
        let newest = |shard: &Shard| shard.overlay().unwrap().reading.unwrap();
        shard.ingest(&read("a", 1, Some("1"), now), now);
        shard.ingest(&read("b", 1, None, now.before(Duration::from_secs(1))), now);
        assert_eq!(newest(&shard).value(Switch::Maintenance), Some("1"));
        // A clock that is ahead does not make a reading newer than those to come.
        shard.ingest(&read("c", 1, None, now.after(Duration::from_hours(1))), now);
        assert_eq!((newest(&shard).value(Switch::Maintenance), newest(&shard).read_at), (None, now));
        // Nor does one that went back.
        let earlier = now.before(Duration::from_hours(1));
        shard.ingest(&read("a", 2, Some("1"), earlier), earlier);
        assert_eq!(newest(&shard).value(Switch::Maintenance), Some("1"));
    }

    #[test]
    fn the_controller_is_asked_once_per_refresh() {
        let (refresh, now) = (Duration::from_secs(5), Timestamp::from_seconds(100));
        let mut shard = Shard::default();
        assert!(shard.is_due(refresh, now));
        let _ = shard.report("FRA", now);
        assert!(!shard.is_due(refresh, now.after(Duration::from_secs(4))));
        assert!(shard.is_due(refresh, now.after(refresh)));
        assert!(shard.is_due(refresh, now.before(refresh)), "the clock went back");
    }

    #[test]
    fn a_stored_shard_reads_back_as_it_was() {
        let now = Timestamp::from_seconds(100);
        let mut shard = Shard::default();
        shard.ingest(&batch("a", 1, 0, 10), now);
        let _ = shard.report("FRA", now);
        let stored = serde_json::to_string(&shard).unwrap();
        assert_eq!(serde_json::from_str::<Shard>(&stored).unwrap(), shard);
    }
}
