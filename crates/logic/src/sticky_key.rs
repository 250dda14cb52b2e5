//! Sticky keys: the part of a request that identifies its visitor, so that a visitor always gets the same variant.

use std::fmt;
use std::rc::Rc;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::request_attributes::RequestAttributes;
use crate::visitor::{self, VisitorId};

/// The sources of the sticky key, in order. The first source that is present on the request gives its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stickiness(Vec<Source>);

/// A source of sticky keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cookie of the application with this name.
    Cookie(String),
    /// The header with this name, in lower case.
    Header(String),
    /// The visitor's IP address.
    Ip,
    /// Serin's own cookie. A navigation without the cookie gets a new one; any other request without it is identified by its IP address.
    Visitor,
}

/// A request's sticky key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StickyKey<'a> {
    /// The key that a query to `explain` names.
    Given(&'a str),
    /// The value of an application cookie.
    Cookie(&'a str),
    /// The value of a header.
    Header(Rc<str>),
    /// The visitor's IP address.
    Ip(Rc<str>),
    /// The id in Serin's cookie.
    Visitor(VisitorId),
    /// A new id, which the response stores in Serin's cookie.
    NewVisitor(VisitorId),
}

/// The kind of a sticky key, for logs and `explain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the kinds of `StickyKey`")]
pub enum Kind {
    Given,
    Cookie,
    Header,
    Ip,
    Visitor,
}

/// Largest number of sources, because a request without a key is searched for each of them.
const MAX_SOURCES: usize = 16;

// === impl Stickiness ===

impl Default for Stickiness {
    fn default() -> Self {
        Self(vec![Source::Visitor])
    }
}

impl<'de> Deserialize<'de> for Stickiness {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(StickinessVisitor)
    }
}

struct StickinessVisitor;

// === impl StickinessVisitor ===

impl<'de> Visitor<'de> for StickinessVisitor {
    type Value = Stickiness;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"a list of "cookie:NAME", "header:NAME", "ip" or "visitor", 1 to {MAX_SOURCES} of them"#)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Stickiness, A::Error> {
        let mut sources = Vec::new();
        while let Some(source) = list.next_element()? {
            sources.push(source);
        }
        if (1..=MAX_SOURCES).contains(&sources.len()) {
            Ok(Stickiness(sources))
        } else {
            Err(de::Error::invalid_length(sources.len(), &self))
        }
    }
}

impl Stickiness {
    /// The sticky key of a request; `None` where no source is present on it.
    pub fn key_of<'a>(&self, request: &'a impl RequestAttributes) -> Option<StickyKey<'a>> {
        let given = request.given_key().map(StickyKey::Given);
        given.or_else(|| self.0.iter().find_map(|source| source.key_of(request)))
    }
}

// === impl Source ===

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SourceVisitor)
    }
}

struct SourceVisitor;

// === impl SourceVisitor ===

impl Visitor<'_> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#""cookie:NAME", "header:NAME", "ip" or "visitor""#)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Source, E> {
        Source::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl Source {
    fn parse(text: &str) -> Option<Self> {
        let is_token = |name: &&str| !name.is_empty() && name.bytes().all(is_token_byte);
        match text.split_once(':') {
            None if text == "ip" => Some(Self::Ip),
            None if text == "visitor" => Some(Self::Visitor),
            Some(("cookie", name)) => Some(name).filter(is_token).map(|name| Self::Cookie(name.to_owned())),
            Some(("header", name)) => Some(name).filter(is_token).map(|name| Self::Header(name.to_ascii_lowercase())),
            _ => None,
        }
    }

    fn key_of<'a>(&self, request: &'a impl RequestAttributes) -> Option<StickyKey<'a>> {
        match self {
            Self::Cookie(name) => request.cookie(name).filter(|value| !value.is_empty()).map(StickyKey::Cookie),
            Self::Header(name) => request.header(name).filter(|value| !value.is_empty()).map(StickyKey::Header),
            Self::Ip => request.ip().map(StickyKey::Ip),
            Self::Visitor => match request.cookie(visitor::COOKIE).and_then(VisitorId::parse) {
                Some(known) => Some(StickyKey::Visitor(known)),
                None if request.is_navigation() => match request.draw_visitor() {
                    Some(new) => Some(StickyKey::NewVisitor(new)),
                    None => request.ip().map(StickyKey::Ip),
                },
                None => request.ip().map(StickyKey::Ip),
            },
        }
    }
}

// === impl StickyKey ===

impl StickyKey<'_> {
    /// The string that the bucket hash uses.
    pub fn as_str(&self) -> &str {
        // The bytes come from a `str` or are ASCII digits.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The bytes that the bucket hash uses.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Given(value) | Self::Cookie(value) => value.as_bytes(),
            Self::Header(value) | Self::Ip(value) => value.as_bytes(),
            Self::Visitor(id) | Self::NewVisitor(id) => id.as_bytes(),
        }
    }

    /// The kind of the key's source.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Given(_) => Kind::Given,
            Self::Cookie(_) => Kind::Cookie,
            Self::Header(_) => Kind::Header,
            Self::Ip(_) => Kind::Ip,
            Self::Visitor(_) | Self::NewVisitor(_) => Kind::Visitor,
        }
    }
}

/// Whether a character is allowed in the name of a header or cookie (RFC 9110 §5.6.2, `tchar`). The runtime throws an exception on any
/// other.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_attributes::samples::SampleRequest;

    fn stickiness(sources: &[&str]) -> Stickiness {
        Stickiness(sources.iter().map(|source| Source::parse(source).unwrap()).collect())
    }

    #[test]
    fn the_first_source_present_is_the_key() {
        let sources = stickiness(&["header:X-Api-Key", "cookie:user", "ip"]);
        let request = SampleRequest::get("/").header("cf-connecting-ip", "203.0.113.7");
        let key = |request: &SampleRequest| sources.key_of(request).map(|key| (key.kind(), key.as_str().to_owned()));
        assert_eq!(key(&request), Some((Kind::Ip, "203.0.113.7".to_owned())));
        let request = request.cookie("user", "ada");
        assert_eq!(key(&request), Some((Kind::Cookie, "ada".to_owned())));
        let request = request.header("x-api-key", "k1");
        assert_eq!(key(&request), Some((Kind::Header, "k1".to_owned())));
        assert_eq!(sources.key_of(&SampleRequest::get("/")), None);
    }

    #[test]
    fn an_empty_value_is_not_present() {
        let sources = stickiness(&["header:x", "cookie:c"]);
        assert_eq!(sources.key_of(&SampleRequest::get("/").header("x", "").cookie("c", "")), None);
    }

    #[test]
    fn a_visitor_is_identified_by_the_cookie_then_a_new_one_then_the_address() {
        let sources = Stickiness::default();
        let request = SampleRequest::get("/").header("cf-connecting-ip", "203.0.113.7");
        assert_eq!(sources.key_of(&request), Some(StickyKey::Ip("203.0.113.7".into())));

        let new = VisitorId::from_random([7; 16]);
        let page = request.clone().header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "document");
        assert_eq!(sources.key_of(&page), Some(StickyKey::NewVisitor(new)));
        let frame = request.clone().header("sec-fetch-mode", "navigate").header("sec-fetch-dest", "iframe");
        assert_eq!(sources.key_of(&frame), Some(StickyKey::Ip("203.0.113.7".into())));
        let old_browser = request.clone().header("accept", "text/html,*/*");
        assert_eq!(sources.key_of(&old_browser), Some(StickyKey::NewVisitor(new)));
        let no_randomness = SampleRequest { random: None, ..page };
        assert_eq!(sources.key_of(&no_randomness), Some(StickyKey::Ip("203.0.113.7".into())));

        let known = VisitorId::from_random([9; 16]);
        assert_eq!(sources.key_of(&request.cookie(visitor::COOKIE, known.as_str())), Some(StickyKey::Visitor(known)));
    }

    #[test]
    fn an_invalid_header_name_is_rejected() {
        for text in ["header:", "header:a b", "header:é", "cookie:a;b", "cookie", "IP", "visitor:x", ""] {
            assert_eq!(Source::parse(text), None, "{text}");
        }
    }
}
