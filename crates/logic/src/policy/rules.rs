//! Rules. The first rule that matches decides a request, before the percentage of the policy.
//!
//! Rules are indexed by the prefixes of their paths when the policy is parsed. Rules without a path share the empty prefix.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use crate::matcher::Matcher;
use crate::matcher::prefixes::Prefixes;
use crate::percentage::Percentage;
use crate::request_attributes::RequestAttributes;
use crate::variant::Variant;

/// The variant or share of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// This variant for every sticky key.
    Variant(Variant),
    /// The canary for this percentage of the sticky keys, stable for the others.
    Percentage(Percentage),
}

/// One rule of the document.
#[derive(Clone, Debug, Deserialize)]
#[serde(expecting = r#"a rule: {"match": {…}, "serve": …}"#)]
pub struct Rule {
    #[serde(rename = "match")]
    matcher: Matcher,
    serve: Serve,
}

/// The position of a rule in its document, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleNumber(pub usize);

/// All rules of a policy, indexed by path.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Vec<Rule>")]
pub struct Rules {
    rules: Vec<Rule>,
    by_path: Prefixes,
}

// === impl Rules ===

impl From<Vec<Rule>> for Rules {
    fn from(rules: Vec<Rule>) -> Self {
        let prefixes = rules
            .iter()
            .enumerate()
            .flat_map(|(number, rule)| rule.matcher.path_prefixes().into_iter().map(move |prefix| (prefix, number)));
        Self { by_path: Prefixes::new(prefixes.collect()), rules }
    }
}

impl Rules {
    /// The first rule that matches the request, and what it serves.
    pub fn first_match(&self, request: &impl RequestAttributes) -> Option<(RuleNumber, Serve)> {
        if self.rules.is_empty() {
            return None;
        }
        let mut first: Option<(RuleNumber, Serve)> = None;
        for numbers in self.by_path.candidates(request.path()) {
            let earlier = numbers.iter().take_while(|number| first.is_none_or(|(RuleNumber(best), _)| **number < best));
            let found = earlier.filter_map(|number| Some((RuleNumber(*number), self.rules.get(*number)?)));
            if let Some((number, rule)) = { found }.find(|(_, rule)| rule.matcher.matches(request)) {
                first = Some((number, rule.serve));
            }
        }
        first
    }

    /// The percentage of a rule that splits its requests.
    pub fn percentage_of(&self, number: RuleNumber) -> Option<Percentage> {
        match self.rules.get(number.0)?.serve {
            Serve::Percentage(percentage) => Some(percentage),
            Serve::Variant(_) => None,
        }
    }

    /// The number of rules.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// A warning for each rule that never applies because this version does not know one of its matchers.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.rules.iter().enumerate().filter_map(|(number, rule)| {
            let names: Vec<&str> = rule.matcher.unknown().collect();
            (!names.is_empty()).then(|| {
                let names = names.join(", ");
                format!(
                    "rules[{number}].match has matchers this version does not know ({names}): the rule never applies"
                )
            })
        })
    }
}

// === impl Serve ===

impl<'de> Deserialize<'de> for Serve {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ServeVisitor)
    }
}

struct ServeVisitor;

#[derive(Deserialize)]
struct Split {
    percentage: Percentage,
}

impl<'de> Visitor<'de> for ServeVisitor {
    type Value = Serve;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#""stable", "canary" or {"percentage": 0 to 100}"#)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Serve, E> {
        match name {
            "stable" => Ok(Serve::Variant(Variant::Stable)),
            "canary" => Ok(Serve::Variant(Variant::Canary)),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Serve, A::Error> {
        let Split { percentage } = Split::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Serve::Percentage(percentage))
    }
}

#[cfg(test)]
mod tests;
