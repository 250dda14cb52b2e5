//! What the machine wants done. Effects are data, each with a number of its own, so that doing one twice does no harm; those that must
//! not be lost wait in the outbox, which is part of the state, until a receipt comes.

use serde::{Deserialize, Serialize};

use super::audit::{AuditEntry, Notification};
use super::event::Observation;
use super::schedule::Matcher;
use crate::percentage::Percentage;
use crate::timestamp::Timestamp;

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Replace the alarm. First, so that the rest is tried again whatever happens.
    SetAlarm(Timestamp),
    /// Put the halt in place, or lift it, in the overlay.
    SetHalt(SetHalt),
    /// Write `canary-state` to KV. Report with [`Receipt::Written`].
    WriteState(WriteState),
    /// Append to the audit, unless a row of this `seq` is there. Report with [`Receipt::Audited`].
    Audit(AuditEntry),
    /// Tell people. Report with [`Receipt::Notified`].
    Notify(Notification),
    /// Judge the canary and report with [`Event::Look`](super::Event::Look): in any case, as an error if it cannot be done.
    TakeLook(Observation),
}

/// A halt, or its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetHalt {
    /// In place, or lifted.
    pub on: bool,
    /// The epoch it belongs to; an older one is void.
    pub epoch: u64,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// What `canary-state` is to say; its other fields stay as they are, but `enabled` is true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteState {
    /// Its number; a document of a higher one is newer.
    pub generation: u64,
    /// The salt.
    pub rollout_id: String,
    /// What to serve.
    #[serde(flatten)]
    pub target: Target,
    /// When it was decided.
    pub updated_at: Timestamp,
    /// By whom.
    pub updated_by: String,
}

/// The shares of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Of the world.
    pub percentage: Percentage,
    /// Rings that have more than the world: rules before the operator's own, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rings: Vec<Ring>,
}

/// A part of the world with its own share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ring {
    /// Who is in it.
    #[serde(rename = "where")]
    pub matcher: Matcher,
    /// Of those.
    pub percentage: Percentage,
}

// === impl Target ===

impl Target {
    /// Nobody at all.
    pub fn is_zero(&self) -> bool {
        self.percentage == Percentage::ZERO && self.rings.is_empty()
    }
}
