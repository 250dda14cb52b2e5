//! What a rollout has mirrored: the load it added, and what differed.

use serde::{Deserialize, Serialize};

use crate::analysis::PairCounts;
use crate::mirror::Differences;
use crate::telemetry::MirrorSample;

/// Sums over a rollout, as far as isolates have reported them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MirrorTotals {
    /// Copies that the canary answered or failed.
    pub counts: PairCounts,
    /// Requests that were not copied because too many copies were under way in their isolate.
    pub busy: u64,
    /// Requests that were not copied because a breaker kept them from the canary.
    pub withheld: u64,
    /// The most frequent differences.
    #[serde(skip_serializing_if = "Differences::is_empty")]
    pub differences: Differences,
}

// === impl MirrorTotals ===

impl MirrorTotals {
    /// Whether nothing was mirrored.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what a report says.
    pub(super) fn add(&mut self, sample: &MirrorSample) {
        self.counts += sample.counts;
        self.busy = self.busy.saturating_add(sample.busy);
        self.withheld = self.withheld.saturating_add(sample.withheld);
        self.differences.merge(&sample.differences);
    }
}
