//! Switches that were thrown through the control API. They are in KV too; from here they reach busy isolates within seconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::policy::Switch;
use crate::policy::switches::Setting;

/// What was thrown and not cleared again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Switchboard {
    /// Grows with each change.
    changes: u64,
    /// Key and value as in KV.
    on: BTreeMap<String, String>,
}

impl Switchboard {
    /// Throws (a value as in KV) or clears a switch; false: it was so already.
    pub fn set(&mut self, switch: Switch, value: Option<String>) -> bool {
        let key = switch.key().to_owned();
        let has_changed = self.on.get(&key) != value.as_ref();
        match value {
            Some(value) => self.on.insert(key, value),
            None => self.on.remove(&key),
        };
        self.changes += u64::from(has_changed);
        has_changed
    }

    /// What is set here for a switch.
    #[must_use]
    pub fn get(&self, switch: Switch) -> Setting {
        Setting::parse(self.on.get(switch.key()).map(String::as_str))
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn values(&self) -> &BTreeMap<String, String> {
        &self.on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    #[test]
    fn a_change_is_a_change_once() {
        let mut board = Switchboard::default();
        assert!(board.set(Switch::Maintenance, Some(r#"{"reason":"x"}"#.into())));
        assert!(!board.set(Switch::Maintenance, Some(r#"{"reason":"x"}"#.into())));
        assert!(board.get(Switch::Maintenance).is_on(Timestamp::default()));
        assert!(board.set(Switch::Maintenance, None));
        assert!(!board.set(Switch::Maintenance, None));
        assert_eq!((board.changes(), board.values().len()), (2, 0));
    }
}
