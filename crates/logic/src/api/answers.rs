//! Small answers of the control API.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rollout::RolloutView;
use crate::percentage::Percentage;

/// Answer of a command.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandAnswer {
    /// Whether the command had been executed before.
    pub already: bool,
    /// Epoch of the controller after the command.
    pub epoch: u64,
    /// The rollout after the command.
    pub rollout: Option<RolloutView>,
    /// After `resume-canary`, the percentage of visitors that the canary gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Percentage>,
}

/// Answer of a `PUT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeAnswer {
    /// Whether the value was there before.
    pub already: bool,
}

/// Answer of `GET state`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateAnswer {
    /// The document in KV; `null` if there is none, a string if it is not JSON.
    pub state: Value,
}
