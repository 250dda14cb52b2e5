//! The `canary-state` document in KV, as far as a rollout reads and writes it.

use serde::{Deserialize, Serialize};

use crate::percentage::Percentage;
use crate::version::VersionId;

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
    /// As in the document: the version that is the canary; none where the canary is a Worker of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_version: Option<VersionId>,
}
