//! The fields of `canary-state` that a rollout writes. The other fields stay as their operators wrote them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::matcher::Matcher;
use crate::percentage::Percentage;

/// The percentages of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Percentage of all sticky keys.
    pub percentage: Percentage,
    /// Rings with a percentage of their own. They become rules ahead of the operators' own, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rings: Vec<Ring>,
}

/// The requests that a matcher selects, with a percentage of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ring {
    /// The requests in the ring.
    #[serde(rename = "where")]
    pub matcher: Matcher,
    /// Percentage of the ring's sticky keys.
    pub percentage: Percentage,
}

/// The changes of a rollout to a policy document.
#[derive(Clone, Copy, Debug)]
pub struct PolicyPatch<'a> {
    /// The generation of the patched document.
    pub generation: u64,
    /// The salt.
    pub rollout_id: &'a str,
    /// The percentages.
    pub target: &'a Target,
}

/// A rule that a rollout adds to the document. The field `rollout` marks it, so that a later patch replaces it.
#[derive(Serialize)]
struct RingRule<'a> {
    #[serde(rename = "match")]
    matcher: &'a Matcher,
    serve: Split,
    rollout: &'a str,
}

#[derive(Serialize)]
struct Split {
    percentage: Percentage,
}

// === impl Target ===

impl Target {
    /// Whether the canary gets no request at all.
    pub fn is_zero(&self) -> bool {
        self.percentage == Percentage::ZERO && self.rings.is_empty()
    }
}

// === impl PolicyPatch ===

impl PolicyPatch<'_> {
    /// Enables the canary at these percentages, and replaces the rules of earlier rollouts by those of this one's rings.
    pub fn apply(&self, document: &mut Map<String, Value>) {
        let rings = self.target.rings.iter().map(|Ring { matcher, percentage }| {
            let rule = RingRule { matcher, serve: Split { percentage: *percentage }, rollout: self.rollout_id };
            serde_json::to_value(rule).unwrap_or_default()
        });
        let mut rules: Vec<Value> = rings.collect();
        if let Some(Value::Array(own)) = document.remove("rules") {
            rules.extend(own.into_iter().filter(|rule| rule.get("rollout").is_none()));
        }
        if !rules.is_empty() {
            document.insert("rules".into(), rules.into());
        }
        if !self.target.is_zero() {
            // It says what became of an earlier canary.
            document.remove("stage");
        }
        document.insert("enabled".into(), true.into());
        document.insert("percentage".into(), self.target.percentage.into());
        document.insert("rolloutId".into(), self.rollout_id.into());
        document.insert("generation".into(), self.generation.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(document: &str, target: &Target) -> String {
        let mut document: Map<String, Value> = serde_json::from_str(document).unwrap();
        PolicyPatch { generation: 8, rollout_id: "r2", target }.apply(&mut document);
        Value::Object(document).to_string()
    }

    #[test]
    fn fields_of_operators_stay() {
        let target = Target { percentage: Percentage::percent(5), rings: vec![] };
        assert_eq!(
            patched(r#"{"enabled":false,"percentage":0,"canaryUrl":"u","future":[1],"stickiness":["ip"]}"#, &target),
            r#"{"canaryUrl":"u","enabled":true,"future":[1],"generation":8,"percentage":5,"rolloutId":"r2","stickiness":["ip"]}"#
        );
    }

    #[test]
    fn the_stage_of_an_earlier_canary_goes_when_visitors_come() {
        let five = Target { percentage: Percentage::percent(5), rings: vec![] };
        let document = r#"{"enabled":false,"percentage":0,"stage":"rolled-back"}"#;
        assert!(!patched(document, &five).contains("stage"));
        assert!(patched(document, &Target::default()).contains(r#""stage":"rolled-back""#), "it is out still");
    }

    #[test]
    fn rings_precede_the_operators_rules_and_a_later_patch_removes_them() {
        let matcher: Matcher = serde_json::from_str(r#"{"country":["NZ"]}"#).unwrap();
        let rings = vec![Ring { matcher, percentage: Percentage::percent(50) }];
        let own = r#"{"rules":[{"match":{"path":"/a"},"serve":"stable"}]}"#;
        let with_ring = patched(own, &Target { percentage: Percentage::ZERO, rings });
        assert_eq!(
            with_ring,
            concat!(
                r#"{"enabled":true,"generation":8,"percentage":0,"rolloutId":"r2","rules":["#,
                r#"{"match":{"country":["NZ"]},"rollout":"r2","serve":{"percentage":50}},"#,
                r#"{"match":{"path":"/a"},"serve":"stable"}]}"#
            )
        );
        let without = patched(&with_ring, &Target { percentage: Percentage::percent(5), rings: vec![] });
        assert!(without.contains(r#""rules":[{"match":{"path":"/a"},"serve":"stable"}]"#), "{without}");
    }
}
