//! Matchers: the conditions a request must meet for a rule, or to be in a ring. All conditions that are named must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserializer, IntoDeserializer, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::pattern::{Pattern, Patterns};
use crate::request_attributes::RequestAttributes;

pub mod pattern;
pub(crate) mod prefixes;

/// The largest matcher of a ring, in bytes of JSON, so that the longest plan stays well within the size of a stored document.
const MAX_RING_BYTES: usize = 2_048;

/// The matchers that a ring accepts, for messages.
pub const ACCEPTED_RING: &str = "an object of at most 2048 bytes with one or more of path, method, host, country, continent, colo, asn, header, cookie";

/// Conditions on a request. Without any condition, every request matches. In JSON, each condition is a value or a list of values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, expecting = "an object of matchers")]
pub struct Matcher {
    #[serde(deserialize_with = "paths", skip_serializing_if = "Option::is_none")]
    path: Option<Patterns>,
    #[serde(deserialize_with = "hosts", skip_serializing_if = "Option::is_none")]
    host: Option<Patterns>,
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    method: Option<BTreeSet<String>>,
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    country: Option<BTreeSet<String>>,
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    continent: Option<BTreeSet<String>>,
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    colo: Option<BTreeSet<String>>,
    #[serde(deserialize_with = "numbers", skip_serializing_if = "Option::is_none")]
    asn: Option<BTreeSet<u64>>,
    #[serde(rename = "header", deserialize_with = "headers", skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, BTreeSet<String>>,
    #[serde(rename = "cookie", deserialize_with = "cookies", skip_serializing_if = "BTreeMap::is_empty")]
    cookies: BTreeMap<String, BTreeSet<String>>,
    /// Conditions that this version does not know, as they are written.
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

// === impl Matcher ===

impl Matcher {
    /// Reads the matcher of a plan's ring. It has to name a condition, and an unknown one is an error, because it is a slip of the pen:
    /// plans are not written for later versions.
    ///
    /// # Errors
    /// The value breaks the schema of a matcher, or is not within [`ACCEPTED_RING`].
    pub fn for_ring<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let matcher = Self::deserialize(deserializer)?;
        let is_short = serde_json::to_string(&matcher).is_ok_and(|json| json.len() <= MAX_RING_BYTES);
        if matcher != Self::default() && matcher.unknown.is_empty() && is_short {
            Ok(matcher)
        } else {
            Err(de::Error::invalid_value(Unexpected::Map, &ACCEPTED_RING))
        }
    }

    /// The prefixes of which a matching path starts with one: a single empty prefix where there is no condition on the path.
    pub(crate) fn path_prefixes(&self) -> Vec<&str> {
        self.path.as_ref().map_or_else(|| vec![""], |path| path.prefixes().collect())
    }

    /// The names of conditions that this version does not know. A matcher with any of them matches no request, because without them it
    /// would match more requests than its author meant.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.keys().map(String::as_str)
    }

    /// Whether every condition holds for the request. The conditions are checked in the order of their cost.
    pub fn matches(&self, request: &impl RequestAttributes) -> bool {
        let Self { path, host, method, country, continent, colo, asn, headers, cookies, unknown } = self;
        unknown.is_empty()
            && path.as_ref().is_none_or(|patterns| patterns.matches(request.path()))
            && host.as_ref().is_none_or(|patterns| patterns.matches(request.host()))
            && method.as_ref().is_none_or(|set| set.contains(&*request.method()))
            && cookies.iter().all(|(name, values)| request.cookie(name).is_some_and(|value| values.contains(value)))
            && headers.iter().all(|(name, values)| request.header(name).is_some_and(|value| values.contains(&*value)))
            && country.as_ref().is_none_or(|set| request.country().is_some_and(|value| set.contains(&*value)))
            && continent.as_ref().is_none_or(|set| request.continent().is_some_and(|value| set.contains(&*value)))
            && colo.as_ref().is_none_or(|set| request.colo().is_some_and(|value| set.contains(&*value)))
            && asn.as_ref().is_none_or(|set| request.asn().is_some_and(|value| set.contains(&value)))
    }
}

/// Patterns for paths, as a text or a list of texts.
pub(crate) fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Patterns>, D::Error> {
    let texts = one_or_many::<String, D>(deserializer)?;
    Ok(Some(Patterns::new(texts.iter().map(|text| Pattern::path(text)).collect())))
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Patterns>, D::Error> {
    let texts = one_or_many::<String, D>(deserializer)?;
    Ok(Some(Patterns::new(texts.iter().map(|text| Pattern::host(text)).collect())))
}

/// Words in which case does not count.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeSet<String>>, D::Error> {
    let texts = one_or_many::<String, D>(deserializer)?;
    Ok(Some(texts.iter().map(|text| text.to_ascii_uppercase()).collect()))
}

fn numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeSet<u64>>, D::Error> {
    Ok(Some(one_or_many::<u64, D>(deserializer)?.into_iter().collect()))
}

/// Header names are equal in upper and lower case. All conditions on one header must hold.
fn headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, BTreeSet<String>>, D::Error> {
    let mut headers = BTreeMap::<String, BTreeSet<String>>::new();
    for (name, values) in cookies(deserializer)? {
        let name = name.to_ascii_lowercase();
        headers.entry(name).and_modify(|others| *others = &*others & &values).or_insert(values);
    }
    Ok(headers)
}

fn cookies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, BTreeSet<String>>, D::Error> {
    let pairs = BTreeMap::<String, Texts>::deserialize(deserializer)?;
    Ok(pairs.into_iter().map(|(name, Texts(values))| (name, values.into_iter().collect())).collect())
}

#[derive(Deserialize)]
struct Texts(#[serde(deserialize_with = "one_or_many")] Vec<String>);

/// Reads a list of values, or a lone value as a list of one, because both are natural to write.
fn one_or_many<'de, T: Element<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_any(OneOrMany(PhantomData))
}

trait Element<'de>: Deserialize<'de> {
    const ACCEPTED: &'static str;
}

impl Element<'_> for String {
    const ACCEPTED: &'static str = "a string or a list of strings";
}

impl Element<'_> for u64 {
    const ACCEPTED: &'static str = "a whole number or a list of whole numbers";
}

struct OneOrMany<T>(PhantomData<T>);

// === impl OneOrMany ===

impl<'de, T: Element<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::ACCEPTED)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Vec<T>, E> {
        let one = T::deserialize(IntoDeserializer::<E>::into_deserializer(value));
        one.map(|one| vec![one]).map_err(|_| E::invalid_type(Unexpected::Str(value), &self))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Vec<T>, E> {
        let one = T::deserialize(IntoDeserializer::<E>::into_deserializer(value));
        one.map(|one| vec![one]).map_err(|_| E::invalid_type(Unexpected::Unsigned(value), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut many = Vec::new();
        while let Some(value) = list.next_element()? {
            many.push(value);
        }
        Ok(many)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(json: &str) -> Result<Matcher, serde_json::Error> {
        Matcher::for_ring(&serde_json::from_str::<Value>(json).unwrap())
    }

    #[test]
    fn a_matcher_is_stored_in_one_form() {
        let written =
            r#"{"path":"/café/*","method":["get","HEAD"],"asn":64500,"header":{"X-A":["1","2"]},"future":[1]}"#;
        let stored = r#"{"path":["/caf%C3%A9/*"],"method":["GET","HEAD"],"asn":[64500],"header":{"x-a":["1","2"]},"future":[1]}"#;
        let matcher: Matcher = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&matcher).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Matcher>(stored).unwrap(), matcher);
    }

    #[test]
    fn all_conditions_on_one_header_hold() {
        let matcher: Matcher = serde_json::from_str(r#"{"header":{"x-a":["1","2"],"X-A":["2","3"]}}"#).unwrap();
        assert_eq!(matcher.headers["x-a"], BTreeSet::from(["2".to_owned()]));
    }

    #[test]
    fn a_ring_names_known_conditions_and_is_short() {
        assert!(ring(r#"{"country":["NZ"]}"#).is_ok());
        let long = format!(r#"{{"country":["{}"]}}"#, "x".repeat(MAX_RING_BYTES));
        for wrong in ["{}", r#"{"query":"x"}"#, r#"{"country":"NZ","query":"x"}"#, &long, r#"["NZ"]"#, r#"{"asn":"x"}"#]
        {
            assert!(ring(wrong).is_err(), "{wrong}");
        }
    }
}
