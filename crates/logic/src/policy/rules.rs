//! Rules: the first that matches decides, before the percentage.
//!
//! They are indexed once by their paths, when the policy is parsed. Rules without a path share the empty prefix.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Reader;
use super::matcher::Matcher;
use super::prefixes::Prefixes;
use crate::percentage::Percentage;
use crate::routing::facts::Facts;
use crate::variant::Variant;

/// What a rule serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Always this variant.
    Variant(Variant),
    /// A share of its own.
    Percentage(Percentage),
}

/// One rule as written.
#[derive(Clone, Debug)]
pub struct Rule {
    matcher: Matcher,
    serve: Serve,
}

/// A rule's place in the document, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleNumber(pub usize);

/// All rules of a policy, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    by_path: Prefixes,
}

const SERVE: &str = r#""stable", "canary" or {"percentage": 0 to 100}"#;

// === impl Rules ===

impl Rules {
    pub(crate) fn read(field: &Reader<'_>) -> Self {
        let rules = field.each("a list of rules", Rule::read);
        let mut prefixes = Vec::with_capacity(rules.len());
        for (number, rule) in rules.iter().enumerate() {
            for prefix in rule.matcher.path_prefixes() {
                prefixes.push((prefix, number));
            }
        }
        Self { by_path: Prefixes::of(prefixes), rules }
    }

    /// The first rule that matches.
    #[must_use]
    pub fn first_match(&self, facts: &impl Facts) -> Option<(RuleNumber, Serve)> {
        if self.rules.is_empty() {
            return None;
        }
        let mut first: Option<(RuleNumber, Serve)> = None;
        for numbers in self.by_path.candidates(facts.path()) {
            let earlier = numbers.iter().take_while(|number| first.is_none_or(|(RuleNumber(best), _)| **number < best));
            let found = earlier.filter_map(|number| Some((RuleNumber(*number), self.rules.get(*number)?)));
            if let Some((number, rule)) = { found }.find(|(_, rule)| rule.matcher.matches(facts)) {
                first = Some((number, rule.serve));
            }
        }
        first
    }

    /// The share that a rule serves the canary to, if it is one that shares.
    #[must_use]
    pub fn share_of(&self, number: RuleNumber) -> Option<Percentage> {
        match self.rules.get(number.0)?.serve {
            Serve::Percentage(share) => Some(share),
            Serve::Variant(_) => None,
        }
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// A warning for each rule that never applies because this version does not know one of its matchers.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (number, rule) in self.rules.iter().enumerate().filter(|(_, rule)| !rule.matcher.unknown().is_empty()) {
            let mut names = String::new();
            for name in rule.matcher.unknown() {
                names.push_str(if names.is_empty() { "" } else { ", " });
                names.push_str(name);
            }
            warnings.push(format!(
                "rules[{number}].match has matchers this version does not know ({names}): the rule never applies"
            ));
        }
        warnings
    }
}

// === impl Rule ===

impl Rule {
    fn read(field: Reader<'_>) -> Self {
        let Some(rule) = field.object(r#"a rule: {"match": {…}, "serve": …}"#) else {
            return Self { matcher: Matcher::default(), serve: Serve::Variant(Variant::Stable) };
        };
        Self { matcher: Matcher::read(&rule.get("match")), serve: Serve::read(&rule.get("serve")) }
    }
}

// === impl Serve ===

impl Serve {
    fn read(field: &Reader<'_>) -> Self {
        if field.value().is_some_and(Value::is_object)
            && let Some(own) = field.object(SERVE)
        {
            return Self::Percentage(own.get("percentage").percentage());
        }
        match field.string(SERVE) {
            Some("canary") => Self::Variant(Variant::Canary),
            found => {
                if found != Some("stable") {
                    field.reject(SERVE);
                }
                Self::Variant(Variant::Stable)
            }
        }
    }
}

#[cfg(test)]
mod tests;
