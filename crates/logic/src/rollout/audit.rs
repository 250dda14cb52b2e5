//! Who did what, when and why, and what it changed: one row for each transition and each look, built from the state before and
//! after, so that it cannot say anything else than what happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::phase::RolloutSummary;
use crate::timestamp::Timestamp;

/// Who acts when no person does.
pub const CONTROLLER: &str = "controller";

/// What was done. Stable names: dashboards and webhooks filter by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A rollout began.
    Started,
    /// The next step began, by itself.
    Stepped,
    /// The next step or the last began, because somebody said so.
    Promoted,
    /// Held.
    Paused,
    /// No longer held.
    Resumed,
    /// All traffic is on the canary, for good.
    Completed,
    /// The canary was taken out.
    RolledBack,
    /// The canary was taken out by a person, for good.
    Aborted,
    /// A completion or a rollback was undone.
    Undone,
    /// The canary was halted.
    Halted,
    /// The halt was lifted.
    CanaryResumed,
    /// `canary-state` was edited by hand.
    HandEdited,
    /// Nobody watched for too long.
    Late,
    /// A look that changed nothing.
    Looked,
    /// A look that could not be taken.
    LookFailed,
}

/// A row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its number, growing over all rollouts; a row is stored once under it.
    pub seq: u64,
    /// When.
    pub when: Timestamp,
    /// A person, or [`CONTROLLER`].
    pub actor: String,
    /// What.
    pub action: Action,
    /// Whose rollout; none: there was none.
    pub rollout_id: Option<String>,
    /// Before.
    pub before: RolloutSummary,
    /// After.
    pub after: RolloutSummary,
    /// Why, with its numbers.
    pub reason: String,
}

/// What people are told, once for each transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// That of the audit row it is about: a receiver that has it need not take it again.
    pub seq: u64,
    /// When.
    pub when: Timestamp,
    /// What.
    pub action: Action,
    /// Whose rollout.
    pub rollout_id: Option<String>,
    /// The row's sentence.
    pub sentence: String,
}

// === impl What ===

impl Action {
    /// People want to know at once. Looks are in the audit, and failed ones are told once in a row.
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
            Self::Looked => "looked at",
            Self::LookFailed => "not looked at",
        })
    }
}

// === impl Row ===

impl fmt::Display for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq: _, when: _, actor, action, rollout_id, before, after, reason } = self;
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
