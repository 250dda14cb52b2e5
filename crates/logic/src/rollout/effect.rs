//! Effects that the state machine asks for. Each has a number of its own, so that performing it twice does no harm.

use serde::{Deserialize, Serialize};

use super::audit::{AuditEntry, Notification};
use super::event::Observation;
use super::schedule::Matcher;
use crate::percentage::Percentage;
use crate::timestamp::Timestamp;

/// An effect outside of the state machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Replace the alarm. It comes first, so that the other effects are retried if the controller is killed.
    SetAlarm(Timestamp),
    /// Set or lift the halt in the overlay. Report with [`Receipt::Halted`](super::Receipt::Halted).
    SetHalt(SetHalt),
    /// Write `canary-state` to KV. Report with [`Receipt::Written`](super::Receipt::Written).
    WriteState(WriteState),
    /// Append to the audit log, unless it has an entry with this `seq`. Report with [`Receipt::Audited`](super::Receipt::Audited).
    Audit(AuditEntry),
    /// Send a notification. Report with [`Receipt::Notified`](super::Receipt::Notified).
    Notify(Notification),
    /// Judge the canary. Report with [`Event::Look`](super::Event::Look) in any case; if judging is impossible, as an error.
    TakeLook(Observation),
}

/// Sets or lifts a halt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetHalt {
    /// True sets the halt, false lifts it.
    pub on: bool,
    /// Epoch of the halt. Halts of older epochs are void.
    pub epoch: u64,
    /// Actor, for the audit log.
    pub actor: String,
    /// Reason of the halt.
    pub reason: String,
}

/// New values for `canary-state`. `enabled` becomes true; the other fields stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteState {
    /// Generation of the document. A document of a higher generation is newer.
    pub generation: u64,
    /// The salt of the split.
    pub rollout_id: String,
    /// Percentages to serve.
    #[serde(flatten)]
    pub target: Target,
    /// Time of the decision.
    pub updated_at: Timestamp,
    /// Actor of the decision.
    pub updated_by: String,
}

/// The canary's percentages at a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Percentage of all visitors outside of the rings.
    pub percentage: Percentage,
    /// Rings with a higher percentage. They are rules that precede the operator's own, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rings: Vec<Ring>,
}

/// A group of visitors with a percentage of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ring {
    /// Matches the ring's requests.
    #[serde(rename = "where")]
    pub matcher: Matcher,
    /// Percentage of the ring's visitors.
    pub percentage: Percentage,
}

// === impl Target ===

impl Target {
    /// Whether no visitor gets the canary.
    pub fn is_zero(&self) -> bool {
        self.percentage == Percentage::ZERO && self.rings.is_empty()
    }
}
