//! Messages to the webhook. docs/webhook.md is their page, and docs/webhook.schema.json their schema.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::percentage::Percentage;
use crate::rollout::PhaseKind;

/// Format that a webhook's receiver accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// The whole message.
    #[default]
    Json,
    /// `{"text": …}`: Slack, Mattermost, Google Chat, Teams.
    Text,
    /// `{"content": …}`: Discord.
    Content,
}

/// A row of the audit log, on its way to the webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookMessage {
    /// Number of the audit row. A receiver that has seen it can ignore the message.
    pub seq: u64,
    /// Time of the change, in RFC 3339.
    pub at: String,
    /// Name of the service that Serin splits.
    pub service: String,
    /// Host of the splitter; none until the control API was called.
    pub host: Option<String>,
    /// The kind of change, as in the audit.
    pub action: String,
    /// Key in KV that was changed, such as `ops:maintenance`; none for changes of the rollout.
    pub key: Option<String>,
    /// Id of the rollout; none if there has been none.
    pub rollout_id: Option<String>,
    /// Phase of the rollout after the change; none if there has been none.
    pub phase: Option<PhaseKind>,
    /// The rollout's percentage after the change, in a ring's step that of the ring; none if there has been no rollout.
    pub percentage: Option<Percentage>,
    /// Whether the canary is halted after the change.
    pub halted: bool,
    /// The person, pipeline or part of Serin that made the change.
    pub actor: String,
    /// The actor's name comes from the request itself and is not verified.
    pub claimed: bool,
    /// Reason of the change.
    pub reason: String,
    /// The change as a sentence.
    pub text: String,
    /// Address of the status; none until the control API was called.
    pub status_url: Option<String>,
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

    /// The request's body.
    pub fn body(self, message: &WebhookMessage) -> String {
        let line = || {
            let WebhookMessage { service, text, status_url, .. } = message;
            let link = status_url.as_ref().map(|url| format!(", {url}")).unwrap_or_default();
            format!("{text} ({service}{link})")
        };
        match self {
            // A message has no map with keys that JSON cannot have.
            Self::Json => serde_json::to_string(message).unwrap_or_default(),
            Self::Text => json!({"text": line()}).to_string(),
            Self::Content => json!({"content": line()}).to_string(),
        }
    }
}

/// The name of the service: as configured, or else the Worker's own on a host of `workers.dev`, or else the host.
pub fn service_name(configured: Option<&str>, host: Option<&str>) -> String {
    // NAME.SUBDOMAIN.workers.dev: https://developers.cloudflare.com/workers/configuration/routing/workers-dev/
    let worker = |host: &str| host.strip_suffix(".workers.dev")?.split_once('.').map(|(name, _)| name.to_owned());
    let of_host = |host: &str| worker(host).unwrap_or_else(|| host.to_owned());
    configured.map(str::to_owned).or_else(|| host.map(of_host)).unwrap_or_else(|| "serin".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> WebhookMessage {
        serde_json::from_value(json!({
            "seq": 4, "at": "2027-01-15T08:00:00.000Z", "service": "shop", "host": "shop.example", "action": "rolled-back",
            "key": null, "rolloutId": "r1", "phase": "rolled-back", "percentage": 0, "halted": true, "actor": "controller",
            "claimed": false, "reason": "It \"failed\".", "text": "It \"failed\".",
            "statusUrl": "https://shop.example/__serin/status"
        }))
        .unwrap()
    }

    #[test]
    fn each_kind_of_receiver_gets_the_format_it_accepts() {
        let line = r#"It \"failed\". (shop, https://shop.example/__serin/status)"#;
        assert_eq!(WebhookFormat::Text.body(&message()), format!(r#"{{"text":"{line}"}}"#));
        assert_eq!(WebhookFormat::Content.body(&message()), format!(r#"{{"content":"{line}"}}"#));
        let unnamed = WebhookMessage { status_url: None, ..message() };
        assert_eq!(WebhookFormat::Text.body(&unnamed), r#"{"text":"It \"failed\". (shop)"}"#);
        let whole: WebhookMessage = serde_json::from_str(&WebhookFormat::Json.body(&message())).unwrap();
        assert_eq!(whole, message());
    }

    #[test]
    fn the_service_is_named_by_the_operator_by_workers_dev_or_by_the_host() {
        assert_eq!(service_name(Some("shop"), Some("shop.example")), "shop");
        assert_eq!(service_name(None, Some("shop-splitter.acme.workers.dev")), "shop-splitter");
        assert_eq!(service_name(None, Some("shop.example")), "shop.example");
        assert_eq!(service_name(None, Some("workers.dev")), "workers.dev");
        assert_eq!(service_name(None, None), "serin");
    }
}
