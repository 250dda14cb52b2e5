//! Switches that were set through the control API. KV has them too; from here they reach busy isolates within seconds.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::policy::Switch;
use crate::timestamp::Timestamp;

/// Time during which a switch is in the overlay: a minute until KV has it everywhere, and as much again. After that KV alone counts, so that
/// an operator who clears the key in KV clears the switch.
const SPREADS: Duration = Duration::from_mins(2);

/// The switches that were set of late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SwitchOverrides {
    /// Grows with each change.
    changes: u64,
    /// By the switch's key in KV.
    on: BTreeMap<String, SwitchOverride>,
}

/// A switch that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SwitchOverride {
    /// The switch's value in KV.
    value: String,
    at: Timestamp,
}

// === impl SwitchOverrides ===

impl SwitchOverrides {
    /// Sets a switch to a value as KV has it, or clears it.
    pub fn set(&mut self, switch: Switch, value: Option<String>, now: Timestamp) {
        self.on.retain(|_, switch| switch.is_spreading(now));
        let key = switch.key();
        let before = self.on.remove(key);
        if before.as_ref().map(|before| &before.value) != value.as_ref() {
            self.changes += 1;
        }
        if let Some(value) = value {
            self.on.insert(key.to_owned(), SwitchOverride { value, at: now });
        }
    }

    /// Number of changes so far.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Key and value of each switch that may not have reached all of KV yet.
    pub(super) fn spreading(&self, now: Timestamp) -> BTreeMap<String, String> {
        let spreading = self.on.iter().filter(|(_, switch)| switch.is_spreading(now));
        spreading.map(|(key, switch)| (key.clone(), switch.value.clone())).collect()
    }
}

// === impl SwitchOverride ===

impl SwitchOverride {
    fn is_spreading(&self, now: Timestamp) -> bool {
        now.since(self.at) < SPREADS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASON: &str = r#"{"reason":"x"}"#;

    #[test]
    fn a_change_is_a_change_once() {
        let now = Timestamp::from_seconds(9);
        let mut switches = SwitchOverrides::default();
        for (value, changes) in [(Some(REASON), 1), (Some(REASON), 1), (None, 2), (None, 2), (Some("1"), 3)] {
            switches.set(Switch::Maintenance, value.map(str::to_owned), now);
            assert_eq!(switches.changes(), changes, "{value:?}");
        }
    }

    #[test]
    fn a_switch_is_in_the_overlay_until_kv_has_it_everywhere() {
        let now = Timestamp::from_seconds(9);
        let mut switches = SwitchOverrides::default();
        switches.set(Switch::Maintenance, Some(REASON.into()), now);
        assert_eq!(switches.spreading(now.after(Duration::from_secs(119))).len(), 1);
        assert_eq!(switches.spreading(now.after(SPREADS)).len(), 0);
    }
}
