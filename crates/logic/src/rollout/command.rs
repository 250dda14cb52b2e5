//! Commands of operators and pipelines.

use thiserror::Error;

use super::phase::PhaseKind;
use super::published_state::PublishedState;
use super::schedule::Plan;
use crate::span::Span;

/// Highest generation a found document may have: the largest integer that JSON readers agree on.
pub(super) const MAX_GENERATION: u64 = (1 << 53) - 1;

/// An order, and on whose account.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRequest {
    /// What to do.
    pub command: Command,
    /// A person or a pipeline.
    pub actor: String,
    /// Their reason, for the audit.
    pub reason: String,
    /// The epoch they looked at. Not looked at for `abort` and `halt`: what stops a canary must not fail for having been slow.
    pub epoch: Option<u64>,
}

/// What can be ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A rollout begins.
    Start(Box<Start>),
    /// Hold.
    Pause,
    /// Go on.
    Resume,
    /// Go to the next step now; after the last, complete.
    Promote,
    /// Go straight to 100 %.
    PromoteFull,
    /// Take the canary out for good.
    Abort {
        /// The rollout that is meant; none: whichever there is.
        rollout: Option<String>,
    },
    /// All to stable at once; a rollout pauses.
    Halt,
    /// Lift the halt; a rollout stays paused.
    ResumeCanary,
    /// Take a completed rollout back; or put one that was rolled back on hold at its step, at 0 % until it is resumed.
    Undo,
}

/// What a rollout begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// New: 1 to 64 of `A-Z a-z 0-9 . _ -`. It is the salt of the split.
    pub id: String,
    /// What to do.
    pub plan: Plan,
    /// `canary-state` as it was just read; none: the key is absent. A read that failed is no reason to start.
    pub found: Option<PublishedState>,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// Somebody or something was faster.
    #[error("the epoch is {actual}, should be {expected}: the rollout has moved on")]
    Conflict {
        /// What the order expects.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// One rollout at a time.
    #[error("rollout {id} is {phase}, should be over before {wanted} starts")]
    Running {
        /// The one under way.
        id: String,
        /// Where it stands.
        phase: PhaseKind,
        /// The one to be started.
        wanted: String,
    },
    /// An id stands for one rollout, however it ended.
    #[error("rollout id {id} is used up, should be new")]
    IdUsed {
        /// The id.
        id: String,
    },
    /// Not an id.
    #[error("rollout id is {id:?}, should be 1 to 64 of A-Z a-z 0-9 . _ -")]
    InvalidId {
        /// What was given, shortened.
        id: String,
    },
    /// The found document cannot be outnumbered.
    #[error("generation of canary-state is {generation}, should be at most {MAX_GENERATION}: remove or lower it")]
    InvalidGeneration {
        /// The document's.
        generation: u64,
    },
    /// Nothing to act on.
    #[error("there is no rollout to {command}")]
    NoRollout {
        /// The order.
        command: &'static str,
    },
    /// Not this rollout.
    #[error("the rollout is {actual}, should be {expected}")]
    OtherRollout {
        /// The one that was named.
        expected: String,
        /// The one there is.
        actual: String,
    },
    /// Makes no sense where the rollout stands.
    #[error("cannot {command}: rollout {id} is {phase}")]
    NotNow {
        /// The order.
        command: &'static str,
        /// The rollout.
        id: String,
        /// Where it stands.
        phase: PhaseKind,
    },
    /// First lift the halt.
    #[error("cannot {command}: {actor} halted the canary ({reason}); resume-canary first")]
    Halted {
        /// The order.
        command: &'static str,
        /// By whom.
        actor: String,
        /// Why.
        reason: String,
    },
    /// An undone rollback goes on at its own step.
    #[error("cannot {command}: the rollback of rollout {id} was undone and nothing is on the canary; resume first")]
    ResumeFirst {
        /// The order.
        command: &'static str,
        /// The rollout.
        id: String,
    },
    /// Too late.
    #[error("cannot undo: rollout {id} ended {ago} ago, should be at most {window}")]
    WindowOver {
        /// The rollout.
        id: String,
        /// Since its end.
        ago: Span,
        /// The plan's.
        window: Span,
    },
}

// === impl Command ===

impl Command {
    /// As in the control API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::PromoteFull => "promote to 100",
            Self::Abort { .. } => "abort",
            Self::Halt => "halt",
            Self::ResumeCanary => "resume-canary",
            Self::Undo => "undo",
        }
    }
}
