//! The phases of a rollout. Their names are an interface: the control API, the audit log and notifications show them.

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
        /// Index of the step.
        step: usize,
        /// Start of the step's hold.
        since: Timestamp,
    },
    /// Paused at a step until an operator resumes, promotes or aborts. The canary is still analysed.
    Paused {
        /// Index of the step.
        step: usize,
        /// Part of the step's hold that has passed.
        #[serde(with = "millis")]
        held: Span,
        /// Start of the pause.
        at: Timestamp,
        /// Kind of the pause.
        kind: PauseKind,
        /// Actor, for the audit log.
        actor: String,
        /// Reason in a sentence.
        reason: String,
    },
    /// At the last step, 100 % of everything.
    Baking {
        /// Start of the bake.
        since: Timestamp,
    },
    /// All traffic is on the canary, which is no longer analysed.
    Completed {
        /// Time of completion.
        at: Timestamp,
    },
    /// The canary was rolled back: percentage 0.
    RolledBack {
        /// Step at which the canary was rolled back.
        step: usize,
        /// Time at which the canary was rolled back.
        at: Timestamp,
        /// Kind of the rollback.
        kind: RollbackKind,
        /// Actor, for the audit log.
        actor: String,
        /// Reason in a sentence.
        reason: String,
    },
    /// An operator took the canary out of traffic for good: only a new rollout with a new id puts traffic on it again.
    Aborted {
        /// Step at which the rollout was aborted.
        step: usize,
        /// Time at which the rollout was aborted.
        at: Timestamp,
        /// Actor, for the audit log.
        actor: String,
        /// Reason given by the actor.
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
    /// An operator paused the rollout.
    Operator,
    /// The step waits for `promote`, as planned.
    Approval,
    /// The analysis was inconclusive too many times in a row.
    Inconclusive,
    /// The canary failed, and the plan says to hold.
    Failed,
    /// `canary-state` was edited by hand; the edited document holds.
    HandEdited,
    /// The canary was halted.
    Halted,
    /// A rollback was undone. The canary stays at 0 % until an operator resumes.
    RollbackUndone,
}

/// The kind of a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RollbackKind {
    /// Strong evidence that it is worse than stable, or a check of the plan that said so too many times in a row.
    Evidence,
    /// A threshold was exceeded in too many analyses in a row.
    Ceiling,
    /// A completed rollout was undone.
    Undone,
}

/// A summary of a rollout in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSummary {
    /// The phase; none before the first rollout.
    pub phase: Option<PhaseKind>,
    /// Number of the step, from 1; 0 without a rollout.
    pub step: usize,
    /// Number of steps.
    pub of: usize,
    /// Percentage last issued by the controller or written by hand; in a ring's step that of the ring.
    pub percentage: Percentage,
    /// Whether the canary is halted.
    pub halted: bool,
    /// Increases with every transition.
    pub epoch: u64,
}

// === impl Phase ===

impl Phase {
    /// The phase without its data.
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

    /// The current step, or the step at which the rollout ended early. `last` is the plan's last step.
    pub(super) fn step(&self, last: usize) -> usize {
        match self {
            Self::Progressing { step, .. }
            | Self::Paused { step, .. }
            | Self::RolledBack { step, .. }
            | Self::Aborted { step, .. } => *step,
            Self::Baking { .. } | Self::Completed { .. } => last,
        }
    }

    /// The kind of the pause, if the phase is one.
    pub(super) fn pause(&self) -> Option<PauseKind> {
        match self {
            Self::Paused { kind, .. } => Some(*kind),
            _ => None,
        }
    }
}

impl PhaseKind {
    /// The name in JSON.
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

    /// Whether the rollout has ended.
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
    /// Whether the time before the pause still counts towards the hold, because the step's percentage stayed in place.
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

/// A span as a number of milliseconds, as all times of the stored state.
mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::span::Span;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(span.as_millis())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        u64::deserialize(deserializer).map(Span::from_millis)
    }
}
