//! State of the canary before a command: `canary-state`, and the status of the controller.

use serde_json::{Map, Value};
use serin_logic::api::{HaltView, RolloutView, StatusView};
use serin_logic::policy::CanaryState;

use crate::commands::state::{Checked, Store};
use crate::exit::Failure;

/// `stage` of a document: the last change of the canary. Serin only shows the stage; this module interprets it.
pub(super) const DEPLOYING: &str = "deploying";
pub(super) const DEPLOYED: &str = "canary";
pub(super) const PROMOTED: &str = "promoted";
pub(super) const ROLLED_BACK: &str = "rolled-back";

/// State of a canary, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct CurrentState {
    /// The document, or `None` if the key is absent.
    pub(super) document: Option<Map<String, Value>>,
    /// The error that keeps the document from being in force.
    pub(super) invalid: Option<String>,
    /// Status of the splitter, or `None` if the Worker has no controller and reads KV alone.
    pub(super) status: Option<StatusView>,
}

/// Fields to set in the present document; `null` removes a field. The other fields stay as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Edit(pub(super) Vec<(&'static str, Value)>);

// === impl CurrentState ===

impl CurrentState {
    /// Reads the document and the status.
    ///
    /// # Errors
    /// KV or the status is not readable.
    pub(super) fn read(store: &Store) -> Result<Self, Failure> {
        let mut current = Self::of(store.read()?.as_deref());
        current.status = store.api().map(|client| client.get("status")?.read()).transpose()?;
        Ok(current)
    }

    pub(super) fn of(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::default() };
        let invalid = CanaryState::parse("canary-state", text).err().map(|error| error.to_string());
        Self { document: serde_json::from_str(text).ok(), invalid, status: None }
    }

    /// Reason why visitors may get the canary, or `None` if they do not. A halt and switches do not count, because they may be lifted at
    /// any time.
    pub(super) fn traffic(&self) -> Option<String> {
        if let Some(rollout) = self.under_way() {
            return Some(format!("rollout {} is {}", rollout.id, rollout.phase));
        }
        if self.is_unwritten() {
            return Some("the controller still has to write canary-state".into());
        }
        if let Some(error) = &self.invalid {
            return Some(format!("canary-state is not valid ({error}), so the split is unknown"));
        }
        if !self.is_enabled() {
            return None;
        }
        let serves = |rule: &Value| {
            let serve = rule.get("serve");
            serve.is_some_and(|serve| serve == "canary")
                || serve.and_then(|serve| serve.get("percentage")?.as_f64()).is_some_and(|share| share > 0.0)
        };
        let rules = self.field("rules").and_then(Value::as_array).into_iter().flatten();
        match self.field("percentage").and_then(Value::as_f64) {
            Some(share) if share > 0.0 => Some(format!("canary-state gives it {share} %")),
            _ => {
                rules.enumerate().find(|(_, rule)| serves(rule)).map(|(number, _)| format!("rules[{number}] serves it"))
            }
        }
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.field("enabled").and_then(Value::as_bool).unwrap_or_default()
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.document.as_ref()?.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// The version that is the canary; none where the canary is a Worker of its own.
    pub(super) fn canary_version(&self) -> Option<&str> {
        self.text("canaryVersion")
    }

    /// The rollout that has not ended.
    pub(super) fn under_way(&self) -> Option<&RolloutView> {
        self.status.as_ref()?.rollout.as_ref().filter(|rollout| !rollout.is_over())
    }

    /// The rollout that rolled the canary back or was aborted, or `None` if the canary has received visitors since.
    pub(super) fn taken_back(&self) -> Option<&RolloutView> {
        let rollout = self.status.as_ref()?.rollout.as_ref();
        rollout.filter(|rollout| ["rolled-back", "aborted"].contains(&&*rollout.phase) && self.traffic().is_none())
    }

    pub(super) fn halt(&self) -> Option<&HaltView> {
        self.status.as_ref()?.halt.as_ref()
    }

    fn is_unwritten(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.outbox.iter().any(|kind| kind == "write"))
    }

    /// The document with changes. If the result is invalid and `must` is set, the changes alone are the document.
    ///
    /// # Errors
    /// The Worker refuses the document.
    pub(super) fn edited(&self, edit: &Edit, must: bool) -> Result<Checked, Failure> {
        let fields = |mut document: Map<String, Value>| {
            document.extend(edit.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            document.retain(|_, value| !value.is_null());
            Checked::of(&document)
        };
        let checked = fields(self.document.clone().unwrap_or_default());
        if must { checked.or_else(|_| fields(Map::new())) } else { checked }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn traffic(document: &Value, status: &Value) -> Option<String> {
        let status = serde_json::from_value(status.clone()).unwrap();
        CurrentState { status, ..CurrentState::of(Some(&document.to_string())) }.traffic()
    }

    #[test]
    fn a_share_a_rule_and_a_rollout_send_traffic() {
        let off = json!({"enabled": false, "percentage": 50, "rules": [{"match": {}, "serve": "canary"}]});
        let zero = |serve: Value| json!({"enabled": true, "percentage": 0, "rules": [{"match": {}, "serve": serve}]});
        let rollout = |phase| json!({"rollout": {"id": "r1", "phase": phase, "percentage": 0}, "outbox": []});
        for (document, status, expected) in [
            (off.clone(), json!(null), None),
            (json!({"enabled": true, "percentage": 0.5}), json!(null), Some("canary-state gives it 0.5 %")),
            (zero(json!("stable")), json!(null), None),
            (zero(json!("canary")), json!(null), Some("rules[0] serves it")),
            (zero(json!({"percentage": 0})), json!(null), None),
            (zero(json!({"percentage": 1})), json!(null), Some("rules[0] serves it")),
            (off.clone(), rollout("paused"), Some("rollout r1 is paused")),
            (off.clone(), rollout("rolled-back"), None),
            (off, json!({"outbox": ["notify", "write"]}), Some("the controller still has to write canary-state")),
        ] {
            assert_eq!(traffic(&document, &status).as_deref(), expected, "{document} {status}");
        }
        assert_eq!(CurrentState::of(None).traffic(), None);
        assert!(CurrentState::of(Some("garbage")).traffic().unwrap().contains("not valid"));
    }

    #[test]
    fn a_change_that_stops_the_canary_replaces_an_invalid_document() {
        let edit = Edit(vec![("enabled", false.into()), ("percentage", 0.into())]);
        let written = |text| CurrentState::of(text).edited(&edit, true).unwrap().value();
        assert_eq!(written(Some(r#"{"enabled":true,"percentage":5,"fallback":false}"#))["fallback"], false);
        let bare = json!({"enabled": false, "percentage": 0});
        for text in [None, Some("garbage"), Some(r#"{"enabled":true,"percentage":5,"rules":1}"#)] {
            assert_eq!(written(text), bare, "{text:?}");
        }
        assert!(CurrentState::of(Some(r#"{"rules":1}"#)).edited(&edit, false).is_err());
    }
}
