//! Commands of operators and pipelines.

use thiserror::Error;

use super::phase::PhaseKind;
use super::published_state::PublishedState;
use super::schedule::Plan;
use super::state::Resumed;
use crate::percentage::Percentage;
use crate::span::Span;

/// Highest generation that a published state may have: the largest integer that all JSON readers represent exactly.
pub(super) const MAX_GENERATION: u64 = (1 << 53) - 1;

/// A command with its actor and reason.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRequest {
    /// Command to execute.
    pub command: Command,
    /// Name of the operator or pipeline, for the audit log.
    pub actor: String,
    /// The actor's name comes from the request itself and is not verified.
    pub claimed: bool,
    /// Reason given by the actor, for the audit log.
    pub reason: String,
    /// The epoch that the actor expects. Ignored for `abort` and `halt`, because a command that stops a canary must not fail for being
    /// late.
    pub epoch: Option<u64>,
}

/// A command to a rollout.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Start a rollout.
    Start(Box<Start>),
    /// Pause at the current step.
    Pause,
    /// Continue from where the rollout was paused.
    Resume,
    /// Go to the next step now; after the last, complete.
    Promote,
    /// Go straight to 100 %.
    PromoteFull,
    /// Take the canary out of traffic for good.
    Abort {
        /// Id of the rollout; without it the current rollout is meant.
        rollout: Option<String>,
    },
    /// Send all traffic to stable at once; a rollout pauses.
    Halt,
    /// Lift the halt; a rollout stays paused.
    ResumeCanary {
        /// The canary's percentage that the actor expects. Required where it is above the rollout's own.
        percentage: Option<Percentage>,
    },
    /// Roll a completed rollout back, or pause a rollout that was rolled back at its step, at 0 % until it is resumed.
    Undo,
}

/// Arguments of [`Command::Start`].
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// New: 1 to 64 of `A-Z a-z 0-9 . _ -`. It is the salt of the split, unless the canary has visitors.
    pub id: String,
    /// The plan to carry out.
    pub plan: Plan,
    /// `canary-state` as it was just read, or none if the key is absent. After a failed read no rollout may start.
    pub found: Option<PublishedState>,
    /// Whether visitors are assigned again, by a new salt, although the canary has visitors.
    pub reassign: bool,
}

/// The reason why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommandError {
    /// The rollout has changed since the actor read its status.
    #[error("the epoch is {actual}, not {expected}: the rollout has changed")]
    Conflict {
        /// Epoch that the request expects.
        expected: u64,
        /// Current epoch.
        actual: u64,
    },
    /// Another rollout is under way.
    #[error("rollout {id} is {phase}: wait for its end, or abort it, before {wanted} starts")]
    Running {
        /// Id of the rollout under way.
        id: String,
        /// Phase of the rollout.
        phase: PhaseKind,
        /// Id of the rollout to start.
        wanted: String,
    },
    /// An id names one rollout only, however it ended.
    #[error("rollout id {id} is already used: give a new one")]
    IdUsed {
        /// The used id.
        id: String,
    },
    /// The id has another form.
    #[error("rollout id {id:?} is not accepted, accepted: 1 to 64 of A-Z a-z 0-9 . _ -")]
    InvalidId {
        /// The given text, shortened.
        id: String,
    },
    /// The generation of the published state cannot be increased.
    #[error("generation of canary-state is {generation}, accepted: at most {MAX_GENERATION}; remove or lower it")]
    InvalidGeneration {
        /// Generation of the published state.
        generation: u64,
    },
    /// There has been no rollout.
    #[error("there is no rollout to {command}")]
    NoRollout {
        /// Name of the command.
        command: &'static str,
    },
    /// The request names another rollout.
    #[error("the current rollout is {actual}, not {expected}")]
    OtherRollout {
        /// Id in the request.
        expected: String,
        /// Id of the current rollout.
        actual: String,
    },
    /// The command does not apply in the current phase.
    #[error("cannot {command}: rollout {id} is {phase}")]
    NotNow {
        /// Name of the command.
        command: &'static str,
        /// Id of the rollout.
        id: String,
        /// Phase of the rollout.
        phase: PhaseKind,
    },
    /// The canary is halted.
    #[error("cannot {command}: {actor} halted the canary ({reason}); run `serin resume-canary` first")]
    Halted {
        /// Name of the command.
        command: &'static str,
        /// Actor of the halt.
        actor: String,
        /// Reason of the halt.
        reason: String,
    },
    /// After an undone rollback the rollout first resumes at its own step.
    #[error(
        "cannot {command}: the rollback of rollout {id} was undone, and no visitor is on the canary yet; run `serin resume` first"
    )]
    ResumeFirst {
        /// Name of the command.
        command: &'static str,
        /// Id of the rollout.
        id: String,
    },
    /// Lifting the halt would put more visitors on the canary than the rollout has observed, or others than the actor expects.
    #[error(
        "lifting the halt puts {} % of visitors on the canary, of which the rollout has observed {} %: confirm the percentage",
        .0.percentage, .0.observed
    )]
    Unconfirmed(Resumed),
    /// The plan's undo window is over.
    #[error("cannot undo: rollout {id} ended {ago} ago, and its undo window is {window}")]
    WindowOver {
        /// Id of the rollout.
        id: String,
        /// Time since the end of the rollout.
        ago: Span,
        /// The plan's undo window.
        window: Span,
    },
}

// === impl Command ===

impl Command {
    /// The name in the control API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::PromoteFull => "promote to 100",
            Self::Abort { .. } => "abort",
            Self::Halt => "halt",
            Self::ResumeCanary { .. } => "resume-canary",
            Self::Undo => "undo",
        }
    }
}

/// Whether a rollout can have this id: 1 to 64 of `A-Z a-z 0-9 . _ -`.
pub fn is_valid_id(id: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&id.len()) && id.chars().all(is_allowed)
}
