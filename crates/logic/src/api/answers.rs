//! Small answers of the control API.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::expected::ExpectedView;
use super::rollout::RolloutView;
use super::status::SwitchView;
use crate::percentage::Percentage;
use crate::policy::switches::Setting;

/// Answer of a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CommandAnswer {
    /// Whether the command had been executed before.
    pub already: bool,
    /// Epoch of the controller after the command.
    pub epoch: u64,
    /// The rollout after the command.
    pub rollout: Option<RolloutView>,
    /// The command was only checked, and nothing has changed. The other fields have the state that it would lead to.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Warnings about a start, as sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// How long the started rollout is expected to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedView>,
    /// After `resume-canary`, the percentage of visitors that the canary gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Percentage>,
    /// Ways of the command that failed.
    #[serde(skip_serializing_if = "FailedWays::is_empty")]
    pub failed: FailedWays,
}

/// Answer of a `PUT`: of a switch, or of `canary-state`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeAnswer<T> {
    /// Whether the last command was the same. Without a controller this is not known, and false.
    pub already: bool,
    /// The value before; none where KV could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<T>,
    /// The value after the command.
    pub after: T,
    /// Ways of the change that failed.
    #[serde(skip_serializing_if = "FailedWays::is_empty")]
    pub failed: FailedWays,
}

/// A switch and a halt reach isolates by two ways, the controller and KV. Where one fails, the other is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FailedWays {
    /// Why the controller does not have the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller: Option<String>,
    /// Why KV does not have the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv: Option<String>,
}

// === impl ChangeAnswer ===

impl ChangeAnswer<SwitchView> {
    /// The answer about a switch that was ordered to this value for KV, none to clear it.
    pub fn of_switch(before: Option<SwitchView>, value: Option<&str>) -> Self {
        Self { before, after: SwitchView::ordered(&Setting::parse(value)), ..Self::default() }
    }
}

impl ChangeAnswer<StateAnswer> {
    /// The answer about a `canary-state` that was written over `before`. An outer none is a document that could not be read.
    pub fn of_state(before: Option<Option<&str>>, document: &str) -> Self {
        Self { before: before.map(StateAnswer::of), after: StateAnswer::of(Some(document)), ..Self::default() }
    }
}

// === impl FailedWays ===

impl FailedWays {
    /// Whether both ways worked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// One line for each way that failed, for people.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let line =
            |way: &str, why: &Option<String>| why.as_ref().map(|why| format!("{way} did not get the change: {why}"));
        [line("the controller", &self.controller), line("KV", &self.kv)].into_iter().flatten()
    }
}

/// Answer of `GET state`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateAnswer {
    /// The document in KV; `null` if there is none, a string if it is not JSON.
    pub state: Value,
}

// === impl StateAnswer ===

impl StateAnswer {
    /// The document of this text in KV; none where the key is absent.
    pub fn of(text: Option<&str>) -> Self {
        let state = text.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
        Self { state: state.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_from_what_to_what_as_far_as_it_is_known() {
        let json = |answer: &ChangeAnswer<StateAnswer>| serde_json::to_string(answer).unwrap();
        let document = r#"{"enabled":true}"#;
        let expected = r#"{"already":false,"before":{"state":null},"after":{"state":{"enabled":true}}}"#;
        assert_eq!(json(&ChangeAnswer::of_state(Some(None), document)), expected);
        let expected = r#"{"already":false,"before":{"state":"{"},"after":{"state":{"enabled":true}}}"#;
        assert_eq!(json(&ChangeAnswer::of_state(Some(Some("{")), document)), expected);
        assert_eq!(
            json(&ChangeAnswer::of_state(None, document)),
            r#"{"already":false,"after":{"state":{"enabled":true}}}"#
        );
        let switch = ChangeAnswer::of_switch(Some(SwitchView::default()), Some(r#"{"reason":"database"}"#));
        let expected = r#"{"already":false,"before":{"on":false},"after":{"on":true,"reason":"database"}}"#;
        assert_eq!(serde_json::to_string(&switch).unwrap(), expected);
        let older: ChangeAnswer<SwitchView> = serde_json::from_str(r#"{"already":true}"#).unwrap();
        assert_eq!(older, ChangeAnswer { already: true, ..ChangeAnswer::default() });
    }
}
