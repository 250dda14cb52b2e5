//! The conditions of a rule. All that are named must hold.

use super::document::{Members, Reader};
use super::one_of::OneOf;
use super::pattern::{Pattern, Patterns};
use crate::routing::facts::Facts;

/// What a request must be for a rule to apply. Empty: every request.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    path: Option<Patterns>,
    host: Option<Patterns>,
    method: Option<OneOf<String>>,
    country: Option<OneOf<String>>,
    continent: Option<OneOf<String>>,
    colo: Option<OneOf<String>>,
    asn: Option<OneOf<u64>>,
    headers: Vec<(String, OneOf<String>)>,
    cookies: Vec<(String, OneOf<String>)>,
    unknown: Vec<String>,
}

const KNOWN: [&str; 9] = ["path", "host", "method", "country", "continent", "colo", "asn", "header", "cookie"];
const TEXTS: &str = "a string or a list of strings";
const NUMBERS: &str = "a number or a list of numbers";
const MATCHERS: &str = "an object of matchers";
const PAIRS: &str = "an object of names and values";

// === impl Matcher ===

impl Matcher {
    pub(crate) fn read(field: &Reader<'_>) -> Self {
        let Some(all) = field.object(MATCHERS) else {
            field.reject(MATCHERS);
            return Self::default();
        };
        let mut unknown = Vec::new();
        for name in all.names() {
            if !KNOWN.contains(&name.as_str()) {
                unknown.push(name.clone());
            }
        }
        let asn = all.get("asn").one_or_many(|item| item.whole_number(NUMBERS).unwrap_or_default());
        Self {
            path: patterns(&all, "path", Pattern::path),
            host: patterns(&all, "host", Pattern::host),
            method: words(&all, "method"),
            country: words(&all, "country"),
            continent: words(&all, "continent"),
            colo: words(&all, "colo"),
            asn: asn.map(OneOf::new),
            headers: pairs(&all.get("header"), str::to_ascii_lowercase),
            cookies: pairs(&all.get("cookie"), str::to_owned),
            unknown,
        }
    }

    /// What the path of a request must start with, one of these, for the rule to apply; once the empty text for any path.
    pub(super) fn path_prefixes(&self) -> Vec<&str> {
        self.path.as_ref().map_or_else(|| vec![""], |path| path.prefixes().collect())
    }

    /// Matchers that this version does not know. A rule that has some never applies: without them it would be wider
    /// than its author meant.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Whether everything named holds for the request. What costs least to find out is asked first.
    #[must_use]
    pub fn matches(&self, facts: &impl Facts) -> bool {
        let Self { path, host, method, country, continent, colo, asn, headers, cookies, unknown } = self;
        let one_of =
            |patterns: &Option<Patterns>, text: &str| patterns.as_ref().is_none_or(|patterns| patterns.matches(text));
        unknown.is_empty()
            && one_of(path, facts.path())
            && one_of(host, facts.host())
            && method.as_ref().is_none_or(|set| set.contains(&*facts.method()))
            && cookies.iter().all(|(name, values)| facts.cookie(name).is_some_and(|value| values.contains(value)))
            && headers.iter().all(|(name, values)| facts.header(name).is_some_and(|value| values.contains(&*value)))
            && country.as_ref().is_none_or(|set| facts.country().is_some_and(|value| set.contains(&*value)))
            && continent.as_ref().is_none_or(|set| facts.continent().is_some_and(|value| set.contains(&*value)))
            && colo.as_ref().is_none_or(|set| facts.colo().is_some_and(|value| set.contains(&*value)))
            && asn.as_ref().is_none_or(|set| facts.asn().is_some_and(|value| set.contains(&value)))
    }
}

#[inline(never)]
fn texts(field: &Reader<'_>, normal: fn(&str) -> String) -> Option<Vec<String>> {
    field.one_or_many(|item| item.string(TEXTS).map(normal).unwrap_or_default())
}

fn patterns(all: &Members<'_>, name: &str, pattern: fn(&str) -> Pattern) -> Option<Patterns> {
    let items = all.get(name).one_or_many(|item| pattern(item.string(TEXTS).unwrap_or_default()))?;
    Some(Patterns::of(items))
}

/// Words that are the same in upper and lower case.
#[inline(never)]
fn words(all: &Members<'_>, name: &str) -> Option<OneOf<String>> {
    texts(&all.get(name), str::to_ascii_uppercase).map(OneOf::new)
}

fn pairs(field: &Reader<'_>, name_of: fn(&str) -> String) -> Vec<(String, OneOf<String>)> {
    let mut pairs = Vec::new();
    let Some(object) = field.object(PAIRS) else { return pairs };
    for name in object.names() {
        let member = object.get(name);
        let values = texts(&member, str::to_owned);
        if values.is_none() {
            member.reject(TEXTS);
        }
        pairs.push((name_of(name), OneOf::new(values.unwrap_or_default())));
    }
    pairs
}
