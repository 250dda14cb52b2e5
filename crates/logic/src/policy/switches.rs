//! The kill switches: `ops:*` keys, each on its own.
//!
//! Every value except the few words for "off" throws a switch, so that a slip of the pen does not leave it off.

use serde::Serialize;
use serde_json::Value;

use crate::timestamp::Timestamp;

/// A kill switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// Every request goes to stable.
    DisableCanary,
    /// Requests that write get 503.
    DisableWrites,
    /// Every request gets 503.
    Maintenance,
}

/// The value of a switch's key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Whether the switch was turned on.
    pub on: bool,
    /// The operator's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time at which the switch clears itself. Without it, the switch stays on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// All switches, as last read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    settings: [Setting; Switch::ALL.len()],
}

// === impl Switch ===

impl Switch {
    /// Every switch, in the order in which a decision checks them.
    pub const ALL: [Self; 3] = [Self::Maintenance, Self::DisableWrites, Self::DisableCanary];

    /// The KV key.
    pub const fn key(self) -> &'static str {
        match self {
            Self::DisableCanary => "ops:disable_canary",
            Self::DisableWrites => "ops:disable_writes",
            Self::Maintenance => "ops:maintenance",
        }
    }

    /// The name in the control API.
    pub fn name(self) -> &'static str {
        self.key().strip_prefix("ops:").unwrap_or(self.key())
    }

    /// The switch of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|switch| switch.name() == name)
    }

    pub(crate) const fn position(self) -> usize {
        match self {
            Self::Maintenance => 0,
            Self::DisableWrites => 1,
            Self::DisableCanary => 2,
        }
    }
}

// === impl Setting ===

impl Setting {
    /// Parses a key's value. No value is an error.
    pub fn parse(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default().trim();
        if ["", "0", "false", "off", "no"].iter().any(|off| text.eq_ignore_ascii_case(off)) {
            return Self::default();
        }
        let details = serde_json::from_str::<Value>(text).ok();
        let detail = |name: &str| details.as_ref()?.get(name)?.as_str();
        Self {
            on: true,
            reason: detail("reason").map(str::to_owned),
            // The switch stays on where its end cannot be parsed.
            until: detail("until").and_then(Timestamp::parse),
        }
    }

    /// Whether the switch is on at this moment.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.on && self.until.is_none_or(|until| now < until)
    }

    /// The setting that is on, and of two the one that lasts longer.
    pub(crate) fn or(&self, other: &Self) -> Self {
        let lasts_longer = match (self.until, other.until) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(others)) => own >= others,
        };
        if self.on && (lasts_longer || !other.on) { self.clone() } else { other.clone() }
    }
}

// === impl Switches ===

impl Switches {
    /// Parses the values that `value_of` returns for the switches.
    pub fn read<'a>(value_of: impl Fn(Switch) -> Option<&'a str>) -> Self {
        Self { settings: Switch::ALL.map(|switch| Setting::parse(value_of(switch))) }
    }

    /// The switches with another setting for each.
    pub(crate) fn map(&self, setting: impl Fn(Switch, &Setting) -> Setting) -> Self {
        Self { settings: Switch::ALL.map(|switch| setting(switch, self.get(switch))) }
    }

    /// The setting of one switch.
    pub fn get(&self, switch: Switch) -> &Setting {
        // The position is below the length for every switch; the compiler sees it too.
        #[expect(clippy::indexing_slicing, reason = "position() is below ALL.len() for every switch")]
        &self.settings[switch.position()]
    }

    /// Whether a switch is on at this moment.
    pub fn is_on(&self, switch: Switch, now: Timestamp) -> bool {
        self.get(switch).is_on(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn only_the_words_for_off_are_off() {
        for off in ["", " ", "0", "false", "FALSE", "Off", "no", "NO", " no \n"] {
            assert!(!Setting::parse(Some(off)).is_on(NOW), "{off:?}");
        }
        assert!(!Setting::parse(None).is_on(NOW));
        for on in ["1", "true", "on", "yes", "ture", "00", "{}", "[]", "null", "{\"on\": false}", "🐤"] {
            assert!(Setting::parse(Some(on)).is_on(NOW), "{on:?}");
        }
    }

    #[test]
    fn a_switch_with_an_end_clears_itself() {
        let setting = Setting::parse(Some(r#"{"reason": "migration", "until": "2027-01-15T08:00:00Z"}"#));
        assert_eq!(setting.reason.as_deref(), Some("migration"));
        let until = setting.until.unwrap();
        assert!(setting.is_on(Timestamp::from_millis(until.as_millis() - 1)));
        assert!(!setting.is_on(until));
    }

    #[test]
    fn an_end_that_cannot_be_read_is_no_end() {
        let setting = Setting::parse(Some(r#"{"until": "tomorrow"}"#));
        assert!(setting.is_on(Timestamp::from_seconds(i64::MAX / 1000)));
    }

    #[test]
    fn each_switch_reads_its_own_key() {
        for thrown in Switch::ALL {
            let switches = Switches::read(|switch| (switch == thrown).then_some("1"));
            for switch in Switch::ALL {
                assert_eq!(switches.is_on(switch, NOW), switch == thrown);
            }
        }
    }

    #[test]
    fn of_two_places_that_say_different_things_on_wins_and_the_longer() {
        let (off, on) = (Setting::default(), Setting { on: true, ..Setting::default() });
        let until = |seconds| Setting { until: Some(Timestamp::from_seconds(seconds)), ..on.clone() };
        for (one, other, both) in [
            (&off, &on, &on),
            (&on, &off, &on),
            (&off, &off, &off),
            (&on, &until(5), &on),
            (&until(5), &on, &on),
            (&until(5), &until(7), &until(7)),
            (&until(7), &off, &until(7)),
        ] {
            assert_eq!(one.or(other), *both);
        }
    }

    proptest! {
        #[test]
        fn no_value_is_an_error(text in ".*") {
            let _ = Setting::parse(Some(&text)).is_on(NOW);
        }
    }
}
