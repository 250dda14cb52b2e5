//! What the machine wants done. Effects are data, each with a number of its own, so that doing one twice does no harm; those that must
//! not be lost wait in the outbox, which is part of the state, until a receipt comes.

use serde::{Deserialize, Serialize};

use super::audit::{Notice, Row};
use super::event::{Observation, Receipt};
use super::schedule::Matcher;
use super::state::State;
use crate::percentage::Percentage;
use crate::timestamp::Timestamp;

/// Notices kept for a receiver that does not answer; then the oldest are dropped. The audit has them all.
const MAX_NOTICES: usize = 100;

/// Rows kept for an audit that cannot be written; then mere looks are dropped, transitions never.
const MAX_ROWS: usize = 200;

/// What came of an event: store `next`, then perform `effects` in order.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Step {
    /// The state from now on.
    pub next: State,
    /// To be done, in this order.
    pub effects: Vec<Effect>,
}

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
    Audit(Row),
    /// Tell people. Report with [`Receipt::Notified`].
    Notify(Notice),
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
    pub who: String,
    /// Why.
    pub why: String,
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

/// What is still to be done. A newer write or halt replaces an older one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outbox {
    pub(super) halt: Option<SetHalt>,
    pub(super) write: Option<WriteState>,
    pub(super) audit: Vec<Row>,
    pub(super) notices: Vec<Notice>,
}

// === impl Target ===

impl Target {
    /// Nobody at all.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.percentage == Percentage::ZERO && self.rings.is_empty()
    }
}

// === impl Outbox ===

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let Self { halt, write, audit, notices } = self;
        usize::from(halt.is_some()) + usize::from(write.is_some()) + audit.len() + notices.len()
    }

    /// Those that are not in `before`, in the order in which they are to be done: what protects users first.
    pub(super) fn effects(&self, before: &Self) -> Vec<Effect> {
        let Self { halt, write, audit, notices } = self;
        // In loops: a chain of iterators is code for each way to go through it.
        let mut effects = Vec::new();
        if let Some(halt) = halt.as_ref().filter(|halt| before.halt.as_ref() != Some(halt)) {
            effects.push(Effect::SetHalt(halt.clone()));
        }
        if let Some(write) = write.as_ref().filter(|write| before.write.as_ref() != Some(write)) {
            effects.push(Effect::WriteState(write.clone()));
        }
        for row in audit.iter().filter(|row| !before.audit.contains(row)) {
            effects.push(Effect::Audit(row.clone()));
        }
        for notice in notices.iter().filter(|notice| !before.notices.contains(notice)) {
            effects.push(Effect::Notify(notice.clone()));
        }
        effects
    }

    pub(super) fn audit(&mut self, row: Row) {
        if row.what.is_news() || self.audit.len() < MAX_ROWS {
            self.audit.push(row);
        }
    }

    pub(super) fn notify(&mut self, notice: Notice) {
        let surplus = (self.notices.len() + 1).saturating_sub(MAX_NOTICES);
        self.notices.drain(..surplus.min(self.notices.len()));
        self.notices.push(notice);
    }

    /// Strikes off what was done. A receipt for something that was replaced or struck off already does nothing.
    pub(super) fn settle(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Written { generation } => {
                self.write = self.write.take().filter(|write| write.generation != generation);
            }
            Receipt::Halted { epoch } => self.halt = self.halt.take().filter(|halt| halt.epoch != epoch),
            Receipt::Audited { seq } => self.audit.retain(|row| row.seq != seq),
            Receipt::Notified { seq } => self.notices.retain(|notice| notice.seq != seq),
        }
    }
}
