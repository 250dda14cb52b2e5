//! The conditions of a rule. All that are named must hold.

use serde_json::{Map, Value};

use super::document::{Field, InvalidDocument};
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
const PAIRS: &str = "an object of names and values";

// === impl Matcher ===

impl Matcher {
    pub(crate) fn read(field: &Field<'_>) -> Result<Self, InvalidDocument> {
        let accepted = "an object of matchers";
        let object = field.object(accepted)?.ok_or_else(|| field.invalid(accepted))?;
        let patterns = |name, pattern: fn(&str) -> Pattern| {
            let items = field.member(object, name).one_or_many(TEXTS, |item| text(&item).map(pattern))?;
            Ok(items.map(Patterns::of))
        };
        let set = |name, normal: fn(&str) -> String| {
            let items = field.member(object, name).one_or_many(TEXTS, |item| text(&item).map(normal))?;
            Ok(items.map(OneOf::new))
        };
        let asn = field
            .member(object, "asn")
            .one_or_many(NUMBERS, |item| item.whole_number(NUMBERS)?.ok_or_else(|| item.invalid(NUMBERS)))?;
        Ok(Self {
            path: patterns("path", Pattern::path)?,
            host: patterns("host", Pattern::host)?,
            method: set("method", str::to_ascii_uppercase)?,
            country: set("country", str::to_ascii_uppercase)?,
            continent: set("continent", str::to_ascii_uppercase)?,
            colo: set("colo", str::to_ascii_uppercase)?,
            asn: asn.map(OneOf::new),
            headers: pairs(&field.member(object, "header"), str::to_ascii_lowercase)?,
            cookies: pairs(&field.member(object, "cookie"), str::to_owned)?,
            unknown: object.keys().filter(|name| !KNOWN.contains(&name.as_str())).cloned().collect(),
        })
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

fn text<'a>(field: &Field<'a>) -> Result<&'a str, InvalidDocument> {
    field.string(TEXTS)?.ok_or_else(|| field.invalid(TEXTS))
}

fn pairs(field: &Field<'_>, name_of: fn(&str) -> String) -> Result<Vec<(String, OneOf<String>)>, InvalidDocument> {
    let empty = Map::<String, Value>::new();
    let object = field.object(PAIRS)?.unwrap_or(&empty);
    let mut pairs = Vec::with_capacity(object.len());
    for name in object.keys() {
        let member = field.member(object, name);
        let values = member.one_or_many(TEXTS, |item| text(&item).map(str::to_owned))?;
        pairs.push((name_of(name), values.map(OneOf::new).ok_or_else(|| member.invalid(TEXTS))?));
    }
    Ok(pairs)
}
