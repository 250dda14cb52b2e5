//! Events that the controller hands to the state machine.

use serde::{Deserialize, Serialize};

use super::command::CommandRequest;
use super::published_state::PublishedState;
use crate::analysis::HeldFor;
use crate::timestamp::Timestamp;

/// An input of the state machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The alarm fired. Alarms may be late, duplicated or spurious. The event changes no state; it returns the effects that are due.
    Alarm,
    /// The canary was analysed, or the analysis could not be made.
    Look(Look),
    /// `canary-state` was read from KV, none if the key is absent. A failed read is not an event.
    Seen(Option<PublishedState>),
    /// `canary-state` was replaced through the control API.
    Replaced(Replacement),
    /// An effect was performed. An effect that failed, or may have failed, is not an event; it stays pending.
    Done(Receipt),
    /// An operator's command. To learn whether it was accepted, use [`execute`](super::execute).
    Command(CommandRequest),
}

/// A `canary-state` that an operator wrote through the control API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The document.
    pub document: PublishedState,
    /// Name of the operator or pipeline, for the audit log.
    pub actor: String,
    /// The actor's name comes from the request itself and is not verified.
    pub claimed: bool,
}

/// One analysis of the canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The observation that was analysed, from the [`Effect::TakeLook`](super::Effect::TakeLook) that asked for it.
    pub observation: Observation,
    /// Result of the analysis.
    pub finding: Finding,
    /// End of the plan's freeze window, if the analysis was made in one.
    pub frozen_until: Option<Timestamp>,
}

/// A period whose counts belong together. The analysis restarts with a new `rollout_id` or `attempt`, and its counts of the step with a
/// new `step`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Id of the rollout.
    pub rollout_id: String,
    /// Increases when a rollback is undone, because evidence from before no longer counts.
    pub attempt: u32,
    /// Index of the step, from 0.
    pub step: usize,
}

/// Result of an analysis, with a sentence that has the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The canary is no worse than stable as far as the analysis can tell.
    Pass {
        /// Explanation with numbers.
        sentence: String,
    },
    /// The canary is worse than stable or breaks a threshold.
    Fail {
        /// One analysis is enough to roll back; otherwise `failureLimit` analyses in a row are.
        strong: bool,
        /// Explanation with numbers.
        sentence: String,
    },
    /// The analysis cannot tell; the rollout stays at its step.
    Inconclusive {
        /// What is missing. Only analyses that wait for evidence count towards `maxInconclusive`: traffic may still come, the probes of an
        /// open breaker decide about the canary, and a check says itself how long it needs.
        held_for: HeldFor,
        /// Explanation with numbers.
        sentence: String,
    },
    /// The analysis itself failed. The rollout stays at its step, because this says nothing about the canary.
    Error {
        /// Explanation of the failure.
        sentence: String,
    },
}

/// A [`Finding`] without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// [`Finding::Pass`]
    Pass,
    /// [`Finding::Fail`]
    Fail,
    /// [`Finding::Inconclusive`]
    Inconclusive,
    /// [`Finding::Error`]
    Error,
}

/// An effect that was performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// `canary-state` of this generation is written.
    Written {
        /// Of the [`WriteState`](super::WriteState).
        generation: u64,
    },
    /// The halt of this epoch is set or lifted.
    Halted {
        /// Of the [`SetHalt`](super::SetHalt).
        epoch: u64,
    },
    /// This audit entry is stored.
    Audited {
        /// Number of the entry.
        seq: u64,
    },
    /// This notification was accepted by its receiver, or given up.
    Notified {
        /// Number of the notification.
        seq: u64,
    },
}

// === impl Finding ===

impl Finding {
    /// The finding without its data.
    pub fn kind(&self) -> FindingKind {
        match self {
            Self::Pass { .. } => FindingKind::Pass,
            Self::Fail { .. } => FindingKind::Fail,
            Self::Inconclusive { .. } => FindingKind::Inconclusive,
            Self::Error { .. } => FindingKind::Error,
        }
    }

    /// Explanation with numbers.
    pub fn sentence(&self) -> &str {
        match self {
            Self::Pass { sentence }
            | Self::Fail { sentence, .. }
            | Self::Inconclusive { sentence, .. }
            | Self::Error { sentence } => sentence,
        }
    }
}
