//! Rules: the first that matches decides, before the percentage.
//!
//! They are indexed once, when the policy is parsed. Whatever a path pattern matches starts with the pattern's literal
//! prefix, so the candidates for a request are the rules whose prefix its path starts with. The distinct prefixes are
//! kept sorted, each with a link to the longest other one that it starts with; one binary search finds the last prefix
//! not after the path, and every prefix of the path is on the chain of links from there. Rules without a path share the
//! empty prefix.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::document::{Field, InvalidDocument};
use super::matcher::Matcher;
use super::share::Share;
use crate::routing::facts::Facts;
use crate::variant::Variant;

/// What a rule serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Always this variant.
    Variant(Variant),
    /// A share of its own.
    Share(Share),
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
    /// Sorted by prefix, without repetition.
    prefixes: Vec<Prefix>,
}

#[derive(Clone, Debug)]
struct Prefix {
    text: Box<str>,
    /// The position of the longest other prefix that this one starts with.
    shorter: Option<usize>,
    /// Ascending.
    rules: Vec<RuleNumber>,
}

const SERVE: &str = r#""stable", "canary" or {"percentage": 0 to 100}"#;

// === impl Rules ===

impl Rules {
    pub(crate) fn read(field: &Field<'_>) -> Result<Self, InvalidDocument> {
        let rules = field.each("a list of rules", |rule| {
            let accepted = r#"a rule: {"match": {…}, "serve": …}"#;
            let object = rule.object(accepted)?.ok_or_else(|| rule.invalid(accepted))?;
            Ok(Rule {
                matcher: Matcher::read(&rule.member(object, "match"))?,
                serve: Serve::read(&rule.member(object, "serve"))?,
            })
        })?;
        Ok(Self { prefixes: Prefix::index(&rules), rules })
    }

    /// The first rule that matches.
    #[must_use]
    pub fn first_match(&self, facts: &impl Facts) -> Option<(RuleNumber, Serve)> {
        if self.rules.is_empty() {
            return None;
        }
        let path = facts.path();
        let mut first: Option<(RuleNumber, Serve)> = None;
        let mut next = self.prefixes.partition_point(|prefix| &*prefix.text <= path).checked_sub(1);
        while let Some(prefix) = next.and_then(|position| self.prefixes.get(position)) {
            if path.starts_with(&*prefix.text) {
                let earlier = prefix.rules.iter().take_while(|number| first.is_none_or(|(best, _)| **number < best));
                let found = earlier.filter_map(|number| Some((*number, self.rules.get(number.0)?)));
                if let Some((number, rule)) = { found }.find(|(_, rule)| rule.matcher.matches(facts)) {
                    first = Some((number, rule.serve));
                }
            }
            next = prefix.shorter;
        }
        first
    }

    /// The share that a rule serves the canary to, if it is one that shares.
    #[must_use]
    pub fn share_of(&self, number: RuleNumber) -> Option<Share> {
        match self.rules.get(number.0)?.serve {
            Serve::Share(share) => Some(share),
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
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        self.rules.iter().enumerate().filter(|(_, rule)| !rule.matcher.unknown().is_empty()).map(|(number, rule)| {
            let names = rule.matcher.unknown().join(", ");
            format!("rules[{number}].match has matchers this version does not know ({names}): the rule never applies")
        })
    }
}

// === impl Prefix ===

impl Prefix {
    fn index(rules: &[Rule]) -> Vec<Self> {
        let mut by_prefix: BTreeMap<&str, BTreeSet<RuleNumber>> = BTreeMap::new();
        for (number, rule) in rules.iter().enumerate() {
            let mut insert = |prefix| by_prefix.entry(prefix).or_default().insert(RuleNumber(number));
            match rule.matcher.paths() {
                None => {
                    insert("");
                }
                Some(patterns) => patterns.iter().for_each(|pattern| {
                    insert(pattern.prefix());
                }),
            }
        }
        let mut prefixes: Vec<Self> = Vec::with_capacity(by_prefix.len());
        for (text, rules) in by_prefix {
            let shorter = Self::longest_start_of(text, &prefixes);
            prefixes.push(Self { text: text.into(), shorter, rules: rules.into_iter().collect() });
        }
        prefixes
    }

    /// The longest of the sorted `prefixes` that `text`, which sorts after them all, starts with: on the chain of the last.
    fn longest_start_of(text: &str, prefixes: &[Self]) -> Option<usize> {
        let mut next = prefixes.len().checked_sub(1);
        while let Some((position, prefix)) = next.and_then(|position| Some((position, prefixes.get(position)?))) {
            if text.starts_with(&*prefix.text) {
                return Some(position);
            }
            next = prefix.shorter;
        }
        None
    }
}

// === impl Serve ===

impl Serve {
    fn read(field: &Field<'_>) -> Result<Self, InvalidDocument> {
        if let Some(object) = field.value().and_then(|value| value.as_object()) {
            return Share::read(&field.member(object, "percentage")).map(Self::Share);
        }
        match field.string(SERVE)? {
            Some("stable") => Ok(Self::Variant(Variant::Stable)),
            Some("canary") => Ok(Self::Variant(Variant::Canary)),
            _ => Err(field.invalid(SERVE)),
        }
    }
}

#[cfg(test)]
mod tests;
