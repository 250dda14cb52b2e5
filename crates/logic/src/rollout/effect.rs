//! Effects that the state machine asks for. Each has a number of its own, so that performing it twice does no harm.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::audit::{AuditEntry, Notification};
use super::event::Observation;
use crate::document::{self, InvalidDocument};
use crate::policy::{PolicyPatch, Target};
use crate::timestamp::Timestamp;

/// An effect outside of the state machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Replace the alarm. It comes first, so that the other effects are retried if the controller is killed.
    SetAlarm(Timestamp),
    /// Set or lift the halt in the overlay. Report with [`Receipt::Halted`](super::Receipt::Halted).
    SetHalt(SetHalt),
    /// Write `canary-state` to KV. Report with [`Receipt::Written`](super::Receipt::Written).
    WriteState(WriteState),
    /// Append to the audit log, unless it has an entry with this `seq`. Report with [`Receipt::Audited`](super::Receipt::Audited).
    Audit(AuditEntry),
    /// Send a notification. Report with [`Receipt::Notified`](super::Receipt::Notified).
    Notify(Notification),
    /// Analyse the canary. Report with [`Event::Look`](super::Event::Look) in any case; if the analysis is impossible, as an error.
    TakeLook(Observation),
}

/// Sets or lifts a halt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetHalt {
    /// True sets the halt, false lifts it.
    pub on: bool,
    /// Epoch of the halt. Halts of older epochs are void.
    pub epoch: u64,
    /// Actor, for the audit log.
    pub actor: String,
    /// Reason of the halt.
    pub reason: String,
}

/// New values for `canary-state`. `enabled` becomes true; the other fields stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteState {
    /// Generation of the document. A document of a higher generation is newer.
    pub generation: u64,
    /// The salt of the split.
    pub rollout_id: String,
    /// Percentages to serve.
    #[serde(flatten)]
    pub target: Target,
    /// Time of the decision.
    pub updated_at: Timestamp,
    /// Actor of the decision.
    pub updated_by: String,
}

// === impl WriteState ===

impl WriteState {
    /// The document to write over `found`, the one in KV.
    ///
    /// # Errors
    /// KV holds a value that is not a document. An operator may have written it, so it is not overwritten.
    pub fn document(&self, key: &str, found: Option<&str>) -> Result<String, InvalidDocument> {
        let mut document: Map<String, Value> =
            found.map(|text| document::parse_object(key, text)).transpose()?.unwrap_or_default();
        self.patch().apply(&mut document);
        document.insert("updatedAt".into(), self.updated_at.to_rfc3339().into());
        document.insert("updatedBy".into(), self.updated_by.as_str().into());
        Ok(Value::Object(document).to_string())
    }

    /// The changes to the policy document.
    pub fn patch(&self) -> PolicyPatch<'_> {
        let Self { generation, rollout_id, target, .. } = self;
        PolicyPatch { generation: *generation, rollout_id, target }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_document_has_its_author_and_time_and_garbage_is_not_overwritten() {
        let write = r#"{"generation":8,"rolloutId":"r2","percentage":5,"updatedAt":1800000000000,"updatedBy":"ada"}"#;
        let write: WriteState = serde_json::from_str(write).unwrap();
        assert_eq!(
            write.document("canary-state", Some(r#"{"a":1,"b":null}"#)).unwrap(),
            concat!(
                r#"{"a":1,"b":null,"enabled":true,"generation":8,"percentage":5,"rolloutId":"r2","#,
                r#""updatedAt":"2027-01-15T08:00:00.000Z","updatedBy":"ada"}"#
            )
        );
        assert!(write.document("canary-state", None).is_ok());
        let error = write.document("canary-state", Some("{")).unwrap_err().to_string();
        assert!(error.starts_with("canary-state: not JSON"), "{error}");
    }
}
