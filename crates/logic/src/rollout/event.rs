//! What a controller tells the machine.

use serde::{Deserialize, Serialize};

use super::command::CommandRequest;
use super::published_state::PublishedState;
use crate::timestamp::Timestamp;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The alarm rang: in time, late, twice or for nothing. Changes nothing by itself; says what to do.
    Alarm,
    /// The canary was judged, or judging went wrong.
    Look(Look),
    /// `canary-state` was read from KV; none: the key is absent. A read that failed is no event.
    Seen(Option<PublishedState>),
    /// An effect was performed. One that failed, or may have, is no event: it stays pending.
    Done(Receipt),
    /// Somebody wants something. To learn whether it was taken, use [`carry_out`](super::carry_out).
    Command(CommandRequest),
}

/// One look at the canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What was looked at, from the [`Effect::TakeLook`](super::Effect::TakeLook) that asked for it.
    pub observation: Observation,
    /// What was found.
    pub finding: Finding,
    /// The end of the plan's window that it was taken in; none: it was in none.
    pub frozen_until: Option<Timestamp>,
}

/// A stretch of time whose counts belong together. The analysis begins anew with a new `rollout_id` or `attempt`, and its step
/// with a new `step`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Whose rollout.
    pub rollout_id: String,
    /// Grows when a rollback is undone: evidence from before no longer counts.
    pub attempt: u32,
    /// Counted from 0.
    pub step: usize,
}

/// What a look found, each with a sentence that has the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The canary may go on.
    Pass {
        /// With its numbers.
        sentence: String,
    },
    /// The canary is bad.
    Fail {
        /// Enough to roll back at once; else `failureLimit` looks in a row are.
        strong: bool,
        /// With its numbers.
        sentence: String,
    },
    /// Cannot tell: hold.
    Inconclusive {
        /// Only for want of requests, which time may cure: does not count towards `maxInconclusive`.
        waiting: bool,
        /// With its numbers.
        sentence: String,
    },
    /// The analyser itself is in trouble. Says nothing about the canary: hold.
    Error {
        /// What went wrong.
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

/// Which effect was performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// `canary-state` of this generation is written.
    Written {
        /// Of the [`WriteState`](super::WriteState).
        generation: u64,
    },
    /// The halt of this epoch is in place or lifted.
    Halted {
        /// Of the [`SetHalt`](super::SetHalt).
        epoch: u64,
    },
    /// This audit row is stored.
    Audited {
        /// Of the row.
        seq: u64,
    },
    /// This notice was taken by its receiver, or given up.
    Notified {
        /// Of the notice.
        seq: u64,
    },
}

// === impl Finding ===

impl Finding {
    /// Its name.
    pub fn kind(&self) -> FindingKind {
        match self {
            Self::Pass { .. } => FindingKind::Pass,
            Self::Fail { .. } => FindingKind::Fail,
            Self::Inconclusive { .. } => FindingKind::Inconclusive,
            Self::Error { .. } => FindingKind::Error,
        }
    }

    /// With its numbers.
    pub fn sentence(&self) -> &str {
        match self {
            Self::Pass { sentence }
            | Self::Fail { sentence, .. }
            | Self::Inconclusive { sentence, .. }
            | Self::Error { sentence } => sentence,
        }
    }
}
