//! What a rollout changes in `canary-state`. Everything else in the document stays as its operators wrote it.

use serde_json::{Map, Value, json};

use crate::rollout::{Overlay, Target, WriteState};

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
        let rings = self.target.rings.iter().map(|ring| {
            json!({
                "match": ring.matcher.as_json(),
                "serve": {"percentage": ring.percentage},
                ROLLOUT: self.rollout_id,
            })
        });
        let own = match document.remove("rules") {
            Some(Value::Array(rules)) => rules,
            _ => Vec::new(),
        };
        let rules: Vec<Value> = rings.chain(own.into_iter().filter(|rule| rule.get(ROLLOUT).is_none())).collect();
        if !rules.is_empty() {
            document.insert("rules".into(), rules.into());
        }
        document.insert("enabled".into(), true.into());
        document.insert("percentage".into(), json!(self.target.percentage));
        document.insert("rolloutId".into(), self.rollout_id.into());
        document.insert("generation".into(), self.generation.into());
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
    use super::*;
    use crate::rollout::{Matcher, Percentage, Ring};

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
