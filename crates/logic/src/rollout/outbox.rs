//! Effects that must not be lost. They wait in the outbox, which is part of the stored state, until a receipt says that they are done.

use serde::{Deserialize, Serialize};

use super::audit::{AuditEntry, Notification};
use super::effect::{Effect, SetHalt, WriteState};
use super::event::Receipt;

/// Notices kept for a receiver that does not answer; then the oldest are dropped. The audit has them all.
const MAX_NOTIFICATIONS: usize = 100;

/// Rows kept for an audit that cannot be written; then mere looks are dropped, transitions never.
const MAX_ENTRIES: usize = 200;

/// What is still to be done. A newer write or halt replaces an older one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outbox {
    pub(super) halt: Option<SetHalt>,
    pub(super) write: Option<WriteState>,
    pub(super) audit: Vec<AuditEntry>,
    pub(super) notifications: Vec<Notification>,
}

// === impl Outbox ===

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        let Self { halt, write, audit, notifications } = self;
        usize::from(halt.is_some()) + usize::from(write.is_some()) + audit.len() + notifications.len()
    }

    /// Those that are not in `before`, in the order in which they are to be done: what protects users first.
    pub(super) fn effects(&self, before: &Self) -> Vec<Effect> {
        let Self { halt, write, audit, notifications } = self;
        // In loops: a chain of iterators is code for each way to go through it.
        let mut effects = Vec::new();
        if let Some(halt) = halt.as_ref().filter(|halt| before.halt.as_ref() != Some(halt)) {
            effects.push(Effect::SetHalt(halt.clone()));
        }
        if let Some(write) = write.as_ref().filter(|write| before.write.as_ref() != Some(write)) {
            effects.push(Effect::WriteState(write.clone()));
        }
        for entry in audit.iter().filter(|entry| !before.audit.contains(entry)) {
            effects.push(Effect::Audit(entry.clone()));
        }
        for notification in notifications.iter().filter(|notification| !before.notifications.contains(notification)) {
            effects.push(Effect::Notify(notification.clone()));
        }
        effects
    }

    pub(super) fn audit(&mut self, entry: AuditEntry) {
        if entry.action.is_notified() || self.audit.len() < MAX_ENTRIES {
            self.audit.push(entry);
        }
    }

    pub(super) fn notify(&mut self, notification: Notification) {
        let surplus = (self.notifications.len() + 1).saturating_sub(MAX_NOTIFICATIONS);
        self.notifications.drain(..surplus.min(self.notifications.len()));
        self.notifications.push(notification);
    }

    /// Strikes off what was done. A receipt for something that was replaced or struck off already does nothing.
    pub(super) fn settle(&mut self, receipt: Receipt) {
        match receipt {
            Receipt::Written { generation } => {
                self.write = self.write.take().filter(|write| write.generation != generation);
            }
            Receipt::Halted { epoch } => self.halt = self.halt.take().filter(|halt| halt.epoch != epoch),
            Receipt::Audited { seq } => self.audit.retain(|entry| entry.seq != seq),
            Receipt::Notified { seq } => self.notifications.retain(|notification| notification.seq != seq),
        }
    }
}
