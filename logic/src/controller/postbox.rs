//! Notices on their way to the webhook: in order, each until it was taken or given up.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::rollout::Notice;
use crate::timestamp::Timestamp;

/// The pause after the first failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// After so many failures a notice is dropped: two and a half hours. The audit has it.
const MAX_FAILURES: u32 = 24;

/// What a receiver understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The notice itself, and a sentence.
    #[default]
    Json,
    /// `{"text": …}`: Slack, Mattermost, Google Chat, Teams.
    Text,
    /// `{"content": …}`: Discord.
    Content,
}

/// How delivery goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Postbox {
    failures: u32,
    next_at: Timestamp,
}

// === impl Format ===

impl Format {
    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            "content" => Some(Self::Content),
            _ => None,
        }
    }

    /// The body to send. A receiver that has seen `seq` has seen the notice.
    #[must_use]
    pub fn body(self, notice: &Notice) -> String {
        let Notice { seq, when, what, rollout_id, sentence } = notice;
        let body = match self {
            Self::Json => json!({
                "seq": seq, "at": Timestamp::from(*when).to_rfc3339(), "what": what, "rolloutId": rollout_id, "text": sentence,
            }),
            Self::Text => json!({"text": sentence}),
            Self::Content => json!({"content": sentence}),
        };
        body.to_string()
    }
}

// === impl Postbox ===

impl Postbox {
    /// When delivery may be tried again.
    #[must_use]
    pub fn next_at(&self) -> Timestamp {
        self.next_at
    }

    /// A notice was taken.
    pub fn delivered(&mut self) {
        *self = Self::default();
    }

    /// A notice was not taken. True: give it up.
    pub fn failed(&mut self, now: Timestamp) -> bool {
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        self.next_at = now.after(pause);
        let gives_up = self.failures >= MAX_FAILURES;
        if gives_up {
            self.failures = 0;
        }
        gives_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let now = Timestamp::from_seconds(1_000);
        let mut postbox = Postbox::default();
        let pauses: Vec<u64> = (0..MAX_FAILURES - 1)
            .map(|_| {
                assert!(!postbox.failed(now));
                postbox.next_at().since(now).as_secs()
            })
            .collect();
        assert_eq!(&pauses[..4], [2, 4, 8, 16]);
        assert_eq!(pauses.last(), Some(&600));
        assert!(postbox.failed(now), "given up");
    }

    #[test]
    fn each_kind_of_receiver_gets_what_it_understands() {
        let notice: Notice = serde_json::from_value(json!({
            "seq": 4, "when": 1_800_000_000_000_u64, "what": "rolled-back", "rolloutId": "r1", "sentence": "It \"failed\"."
        }))
        .unwrap();
        assert_eq!(Format::Text.body(&notice), r#"{"text":"It \"failed\"."}"#);
        assert_eq!(Format::Content.body(&notice), r#"{"content":"It \"failed\"."}"#);
        assert_eq!(
            Format::Json.body(&notice),
            r#"{"at":"2027-01-15T08:00:00.000Z","rolloutId":"r1","seq":4,"text":"It \"failed\".","what":"rolled-back"}"#
        );
    }
}
