//! Small answers of the control API.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rollout::RolloutView;
use crate::percentage::Percentage;

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
    /// The command was only checked, and nothing has changed. The other fields say what it would lead to.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What may surprise about a start, as sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// After `resume-canary`, the percentage of visitors that the canary gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Percentage>,
    /// Ways of the command that failed.
    #[serde(skip_serializing_if = "FailedWays::is_empty")]
    pub failed: FailedWays,
}

/// Answer of a `PUT`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeAnswer {
    /// Whether the last order was the same. Without a controller, nobody knows, and this is false.
    pub already: bool,
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

// === impl FailedWays ===

impl FailedWays {
    /// Whether both ways worked.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// One line for each way that failed, for people.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let line = |way: &str, why: &Option<String>| why.as_ref().map(|why| format!("{way} does not have it: {why}"));
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
