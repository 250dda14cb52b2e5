//! The audit log: one entry for each transition and each analysis. An entry is built from the state before and after, so that it cannot
//! differ from what happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::phase::RolloutSummary;
use crate::timestamp::Timestamp;

/// Actor of the controller's own actions.
pub const CONTROLLER: &str = "controller";

/// Kind of an audit entry. The names are stable, because dashboards and webhooks filter by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A rollout began.
    Started,
    /// The controller began the next step.
    Stepped,
    /// An operator began the next step or the last.
    Promoted,
    /// The rollout was paused.
    Paused,
    /// The pause ended.
    Resumed,
    /// All traffic is on the canary and the bake is over.
    Completed,
    /// The canary was rolled back.
    RolledBack,
    /// An operator took the canary out of traffic for good.
    Aborted,
    /// A completion or a rollback was undone.
    Undone,
    /// The canary was halted.
    Halted,
    /// The halt was lifted.
    CanaryResumed,
    /// `canary-state` was edited by hand.
    HandEdited,
    /// No analysis was made for too long.
    Late,
    /// An analysis that changed nothing.
    Looked,
    /// An analysis could not be made.
    LookFailed,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Number of the entry, ascending over all rollouts. An entry is stored once under it.
    pub seq: u64,
    /// Time of the action.
    pub when: Timestamp,
    /// An operator's or pipeline's name, or [`CONTROLLER`].
    pub actor: String,
    /// The actor's name comes from the request itself and is not verified.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// The action.
    pub action: Action,
    /// Id of the rollout, if there was one.
    pub rollout_id: Option<String>,
    /// The rollout before the action.
    pub before: RolloutSummary,
    /// The rollout after the action.
    pub after: RolloutSummary,
    /// The reason, with its numbers.
    pub reason: String,
}

/// The wish to notify people of an audit entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Number of the audit entry. A receiver that has seen it can ignore the notification.
    pub seq: u64,
    /// Time of the action.
    pub when: Timestamp,
    /// The action.
    pub action: Action,
    /// Id of the rollout, if there was one.
    pub rollout_id: Option<String>,
    /// The audit entry in a sentence.
    pub sentence: String,
}

// === impl Action ===

impl Action {
    /// Whether a notification is sent. Analyses are only in the audit log.
    pub(super) fn is_notified(self) -> bool {
        !matches!(self, Self::Looked | Self::LookFailed)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "started",
            Self::Stepped => "stepped",
            Self::Promoted => "promoted",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
            Self::Undone => "undone",
            Self::Halted => "halted",
            Self::CanaryResumed => "halt lifted",
            Self::HandEdited => "edited by hand",
            Self::Late => "late",
            Self::Looked => "analysed",
            Self::LookFailed => "not analysed",
        })
    }
}

// === impl AuditEntry ===

impl fmt::Display for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq: _, when: _, actor, claimed: _, action, rollout_id, before, after, reason } = self;
        match rollout_id {
            Some(id) => write!(f, "Rollout {id} {action}")?,
            None => write!(f, "Canary {action}")?,
        }
        write!(f, " by {actor}: ")?;
        if (before.phase, before.step, before.percentage, before.halted)
            == (after.phase, after.step, after.percentage, after.halted)
        {
            write!(f, "{after}")?;
        } else {
            write!(f, "{before} → {after}")?;
        }
        write!(f, ". {reason}")
    }
}

impl From<&AuditEntry> for Notification {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            seq: entry.seq,
            when: entry.when,
            action: entry.action,
            rollout_id: entry.rollout_id.clone(),
            sentence: entry.to_string(),
        }
    }
}
