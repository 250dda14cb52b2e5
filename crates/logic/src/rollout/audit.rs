//! Who did what, when and why, and what it changed: one row for each transition and each look, built from the state before and
//! after, so that it cannot say anything else than what happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::phase::Standing;
use crate::timestamp::Timestamp;

/// Who acts when no person does.
pub const CONTROLLER: &str = "controller";

/// What was done. Stable names: dashboards and webhooks filter by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
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
pub struct Row {
    /// Its number, growing over all rollouts; a row is stored once under it.
    pub seq: u64,
    /// When.
    pub when: Timestamp,
    /// A person, or [`CONTROLLER`].
    pub who: String,
    /// What.
    pub what: What,
    /// Whose rollout; none: there was none.
    pub rollout_id: Option<String>,
    /// Before.
    pub before: Standing,
    /// After.
    pub after: Standing,
    /// Why, with its numbers.
    pub why: String,
}

/// What people are told, once for each transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// That of the audit row it is about: a receiver that has it need not take it again.
    pub seq: u64,
    /// When.
    pub when: Timestamp,
    /// What.
    pub what: What,
    /// Whose rollout.
    pub rollout_id: Option<String>,
    /// The row's sentence.
    pub sentence: String,
}

// === impl What ===

impl What {
    /// People want to know at once. Looks are in the audit, and failed ones are told once in a row.
    pub(super) fn is_news(self) -> bool {
        !matches!(self, Self::Looked | Self::LookFailed)
    }
}

impl fmt::Display for What {
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

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq: _, when: _, who, what, rollout_id, before, after, why } = self;
        match rollout_id {
            Some(id) => write!(f, "Rollout {id} {what}")?,
            None => write!(f, "Canary {what}")?,
        }
        write!(f, " by {who}: ")?;
        if (before.phase, before.step, before.percentage, before.halted)
            == (after.phase, after.step, after.percentage, after.halted)
        {
            write!(f, "{after}")?;
        } else {
            write!(f, "{before} → {after}")?;
        }
        write!(f, ". {why}")
    }
}

impl From<&Row> for Notice {
    fn from(row: &Row) -> Self {
        Self {
            seq: row.seq,
            when: row.when,
            what: row.what,
            rollout_id: row.rollout_id.clone(),
            sentence: row.to_string(),
        }
    }
}
