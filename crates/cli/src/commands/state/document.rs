//! Changes to a `canary-state`, checked with the Worker's own parser. The functions are pure.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Map, Value};
use serin_logic::policy::CanaryState;

use crate::exit::Failure;

/// Changes of the present document; the other fields stay.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Changes {
    /// Give the canary its share of visitors.
    #[arg(long, conflicts_with = "disable")]
    pub(super) enable: bool,
    /// Send all visitors to stable.
    #[arg(long)]
    pub(super) disable: bool,
    /// Share of visitors on the canary: 0 to 100, in steps of 0.001.
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    pub(super) percentage: Option<Value>,
    /// Salt of the assignment; a new one re-assigns every visitor.
    #[arg(long, value_name = "ID")]
    pub(super) rollout_id: Option<String>,
    /// Set any other field, as JSON: `fallback=false`, `stickiness=["cookie:id"]`; `NAME=null` removes it.
    #[arg(long = "field", value_name = "NAME=JSON", value_parser = field, action = clap::ArgAction::Append)]
    pub(super) fields: Vec<(String, Value)>,
}

/// A document that the Worker's parser accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The text to write.
    pub(crate) text: String,
    /// Warnings about a valid document.
    pub(crate) warnings: Vec<String>,
}

// === impl Changes ===

impl Changes {
    /// Whether the options change nothing.
    pub(super) fn is_empty(&self) -> bool {
        !self.enable
            && !self.disable
            && self.percentage.is_none()
            && self.rollout_id.is_none()
            && self.fields.is_empty()
    }

    fn apply(&self, document: &mut Map<String, Value>) {
        let mut set = |name: &str, value: Option<Value>| match value {
            Some(Value::Null) => _ = document.remove(name),
            Some(value) => _ = document.insert(name.to_owned(), value),
            None => {}
        };
        for (name, value) in &self.fields {
            set(name, Some(value.clone()));
        }
        set("enabled", (self.enable || self.disable).then_some(self.enable.into()));
        set("percentage", self.percentage.clone());
        set("rolloutId", self.rollout_id.clone().map(Value::from));
    }
}

// === impl Checked ===

impl Checked {
    /// Checks a document.
    ///
    /// # Errors
    /// The Worker's parser refuses the document. The error is the parser's own.
    pub(crate) fn of(document: &Map<String, Value>) -> Result<Self, Failure> {
        let text = Value::Object(document.clone()).to_string();
        let state = CanaryState::parse("canary-state", &text)
            .map_err(|error| Failure::Usage(format!("the document is not valid: {error}")))?;
        Ok(Self { text, warnings: state.warnings })
    }

    /// The document as a value.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The document as indented text.
    pub(crate) fn pretty(&self) -> String {
        format!("{:#}", self.value())
    }

    /// The document as one line.
    pub(crate) fn summary(&self) -> String {
        let value = self.value();
        let field = |name| value.get(name).map(Value::to_string).unwrap_or_default();
        match field("enabled").as_str() {
            "true" => format!("the canary has {} %", field("percentage")),
            _ => "the canary is disabled".into(),
        }
    }
}

/// The present document with changes; without one, the changes apply to a disabled canary.
///
/// # Errors
/// The present document is not a JSON object, or the Worker refuses the result.
pub(super) fn changed(present: Option<&str>, changes: &Changes) -> Result<Checked, Failure> {
    let mut document = match present {
        None => Map::from_iter([("enabled".to_owned(), false.into()), ("percentage".to_owned(), 0.into())]),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Failure::Usage(format!(
                "the document is not valid: it is not a JSON object ({error}); write a whole one with `serin state set FILE`"
            ))
        })?,
    };
    changes.apply(&mut document);
    Checked::of(&document)
}

/// A line for each field that differs between two documents.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        let found = if before.is_null() { "there was no document".to_owned() } else { format!("it was {before}") };
        return vec![format!("  {found}")];
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differing.map(|name| format!("  {name}: {} → {}", shown(before.get(name)), shown(after.get(name)))).collect()
}

/// Parses a number and keeps its digits.
pub(crate) fn number(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Number(_)) => Ok(value),
        _ => Err("accepted: a number from 0 to 100".into()),
    }
}

fn field(text: &str) -> Result<(String, Value), String> {
    let accepted = "accepted: NAME=JSON, such as fallback=false or stage='\"beta\"'";
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(accepted)?;
    Ok((name.to_owned(), serde_json::from_str(value).map_err(|error| format!("{error}; {accepted}"))?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(present: Option<&str>, changes: &Changes) -> Value {
        changed(present, changes).unwrap().value()
    }

    #[test]
    fn changes_leave_everything_else_as_it_is() {
        let present = r#"{"enabled":false,"percentage":5,"rules":[],"later":{"a":1},"stage":"x"}"#;
        let changes = Changes {
            enable: true,
            percentage: Some(json!(0.5)),
            fields: vec![field("stage=null").unwrap(), field("fallback=false").unwrap()],
            ..Changes::default()
        };
        let expected = json!({"enabled": true, "percentage": 0.5, "rules": [], "later": {"a": 1}, "fallback": false});
        assert_eq!(written(Some(present), &changes), expected);
    }

    #[test]
    fn without_a_document_changes_apply_to_a_disabled_canary() {
        let changes = Changes { percentage: Some(json!(5)), ..Changes::default() };
        assert_eq!(written(None, &changes), json!({"enabled": false, "percentage": 5}));
    }

    #[test]
    fn an_invalid_document_is_refused_with_the_workers_own_error() {
        let changes = Changes { percentage: Some(json!(101)), ..Changes::default() };
        let error = changed(None, &changes).unwrap_err().to_string();
        assert!(error.contains("percentage") && error.contains("101"), "{error}");
        assert!(changed(Some("{"), &Changes::default()).is_err());
    }

    #[test]
    fn each_field_that_differs_is_a_line() {
        let before = json!({"enabled": true, "percentage": 5, "stage": "x"});
        let after = json!({"enabled": true, "percentage": 25, "rolloutId": "r2"});
        let expected = ["  percentage: 5 → 25", r#"  rolloutId: none → "r2""#, r#"  stage: "x" → none"#];
        assert_eq!(differences(&before, &after), expected);
        assert_eq!(differences(&Value::Null, &after), ["  there was no document"]);
        assert_eq!(differences(&json!("{"), &after), [r#"  it was "{""#]);
    }

    #[test]
    fn warnings_of_the_parser_are_kept() {
        let changes = Changes { fields: vec![field("schemaVersion=2").unwrap()], ..Changes::default() };
        assert_eq!(changed(None, &changes).unwrap().warnings.len(), 1);
    }
}
