//! Deliveries to the outside: `canary-state` and switches to KV, messages to the webhook. The document to write is part of the rollout's
//! state, and a switch is part of its order; the outbox knows when to write them.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::retry_state::RetryState;

/// The longest pause between two attempts to write `canary-state`.
pub(super) const LONGEST_WRITE_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause between two attempts to send a message.
pub(super) const LONGEST_NOTIFICATION_PAUSE: Duration = Duration::from_mins(10);

/// Failed attempts after which a message is dropped: two and a half hours. The audit has it.
pub(super) const MAX_NOTIFICATION_FAILURES: u32 = 24;

/// Most messages that are kept for a receiver that does not answer. Beyond it the oldest are dropped; the audit log has them all.
const MAX_MESSAGES: usize = 100;

/// Attempts of each kind of delivery, to each receiver one at a time, and the messages to send.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outbox {
    /// Writes of `canary-state` to KV.
    pub writes: RetryState,
    /// Attempts to send the oldest message to the webhook.
    pub notifications: RetryState,
    /// Writes of switches to KV.
    pub switches: RetryState,
    /// Messages that the webhook has not taken, oldest first.
    pub messages: Vec<QueuedMessage>,
    /// Scheme and host of the splitter, as the last change through the control API named them.
    pub origin: Option<String>,
}

/// A message that waits to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedMessage {
    /// Number of the audit row that it is about.
    pub seq: u64,
    /// The request's body.
    pub body: String,
}

// === impl Outbox ===

impl Outbox {
    /// Adds a message to send.
    pub fn push(&mut self, message: QueuedMessage) {
        let surplus = (self.messages.len() + 1).saturating_sub(MAX_MESSAGES);
        self.messages.drain(..surplus.min(self.messages.len()));
        self.messages.push(message);
    }
}
