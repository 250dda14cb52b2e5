//! Switches that were set through the control API. KV has them too; from here they reach busy isolates within seconds, and they hold in a
//! location until its reads of KV have confirmed them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::policy::switches::Setting;
use crate::policy::{KV_SPREADS, Switch, SwitchOrder, SwitchOrders};
use crate::timestamp::Timestamp;

/// The last order on each switch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SwitchOverrides {
    /// Number of the last order.
    changes: u64,
    orders: SwitchOrders,
    /// Locations whose reads of KV have confirmed the last order, by the switch's key.
    confirmed: BTreeMap<String, BTreeSet<String>>,
}

// === impl SwitchOverrides ===

impl SwitchOverrides {
    /// Orders a switch to a value for KV, or off. `found` is what KV had before, empty where it had nothing, and none where KV was not
    /// asked. Returns whether that was the last order too. It takes effect all the same, because the value in KV may have been edited by
    /// hand since.
    pub fn order(&mut self, switch: Switch, value: Option<String>, found: Option<String>, now: Timestamp) -> bool {
        self.changes += 1;
        let number = self.changes;
        let before = self.orders.get(switch).cloned();
        let setting = Setting::parse(value.as_deref());
        let already = before.as_ref().is_some_and(|before| before.setting() == setting);
        let before = before.unwrap_or_default();
        let found_on = found.clone().filter(|found| Setting::parse(Some(found)).on);
        let last_on = found_on.or(before.value).or(before.cleared);
        let is_known = last_on.as_deref().is_some_and(|last| Setting::parse(Some(last)) == setting);
        // A location that lags may still read the same value of an earlier order. That must not confirm this one.
        let value = value.map(|value| if is_known { numbered(&value, number) } else { value });
        let order = SwitchOrder {
            number,
            cleared: last_on.or(found).filter(|_| value.is_none()),
            value,
            since: if already { before.since } else { now },
            ..SwitchOrder::default()
        };
        self.orders.insert(switch, order);
        self.confirmed.remove(switch.key());
        already
    }

    /// The last order on a switch.
    pub fn get(&self, switch: Switch) -> Option<&SwitchOrder> {
        self.orders.get(switch)
    }

    /// The value that was ordered last, without the mark that tells orders apart; none where the switch is off.
    pub fn value(&self, switch: Switch) -> Option<String> {
        self.orders.get(switch)?.value.as_deref().map(without_number)
    }

    /// A switch whose last order KV has not taken yet.
    pub fn unwritten(&self) -> Option<(Switch, &SwitchOrder)> {
        let orders = Switch::ALL.into_iter().filter_map(|switch| Some((switch, self.orders.get(switch)?)));
        orders.into_iter().find(|(_, order)| order.written_at.is_none())
    }

    /// Records that KV took the order of this number.
    pub fn written(&mut self, switch: Switch, number: u64, now: Timestamp) {
        if let Some(order) = self.orders.get_mut(switch).filter(|order| order.number == number) {
            order.written_at = Some(now);
        }
    }

    /// Records the orders that a location's reads of KV have confirmed.
    pub(super) fn confirm(&mut self, location: &str, confirmed: &BTreeMap<String, u64>) {
        for switch in Switch::ALL {
            let number = self.orders.get(switch).map(|order| order.number);
            if number.is_some() && number == confirmed.get(switch.key()).copied() {
                self.confirmed.entry(switch.key().to_owned()).or_default().insert(location.to_owned());
            }
        }
    }

    /// Number of changes so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The last order on each switch, for isolates.
    pub(super) fn orders(&self) -> SwitchOrders {
        self.orders.clone()
    }

    /// The same for people: confirmed, where all of these locations and at least one have confirmed it.
    pub(super) fn summary<'a>(&self, locations: &(impl Iterator<Item = &'a str> + Clone)) -> SwitchOrders {
        let mut orders = self.orders.clone();
        for switch in Switch::ALL {
            let confirmed = self.confirmed.get(switch.key());
            let everywhere = confirmed.is_some_and(|by| locations.clone().all(|location| by.contains(location)));
            if let Some(order) = orders.get_mut(switch) {
                order.confirmed = everywhere;
            }
        }
        orders
    }

    /// Key and value of each switch that was turned on of late, for isolates that do not know orders.
    pub(super) fn spreading(&self, now: Timestamp) -> BTreeMap<String, String> {
        let orders = Switch::ALL.into_iter().filter_map(|switch| Some((switch, self.orders.get(switch)?)));
        let spreading = orders.filter(|(_, order)| !now.is_due(order.since, KV_SPREADS));
        spreading.filter_map(|(switch, order)| Some((switch.key().to_owned(), order.value.clone()?))).collect()
    }
}

/// The field of a value that tells it from the same value of another order.
const NUMBER: &str = "order";

/// A value that means the same and is like no other.
fn numbered(value: &str, number: u64) -> String {
    let mut object: Map<String, Value> = serde_json::from_str(value).unwrap_or_default();
    object.insert(NUMBER.to_owned(), number.into());
    Value::from(object).to_string()
}

fn without_number(value: &str) -> String {
    let Ok(mut object) = serde_json::from_str::<Map<String, Value>>(value) else { return value.to_owned() };
    object.remove(NUMBER);
    Value::from(object).to_string()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const ON: Option<&str> = Some(r#"{"reason":"x"}"#);
    const NOW: Timestamp = Timestamp::from_seconds(9);
    const MAINTENANCE: Switch = Switch::Maintenance;

    #[test]
    fn an_order_that_was_the_last_one_too_is_already_and_counts_all_the_same() {
        let mut switches = SwitchOverrides::default();
        for (value, already) in [(None, false), (ON, false), (ON, true), (None, false), (None, true), (ON, false)] {
            let changes = switches.changes();
            assert_eq!(switches.order(MAINTENANCE, value.map(str::to_owned), None, NOW), already, "{value:?}");
            assert_eq!(switches.changes(), changes + 1);
        }
    }

    #[test]
    fn two_orders_on_never_have_the_same_value_and_mean_the_same() {
        let mut switches = SwitchOverrides::default();
        let mut values = BTreeSet::new();
        for value in [ON, ON, None, None, ON, None, ON] {
            switches.order(MAINTENANCE, value.map(str::to_owned), None, NOW);
            let order = switches.get(MAINTENANCE).unwrap();
            assert_eq!(order.setting(), Setting::parse(value));
            assert!(order.value.is_none() || values.insert(order.value.clone()), "{values:?}");
            assert_eq!(switches.value(MAINTENANCE).as_deref(), value, "for people it is as it was ordered");
        }
        assert!(values.contains(&ON.map(str::to_owned)), "the first is as it was ordered");
    }

    #[test]
    fn a_switch_is_on_since_it_was_first_ordered() {
        let mut switches = SwitchOverrides::default();
        let since = |switches: &SwitchOverrides| switches.get(MAINTENANCE).unwrap().since;
        let later = NOW.after(Duration::from_mins(1));
        switches.order(MAINTENANCE, ON.map(str::to_owned), None, NOW);
        switches.order(MAINTENANCE, ON.map(str::to_owned), None, later);
        assert_eq!(since(&switches), NOW);
        switches.order(MAINTENANCE, Some("1".into()), None, later);
        assert_eq!(since(&switches), later);
    }

    #[test]
    fn an_order_off_knows_the_value_that_it_clears_and_confirms_every_other_one() {
        let confirmed = |last: Option<&str>, found: Option<&str>, read: &str| {
            let mut switches = SwitchOverrides::default();
            if last.is_some() {
                switches.order(MAINTENANCE, last.map(str::to_owned), None, NOW);
            }
            switches.order(MAINTENANCE, None, found.map(str::to_owned), NOW);
            switches.get(MAINTENANCE).unwrap().is_confirmed_by(Some(read), NOW)
        };
        for (last, found, read, expected) in [
            // It is not known what KV had: a value may be an old one.
            (None, None, "by hand", false),
            // KV had nothing: a value is a new one.
            (None, Some(""), "by hand", true),
            (None, Some("off"), "by hand", true),
            // KV had a value that was put there by hand: it is what the order clears.
            (None, Some("by hand"), "by hand", false),
            (None, Some("by hand"), "another", true),
            (ON, Some("by hand"), "by hand", false),
            // The controller's own value may still be read where KV lags, even if it is gone where the controller is.
            (ON, Some(""), r#"{"reason":"x"}"#, false),
            (ON, Some(""), "by hand", true),
        ] {
            assert_eq!(confirmed(last, found, read), expected, "{last:?} {found:?} {read}");
        }
    }

    #[test]
    fn an_order_is_unwritten_until_kv_has_taken_it_and_not_an_older_one() {
        let mut switches = SwitchOverrides::default();
        assert_eq!(switches.unwritten(), None);
        switches.order(MAINTENANCE, ON.map(str::to_owned), None, NOW);
        switches.order(MAINTENANCE, None, None, NOW);
        switches.written(MAINTENANCE, 1, NOW);
        assert_eq!(switches.unwritten().map(|(switch, order)| (switch, order.number)), Some((MAINTENANCE, 2)));
        switches.written(MAINTENANCE, 2, NOW);
        assert_eq!(switches.unwritten(), None);
    }

    #[test]
    fn an_order_is_confirmed_for_people_when_every_location_has_confirmed_it() {
        let mut switches = SwitchOverrides::default();
        switches.order(MAINTENANCE, ON.map(str::to_owned), None, NOW);
        let confirmed = |switches: &SwitchOverrides, locations: &[&str]| {
            switches.summary(&locations.iter().copied()).get(MAINTENANCE).unwrap().confirmed
        };
        assert!(!confirmed(&switches, &[]));
        switches.confirm("FRA", &BTreeMap::from([(MAINTENANCE.key().to_owned(), 1)]));
        switches.confirm("SYD", &BTreeMap::from([(MAINTENANCE.key().to_owned(), 7)]));
        assert!(confirmed(&switches, &["FRA"]) && !confirmed(&switches, &["FRA", "SYD"]));
        switches.order(MAINTENANCE, None, None, NOW);
        assert!(!confirmed(&switches, &["FRA"]), "a new order");
    }

    #[test]
    fn isolates_that_do_not_know_orders_get_switches_for_two_minutes() {
        let mut switches = SwitchOverrides::default();
        switches.order(MAINTENANCE, ON.map(str::to_owned), None, NOW);
        assert_eq!(switches.spreading(NOW.after(Duration::from_secs(119))).len(), 1);
        assert_eq!(switches.spreading(NOW.after(KV_SPREADS)).len(), 0);
        switches.order(MAINTENANCE, None, None, NOW);
        assert_eq!(switches.spreading(NOW).len(), 0);
    }

    #[test]
    fn an_older_stored_document_is_read() {
        let stored = r#"{"changes":3,"on":{"ops:maintenance":{"value":"1","at":5}}}"#;
        let switches: SwitchOverrides = serde_json::from_str(stored).unwrap();
        assert_eq!(switches.changes(), 3);
    }
}
