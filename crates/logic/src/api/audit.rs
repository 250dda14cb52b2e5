//! Records of the audit as they are stored and shown. The store numbers them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::Actor;
use crate::rollout::AuditEntry;
use crate::timestamp::Timestamp;

/// Answer of `GET audit`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditPage<R = AuditRecord> {
    /// Newest first.
    #[serde(default = "Vec::new")]
    pub rows: Vec<R>,
    /// The `before` of the next page; none if this is the last one.
    #[serde(default)]
    pub next: Option<u64>,
}

/// A change, or an analysis of the canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AuditRecord {
    /// Number of the record; none until it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Time of the change, in RFC 3339.
    pub at: String,
    /// The person, pipeline or part of Serin that made the change.
    pub actor: String,
    /// The actor's name comes from the request itself and is not verified, because Cloudflare Access is not configured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
    /// The kind of change.
    pub action: String,
    /// The changed key in KV; none for changes of the rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The changed rollout; none for other changes.
    pub rollout_id: Option<String>,
    /// State before the change.
    pub before: Value,
    /// State after the change.
    pub after: Value,
    /// Reason of the change.
    pub reason: String,
    /// The change as a sentence.
    pub sentence: String,
}

// === impl AuditRecord ===

impl AuditRecord {
    /// The record of a transition of the rollout, or of an analysis.
    pub fn of_rollout(entry: &AuditEntry) -> Self {
        Self {
            seq: None,
            at: entry.when.to_rfc3339(),
            actor: entry.actor.clone(),
            claimed: entry.claimed,
            action: word(&entry.action),
            key: None,
            rollout_id: entry.rollout_id.clone(),
            before: json(&entry.before),
            after: json(&entry.after),
            reason: entry.reason.clone(),
            sentence: entry.to_string(),
        }
    }

    /// The record of a change of the value in KV under `key`; none is an absent value.
    pub fn of_change(key: &str, actor: &Actor, before: Option<&str>, after: Option<&str>, now: Timestamp) -> Self {
        let Actor { name, claimed, reason, epoch: _ } = actor;
        let action = if after.is_some() { "written" } else { "cleared" };
        let mut sentence = format!("{key} {action} by {name}");
        if !reason.is_empty() {
            sentence = format!("{sentence}: {reason}");
        }
        Self {
            seq: None,
            at: now.to_rfc3339(),
            actor: name.clone(),
            claimed: *claimed,
            action: action.into(),
            key: Some(key.to_owned()),
            rollout_id: None,
            before: before.into(),
            after: after.into(),
            reason: reason.clone(),
            sentence,
        }
    }
}

/// The value as JSON. Types of the rollout cannot fail to be serialised.
pub(super) fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The word that a value without fields is in JSON.
pub(super) fn word(value: &impl Serialize) -> String {
    json(value).as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_has_its_actor_its_reason_and_the_values_before_and_after() {
        let ada = Actor { name: "ada".into(), claimed: true, reason: "database".into(), epoch: None };
        let now = Timestamp::from_seconds(1_800_000_000);
        let record = AuditRecord::of_change("maintenance", &ada, None, Some("1"), now);
        assert_eq!(record.sentence, "maintenance written by ada: database");
        assert_eq!(
            (record.before, record.after, record.at.as_str()),
            (Value::Null, json!("1"), "2027-01-15T08:00:00.000Z")
        );
        let ada = Actor { reason: String::new(), ..ada };
        let record = AuditRecord::of_change("maintenance", &ada, Some("1"), None, now);
        assert_eq!(record.sentence, "maintenance cleared by ada");
    }
}
