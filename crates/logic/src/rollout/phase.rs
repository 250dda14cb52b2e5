//! Where a rollout stands. The names are an interface: the control API, the audit and notices show them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::percentage::Percentage;
use crate::span::Span;
use crate::timestamp::Timestamp;

/// `progressing` ⇄ `paused` → `baking` → `completed`; from each of these `rolled-back` or `aborted`. Steps count from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Phase {
    /// At a step before the last.
    Progressing {
        /// Which.
        step: usize,
        /// When its hold began.
        since: Timestamp,
    },
    /// Held at a step until somebody resumes, promotes or aborts. Still judged.
    Paused {
        /// Which.
        step: usize,
        /// So much of its hold is done.
        #[serde(with = "millis")]
        held: Span,
        /// Since when.
        at: Timestamp,
        /// Why, in a word.
        kind: PauseKind,
        /// On whose account.
        actor: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// At the last step, 100 % of everything.
    Baking {
        /// When the bake began.
        since: Timestamp,
    },
    /// All traffic is on the canary; nothing is judged any more.
    Completed {
        /// When.
        at: Timestamp,
    },
    /// Taken out: percentage 0.
    RolledBack {
        /// The step it was at.
        step: usize,
        /// When.
        at: Timestamp,
        /// Why, in a word.
        kind: RollbackKind,
        /// On whose account.
        actor: String,
        /// Why, in a sentence.
        reason: String,
    },
    /// Taken out by a person, for good: only a new rollout with a new id puts traffic on the canary again.
    Aborted {
        /// The step it was at.
        step: usize,
        /// When.
        at: Timestamp,
        /// By whom.
        actor: String,
        /// Why.
        reason: String,
    },
}

/// A [`Phase`] without its data: the columns of the transition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseKind {
    /// [`Phase::Progressing`]
    Progressing,
    /// [`Phase::Paused`]
    Paused,
    /// [`Phase::Baking`]
    Baking,
    /// [`Phase::Completed`]
    Completed,
    /// [`Phase::RolledBack`]
    RolledBack,
    /// [`Phase::Aborted`]
    Aborted,
}

/// Why a rollout is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseKind {
    /// Somebody asked for it.
    Operator,
    /// The step waits for `promote`, as planned.
    Approval,
    /// The analysis could not tell, too many times in a row.
    Inconclusive,
    /// The canary failed, and the plan says to hold.
    Failed,
    /// `canary-state` was edited by hand: what it says holds.
    HandEdited,
    /// The canary was halted.
    Halted,
    /// A rollback was undone: at 0 %, until somebody resumes.
    RollbackUndone,
}

/// Why a canary was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackKind {
    /// Strong evidence that it is worse than stable.
    Evidence,
    /// A ceiling was broken too many looks in a row.
    Ceiling,
    /// A completed rollout was undone.
    Undone,
}

/// A rollout in a line, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSummary {
    /// None: no rollout yet.
    pub phase: Option<PhaseKind>,
    /// Counted from 1; 0 without a rollout.
    pub step: usize,
    /// Of so many.
    pub of: usize,
    /// What the controller last asked for, or somebody wrote by hand. In a ring's step the ring's.
    pub percentage: Percentage,
    /// Whether the canary is halted.
    pub halted: bool,
    /// Grows with every transition.
    pub epoch: u64,
}

// === impl Phase ===

impl Phase {
    /// Its name.
    pub fn kind(&self) -> PhaseKind {
        match self {
            Self::Progressing { .. } => PhaseKind::Progressing,
            Self::Paused { .. } => PhaseKind::Paused,
            Self::Baking { .. } => PhaseKind::Baking,
            Self::Completed { .. } => PhaseKind::Completed,
            Self::RolledBack { .. } => PhaseKind::RolledBack,
            Self::Aborted { .. } => PhaseKind::Aborted,
        }
    }

    /// The step it is at or was taken out at, where `last` is the plan's last.
    pub(super) fn step(&self, last: usize) -> usize {
        match self {
            Self::Progressing { step, .. }
            | Self::Paused { step, .. }
            | Self::RolledBack { step, .. }
            | Self::Aborted { step, .. } => *step,
            Self::Baking { .. } | Self::Completed { .. } => last,
        }
    }

    /// What is the pause about, if it is one?
    pub(super) fn pause(&self) -> Option<PauseKind> {
        match self {
            Self::Paused { kind, .. } => Some(*kind),
            _ => None,
        }
    }
}

impl PhaseKind {
    /// In a word, as in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Progressing => "progressing",
            Self::Paused => "paused",
            Self::Baking => "baking",
            Self::Completed => "completed",
            Self::RolledBack => "rolled-back",
            Self::Aborted => "aborted",
        }
    }

    /// Nothing more will happen by itself.
    pub fn is_over(self) -> bool {
        match self {
            Self::Progressing | Self::Paused | Self::Baking => false,
            Self::Completed | Self::RolledBack | Self::Aborted => true,
        }
    }
}

impl fmt::Display for PhaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Progressing => "progressing",
            Self::Paused => "paused",
            Self::Baking => "baking",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
            Self::Aborted => "aborted",
        })
    }
}

impl PauseKind {
    /// The step's percentage stayed in place, so the time before the pause still counts.
    pub(super) fn keeps_hold(self) -> bool {
        match self {
            Self::Operator | Self::Approval | Self::Inconclusive | Self::Failed => true,
            Self::HandEdited | Self::Halted | Self::RollbackUndone => false,
        }
    }
}

impl fmt::Display for RolloutSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.phase {
            Some(phase) => write!(f, "{phase}, step {} of {} at {} %", self.step, self.of, self.percentage)?,
            None => write!(f, "no rollout")?,
        }
        if self.halted { write!(f, ", halted") } else { Ok(()) }
    }
}

/// A span as a number of milliseconds: the state stores all times so.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::span::Span;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(span.as_millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        u64::deserialize(deserializer).map(Span::from_millis)
    }
}
