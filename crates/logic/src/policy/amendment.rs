//! What a rollout changes in `canary-state`. Everything else in the document stays as its operators wrote it.

use serde_json::{Map, Value};

use super::document::{InvalidDocument, parse_object};
use crate::rollout::{Overlay, Target, WriteState};
use crate::{json, object};

/// Marks a rule that a rollout put there.
const ROLLOUT: &str = "rollout";

/// The fields that a rollout writes.
#[derive(Clone, Copy, Debug)]
pub struct Amendment<'a> {
    /// Of the document.
    pub generation: u64,
    /// The salt.
    pub rollout_id: &'a str,
    /// The shares.
    pub target: &'a Target,
}

impl Amendment<'_> {
    /// Changes a document: the canary is enabled at these shares, and rings become rules ahead of the operators' own.
    pub fn apply(&self, document: &mut Map<String, Value>) {
        let mut rules = Vec::new();
        for ring in &self.target.rings {
            let mut rule = Map::new();
            json::put(&mut rule, "match", ring.matcher.as_json().clone().into());
            json::put(&mut rule, "serve", object!({ "percentage": ring.percentage }));
            json::put(&mut rule, ROLLOUT, self.rollout_id.into());
            rules.push(rule.into());
        }
        // Into a new object: taking one member out of a tree is 3 KiB in the Wasm.
        for (name, value) in core::mem::take(document) {
            match value {
                Value::Array(own) if name == "rules" => {
                    rules.extend(own.into_iter().filter(|rule| rule.get(ROLLOUT).is_none()));
                }
                _ if name == "rules" => {}
                other => {
                    document.insert(name, other);
                }
            }
        }
        if !rules.is_empty() {
            json::put(document, "rules", rules.into());
        }
        json::put(document, "enabled", true.into());
        json::put(document, "percentage", self.target.percentage.into());
        json::put(document, "rolloutId", self.rollout_id.into());
        json::put(document, "generation", self.generation.into());
    }
}

impl WriteState {
    /// The document to write where KV has `found`.
    ///
    /// # Errors
    /// What is in KV is no document: it is somebody's, and is not overwritten.
    pub fn document(&self, key: &str, found: Option<&str>) -> Result<String, InvalidDocument> {
        let mut document = found.map(|text| parse_object(key, text)).transpose()?.unwrap_or_default();
        Amendment::from(self).apply(&mut document);
        document.insert("updatedAt".into(), self.updated_at.to_rfc3339().into());
        document.insert("updatedBy".into(), self.updated_by.as_str().into());
        Ok(json::text(&document))
    }
}

impl<'a> From<&'a WriteState> for Amendment<'a> {
    fn from(write: &'a WriteState) -> Self {
        Self { generation: write.generation, rollout_id: &write.rollout_id, target: &write.target }
    }
}

impl<'a> Amendment<'a> {
    /// What an overlay asks for; none: the document alone counts.
    #[must_use]
    pub fn of(overlay: &'a Overlay) -> Option<Self> {
        let target = overlay.target.as_ref()?;
        Some(Self { generation: overlay.generation, rollout_id: &overlay.rollout_id, target })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::percentage::Percentage;
    use crate::rollout::{Matcher, Ring};

    fn amended(document: &str, target: &Target) -> String {
        let mut document: Map<String, Value> = serde_json::from_str(document).unwrap();
        Amendment { generation: 8, rollout_id: "r2", target }.apply(&mut document);
        Value::Object(document).to_string()
    }

    #[test]
    fn what_operators_wrote_stays() {
        let target = Target { percentage: Percentage::percent(5), rings: vec![] };
        assert_eq!(
            amended(r#"{"enabled":false,"percentage":0,"canaryUrl":"u","future":[1],"stickiness":["ip"]}"#, &target),
            r#"{"canaryUrl":"u","enabled":true,"future":[1],"generation":8,"percentage":5,"rolloutId":"r2","stickiness":["ip"]}"#
        );
    }

    #[test]
    fn the_document_says_who_and_when_and_garbage_is_not_overwritten() {
        let write: WriteState = serde_json::from_value(json!({
            "generation": 8, "rolloutId": "r2", "percentage": 5, "updatedAt": 1_800_000_000_000_u64, "updatedBy": "ada"
        }))
        .unwrap();
        assert_eq!(
            write.document("canary-state", Some(r#"{"a":1}"#)).unwrap(),
            concat!(
                r#"{"a":1,"enabled":true,"generation":8,"percentage":5,"rolloutId":"r2","#,
                r#""updatedAt":"2027-01-15T08:00:00.000Z","updatedBy":"ada"}"#
            )
        );
        assert!(write.document("canary-state", None).is_ok());
        assert!(
            write.document("canary-state", Some("{")).unwrap_err().to_string().starts_with("canary-state: not JSON")
        );
    }

    #[test]
    fn rings_come_before_the_operators_rules_and_go_when_they_are_over() {
        let matcher: Matcher = serde_json::from_str(r#"{"country":["NZ"]}"#).unwrap();
        let rings = vec![Ring { matcher, percentage: Percentage::percent(50) }];
        let own = r#"{"rules":[{"match":{"path":"/a"},"serve":"stable"}]}"#;
        let with_ring = amended(own, &Target { percentage: Percentage::ZERO, rings });
        assert_eq!(
            with_ring,
            concat!(
                r#"{"enabled":true,"generation":8,"percentage":0,"rolloutId":"r2","rules":["#,
                r#"{"match":{"country":["NZ"]},"rollout":"r2","serve":{"percentage":50}},"#,
                r#"{"match":{"path":"/a"},"serve":"stable"}]}"#
            )
        );
        let without = amended(&with_ring, &Target { percentage: Percentage::percent(5), rings: vec![] });
        assert!(without.contains(r#""rules":[{"match":{"path":"/a"},"serve":"stable"}]"#), "{without}");
    }
}
