//! Bodies of webhook requests.

use serde_json::json;

use crate::rollout::Notification;

/// Format that a webhook's receiver accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// The notification's fields and its sentence.
    #[default]
    Json,
    /// `{"text": …}`: Slack, Mattermost, Google Chat, Teams.
    Text,
    /// `{"content": …}`: Discord.
    Content,
}

// === impl WebhookFormat ===

impl WebhookFormat {
    /// The format of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            "content" => Some(Self::Content),
            _ => None,
        }
    }

    /// The request's body. A receiver that has seen `seq` has seen the notification.
    pub fn body(self, notice: &Notification) -> String {
        let Notification { seq, when, action, rollout_id, sentence } = notice;
        let body = match self {
            Self::Json => json!({
                "seq": seq, "at": when.to_rfc3339(), "action": action, "rolloutId": rollout_id, "text": sentence,
            }),
            Self::Text => json!({"text": sentence}),
            Self::Content => json!({"content": sentence}),
        };
        body.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_receiver_gets_the_format_it_accepts() {
        let notice: Notification = serde_json::from_value(json!({
            "seq": 4, "when": 1_800_000_000_000_u64, "action": "rolled-back", "rolloutId": "r1", "sentence": "It \"failed\"."
        }))
        .unwrap();
        assert_eq!(WebhookFormat::Text.body(&notice), r#"{"text":"It \"failed\"."}"#);
        assert_eq!(WebhookFormat::Content.body(&notice), r#"{"content":"It \"failed\"."}"#);
        assert_eq!(
            WebhookFormat::Json.body(&notice),
            r#"{"action":"rolled-back","at":"2027-01-15T08:00:00.000Z","rolloutId":"r1","seq":4,"text":"It \"failed\"."}"#
        );
    }
}
