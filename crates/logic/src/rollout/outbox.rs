//! Effects that must not be lost. They wait in the outbox, which is part of the stored state, until a receipt confirms them.

use serde::{Deserialize, Serialize};

use super::audit::{AuditEntry, Notification};
use super::effect::{Effect, SetHalt, WriteState};
use super::event::Receipt;

/// Most notifications that are kept for a receiver that does not answer. Beyond it the oldest are dropped; the audit log has them all.
const MAX_NOTIFICATIONS: usize = 100;

/// Most entries that are kept while the audit log cannot be written. Beyond it analyses are dropped, but never transitions.
const MAX_ENTRIES: usize = 200;

/// Effects that are still to be performed. A newer write or halt replaces an older one.
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

    /// Number of effects.
    pub(super) fn len(&self) -> usize {
        let Self { halt, write, audit, notifications } = self;
        usize::from(halt.is_some()) + usize::from(write.is_some()) + audit.len() + notifications.len()
    }

    /// The effects that are not in `before`, in the order in which they are to be performed: those that protect users come first.
    pub(super) fn effects(&self, before: &Self) -> Vec<Effect> {
        let Self { halt, write, audit, notifications } = self;
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

    /// Removes the effect that was performed. A receipt for an effect that was replaced or removed does nothing.
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
