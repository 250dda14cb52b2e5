//! The messages that have been counted. A sender numbers its messages and sends one at a time, so its highest number is enough.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// A sender that is silent for this long is forgotten; isolates live for minutes to hours and flush every few seconds.
const FORGET_AFTER: Duration = Duration::from_mins(15);

/// The highest message number of each sender, and when that sender last sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Deduplicator(BTreeMap<String, (u64, Timestamp)>);

// === impl Deduplicator ===

impl Deduplicator {
    /// Records message `seq` of `from`; false if it has been accepted before.
    pub fn accept(&mut self, from: &str, seq: u64, now: Timestamp) -> bool {
        if let Some((highest, last_sent)) = self.0.get_mut(from) {
            *last_sent = now;
            let is_new = seq > *highest;
            *highest = seq.max(*highest);
            return is_new;
        }
        self.0.retain(|_, (_, last_sent)| now.since(*last_sent) < FORGET_AFTER);
        self.0.insert(from.to_owned(), (seq, now));
        true
    }

    /// Number of senders that are not forgotten.
    pub fn senders(&self) -> usize {
        self.0.len()
    }

    /// Names of the senders that are not forgotten.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_accepted_once() {
        let mut messages = Deduplicator::default();
        let now = Timestamp::from_seconds(1_000);
        assert!(messages.accept("a", 1, now));
        assert!(!messages.accept("a", 1, now));
        assert!(messages.accept("b", 1, now));
        assert!(messages.accept("a", 2, now));
        assert!(!messages.accept("a", 1, now));
        assert_eq!(messages.senders(), 2);
    }

    #[test]
    fn a_silent_sender_is_forgotten() {
        let mut messages = Deduplicator::default();
        assert!(messages.accept("a", 9, Timestamp::from_seconds(0)));
        assert!(messages.accept("b", 1, Timestamp::from_seconds(3_600)));
        assert_eq!(messages.senders(), 1);
    }
}
