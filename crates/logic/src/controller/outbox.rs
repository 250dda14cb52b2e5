//! Deliveries to the outside: `canary-state` to KV, notifications to the webhook. What is to be delivered is part of the rollout's state;
//! the outbox knows when.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::retry_state::RetryState;

/// The longest pause between two attempts to write `canary-state`.
pub(super) const LONGEST_WRITE_PAUSE: Duration = Duration::from_secs(30);

/// The longest pause between two attempts to send a notification.
pub(super) const LONGEST_NOTIFICATION_PAUSE: Duration = Duration::from_mins(10);

/// Failed attempts after which a notification is dropped: two and a half hours. The audit has it.
pub(super) const MAX_NOTIFICATION_FAILURES: u32 = 24;

/// Attempts of each kind of delivery; to each receiver one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outbox {
    /// Writes of `canary-state` to KV.
    pub writes: RetryState,
    /// Notifications to the webhook.
    pub notifications: RetryState,
}
