//! What a webhook's receiver gets.

use crate::rollout::Notice;
use crate::timestamp::Timestamp;
use crate::{json, object};

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
            Self::Json => object!({
                "seq": *seq, "at": Timestamp::from(*when).to_rfc3339(), "what": json::value(what), "rolloutId": rollout_id.as_deref(), "text": sentence.as_str(),
            }),
            Self::Text => object!({"text": sentence.as_str()}),
            Self::Content => object!({"content": sentence.as_str()}),
        };
        json::text(&body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
