//! Orders on kill switches that the control API took. An order holds in a location until that location's reads of KV have confirmed it
//! once. From then on KV decides, so that an operator who edits KV by hand has the last word.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Switch;
use super::switches::Setting;
use crate::timestamp::Timestamp;

/// Time for which a read of KV may return the value from before a write: a minute until every location has it, and as much again.
pub const KV_SPREADS: Duration = Duration::from_mins(2);

/// An order on a kill switch. Isolates and objects of other versions read it, so fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SwitchOrder {
    /// An order of a higher number is newer.
    pub number: u64,
    /// The value for KV; none clears the switch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value before, where the order clears the switch; empty where KV had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared: Option<String>,
    /// Time from which the switch is in this position.
    pub since: Timestamp,
    /// When KV took the value; none while it has not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_at: Option<Timestamp>,
    /// Whether the location's reads of KV have confirmed the order.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
}

/// The last order on each switch, by the switch's key in KV.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SwitchOrders(BTreeMap<String, SwitchOrder>);

// === impl SwitchOrder ===

impl SwitchOrder {
    /// The setting that is ordered.
    pub fn setting(&self) -> Setting {
        Setting::parse(self.value.as_deref())
    }

    /// Whether a read of KV confirms the order.
    ///
    /// A switch that was ordered on is confirmed by its value alone, however long that takes. One that was ordered off is confirmed as well
    /// by a value that another writer put there, and by any value that is there long after KV took the order, because a switch that an
    /// operator turned on in KV by hand must not stay without effect.
    pub fn is_confirmed_by(&self, value: Option<&str>, read_at: Timestamp) -> bool {
        if self.value.is_some() {
            return value == self.value.as_deref();
        }
        let is_off = !Setting::parse(value).on;
        let is_of_another = self.cleared.is_some() && value != self.cleared.as_deref();
        // Either way round, because the clock may have gone back.
        let apart = |at: Timestamp| read_at.since(at).max(at.since(read_at));
        is_off || is_of_another || self.written_at.is_some_and(|at| apart(at) >= KV_SPREADS)
    }
}

// === impl SwitchOrders ===

impl SwitchOrders {
    /// The last order on a switch.
    pub fn get(&self, switch: Switch) -> Option<&SwitchOrder> {
        self.0.get(switch.key())
    }

    /// Replaces the order on a switch.
    pub fn insert(&mut self, switch: Switch, order: SwitchOrder) {
        self.0.insert(switch.key().to_owned(), order);
    }

    /// The order on a switch, to change it.
    pub fn get_mut(&mut self, switch: Switch) -> Option<&mut SwitchOrder> {
        self.0.get_mut(switch.key())
    }

    /// Whether there is no order.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over newer orders, and the writes of the known ones. An order that is missing in `others` stays.
    pub fn adopt(&mut self, others: Self) {
        for (key, other) in others.0 {
            let known = self.0.entry(key).or_default();
            if other.number > known.number {
                *known = other;
            } else if other.number == known.number {
                known.written_at = known.written_at.or(other.written_at);
            }
        }
    }

    /// Confirms the orders that a read of KV confirms.
    pub fn confirm<'a>(&mut self, value_of: impl Fn(Switch) -> Option<&'a str>, read_at: Timestamp) {
        for switch in Switch::ALL {
            if let Some(order) = self.get_mut(switch) {
                order.confirmed = order.confirmed || order.is_confirmed_by(value_of(switch), read_at);
            }
        }
    }

    /// Number of the confirmed order on each switch, by its key.
    pub fn confirmed(&self) -> BTreeMap<String, u64> {
        let confirmed = self.0.iter().filter(|(_, order)| order.confirmed);
        confirmed.map(|(key, order)| (key.clone(), order.number)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_seconds(1_800_000_000 + 100_000);

    fn on(value: &str) -> SwitchOrder {
        SwitchOrder { number: 1, value: Some(value.into()), since: AT, written_at: Some(AT), ..SwitchOrder::default() }
    }

    fn off(cleared: Option<&str>, written_at: Option<Timestamp>) -> SwitchOrder {
        SwitchOrder { number: 1, cleared: cleared.map(str::to_owned), since: AT, written_at, ..SwitchOrder::default() }
    }

    #[test]
    fn an_order_on_is_confirmed_by_its_value_alone() {
        assert!(on("x").is_confirmed_by(Some("x"), AT));
        for other in [None, Some(""), Some("off"), Some("y")] {
            assert!(!on("x").is_confirmed_by(other, LATER), "{other:?}");
        }
    }

    #[test]
    fn an_order_off_is_confirmed_by_off_by_another_value_and_by_any_value_long_after_the_write() {
        let soon = AT.after(Duration::from_secs(119));
        for (order, value, read_at, confirmed) in [
            (off(Some("x"), Some(AT)), None, AT, true),
            (off(Some("x"), None), Some("off"), AT, true),
            (off(Some("x"), Some(AT)), Some("x"), soon, false),
            (off(Some("x"), Some(AT)), Some("y"), AT, true),
            (off(None, Some(AT)), Some("y"), soon, false),
            (off(None, Some(AT)), Some("y"), AT.after(KV_SPREADS), true),
            (off(None, Some(AT)), Some("y"), AT.before(Duration::from_secs(1)), false),
            (off(None, Some(AT)), Some("y"), AT.before(Duration::from_hours(1)), true),
            (off(Some("x"), None), Some("x"), LATER, false),
        ] {
            assert_eq!(order.is_confirmed_by(value, read_at), confirmed, "{order:?} {value:?}");
        }
    }

    #[test]
    fn a_newer_order_replaces_an_older_one_in_any_sequence_and_a_missing_one_stays() {
        let orders = |order: SwitchOrder| {
            let mut orders = SwitchOrders::default();
            orders.insert(Switch::Maintenance, order);
            orders
        };
        let newer = SwitchOrder { number: 2, ..off(Some("x"), None) };
        for sequence in [[on("x"), newer.clone()], [newer.clone(), on("x")]] {
            let mut known = SwitchOrders::default();
            for order in sequence {
                known.adopt(orders(order));
                known.adopt(SwitchOrders::default());
            }
            assert_eq!(known, orders(newer.clone()));
        }
        let mut known = orders(SwitchOrder { written_at: None, confirmed: true, ..on("x") });
        known.adopt(orders(on("x")));
        known.adopt(orders(SwitchOrder { written_at: None, ..on("x") }));
        assert_eq!(known, orders(SwitchOrder { confirmed: true, ..on("x") }), "what is known is not forgotten");
    }

    proptest! {
        #[test]
        fn no_read_but_its_own_value_confirms_an_order_on(value in "[a-z]{1,3}", read in prop::option::of("[a-z]{0,3}"), after in 0_u64..1_000_000) {
            let confirmed = on(&value).is_confirmed_by(read.as_deref(), AT.after(Duration::from_secs(after)));
            prop_assert_eq!(confirmed, read.as_deref() == Some(value.as_str()));
        }
    }
}
