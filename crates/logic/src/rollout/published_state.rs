//! The `canary-state` document in KV, as far as a rollout reads and writes it.

use serde::{Deserialize, Serialize};

use crate::percentage::Percentage;

/// The fields of `canary-state` that a rollout compares with what it wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedState {
    /// As in the document.
    pub enabled: bool,
    /// As in the document.
    pub percentage: Percentage,
    /// As in the document; `""` where absent.
    pub rollout_id: String,
    /// As in the document.
    pub generation: Option<u64>,
}
