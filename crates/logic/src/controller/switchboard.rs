//! Switches that were thrown through the control API. They are in KV too; from here they reach busy isolates within seconds.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::by_name::ByName;
use crate::policy::Switch;
use crate::timestamp::Timestamp;

/// How long a switch is told from here: a minute until KV has it everywhere, and as much again. After that KV alone counts, or
/// whoever clears the key there would wonder.
const SPREADS: Duration = Duration::from_mins(2);

/// What was thrown of late.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Switchboard {
    /// Grows with each change.
    changes: u64,
    on: ByName<Thrown>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Thrown {
    /// As in KV.
    value: String,
    at: Timestamp,
}

impl Switchboard {
    /// Throws (a value as in KV) or clears a switch.
    pub fn set(&mut self, switch: Switch, value: Option<String>, now: Timestamp) {
        self.on.retain(|thrown| now.since(thrown.at) < SPREADS);
        let key = switch.key().to_owned();
        let before = match value {
            Some(value) => self.on.insert(key, Thrown { value, at: now }),
            None => self.on.remove(&key),
        };
        let is_same =
            self.on.get(switch.key()).map(|thrown| &thrown.value) == before.as_ref().map(|thrown| &thrown.value);
        self.changes += u64::from(!is_same);
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// Key and value as in KV, of switches that KV may not have everywhere yet.
    pub(super) fn spreading(&self, now: Timestamp) -> Map<String, Value> {
        let fresh = self.on.iter().filter(|(_, thrown)| now.since(thrown.at) < SPREADS);
        // One by one: `collect` brings a sort along.
        let mut values = Map::new();
        for (key, thrown) in fresh {
            values.insert(key.to_owned(), thrown.value.as_str().into());
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASON: &str = r#"{"reason":"x"}"#;

    #[test]
    fn a_change_is_a_change_once() {
        let now = Timestamp::from_seconds(9);
        let mut board = Switchboard::default();
        for (value, changes) in [(Some(REASON), 1), (Some(REASON), 1), (None, 2), (None, 2), (Some("1"), 3)] {
            board.set(Switch::Maintenance, value.map(str::to_owned), now);
            assert_eq!(board.changes(), changes, "{value:?}");
        }
    }

    #[test]
    fn it_is_told_until_kv_has_it_everywhere() {
        let now = Timestamp::from_seconds(9);
        let mut board = Switchboard::default();
        board.set(Switch::Maintenance, Some(REASON.into()), now);
        assert_eq!(board.spreading(now.after(Duration::from_secs(119))).len(), 1);
        assert_eq!(board.spreading(now.after(SPREADS)).len(), 0);
    }
}
