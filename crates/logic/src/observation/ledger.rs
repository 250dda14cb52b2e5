//! Which messages were taken already. A sender sends one message at a time and numbers it, so its last number says it all.

use serde::{Deserialize, Serialize};

use crate::by_name::ByName;
use crate::timestamp::Timestamp;

/// A sender that was silent for so long is gone; isolates live for minutes to hours, and flush every few seconds.
const GONE_MS: i64 = 15 * 60 * 1000;

/// The last message of each sender.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger(ByName<(u64, i64)>);

impl Ledger {
    /// Takes down message `seq` of `from`; false if it was taken before.
    pub fn take(&mut self, from: &str, seq: u64, now: Timestamp) -> bool {
        let now = now.as_millis();
        if let Some((last, heard)) = self.0.get_mut(from) {
            *heard = now;
            let is_new = seq > *last;
            *last = seq.max(*last);
            return is_new;
        }
        self.0.retain(|(_, heard)| now.saturating_sub(*heard) < GONE_MS);
        self.0.insert(from.to_owned(), (seq, now));
        true
    }

    /// How many senders there are.
    #[must_use]
    pub fn senders(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once() {
        let mut ledger = Ledger::default();
        let now = Timestamp::from_seconds(1_000);
        assert!(ledger.take("a", 1, now));
        assert!(!ledger.take("a", 1, now));
        assert!(ledger.take("b", 1, now));
        assert!(ledger.take("a", 2, now));
        assert!(!ledger.take("a", 1, now));
        assert_eq!(ledger.senders(), 2);
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let mut ledger = Ledger::default();
        assert!(ledger.take("a", 9, Timestamp::from_seconds(0)));
        assert!(ledger.take("b", 1, Timestamp::from_seconds(3_600)));
        assert_eq!(ledger.senders(), 1);
    }
}
