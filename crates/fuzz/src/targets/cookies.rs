//! The `Cookie` header, compared with a simple reference parser: split at `;`, trim, first value of the name.

use serin_logic::routing::cookies::{find, without};
use serin_logic::routing::override_token;
use serin_logic::visitor::{self, VisitorId};

use super::{line, text};

/// The contract of `find`: it does not read past the cookie that it finds.
const MAX_BYTES: usize = 8 * 1024;
const MAX_PAIRS: usize = 64;

/// Parses the first line as the name of a cookie, and the rest as the header.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (name, header) = line(&text);
    for name in [visitor::COOKIE, override_token::COOKIE, name] {
        if name.contains(['=', ';', ' ', '\t', '\r', '\x0c', '"']) {
            continue;
        }
        let read = header.get(..header.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
        let value = pairs(read)
            .take(MAX_PAIRS)
            .find(|(known, value)| *known == name && value.is_some())
            .and_then(|(_, value)| value);
        assert_eq!(find(header, name), value.map(unquoted), "{name} in {header:?}");

        let kept: Vec<&str> =
            split(header).filter(|pair| pair.split_once('=').is_none_or(|(known, _)| known != name)).collect();
        let left = without(header, name);
        assert_eq!(left.as_deref(), Some(kept.join("; ").as_str()).filter(|all| !all.is_empty()));
        let left = left.unwrap_or_default();
        assert_eq!(find(&left, name), None);
        assert_eq!(without(&left, name).unwrap_or_default(), left, "the second time nothing is taken out");
    }
    let id = find(header, visitor::COOKIE).unwrap_or_default();
    let is_id = id.len() == 32 && id.chars().all(|digit| digit.is_ascii_digit() || ('a'..='f').contains(&digit));
    let known = VisitorId::parse(id);
    assert_eq!(known.is_some(), is_id);
    assert_eq!(known.as_ref().map_or(id, VisitorId::as_str), id);
}

fn split(header: &str) -> impl Iterator<Item = &str> {
    header.split(';').map(|pair| pair.trim_matches(|letter: char| letter.is_ascii_whitespace()))
}

fn pairs(header: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    // A part without `=` counts as a pair but is not a cookie.
    split(header).map(|pair| pair.split_once('=').map_or(("", None), |(name, value)| (name, Some(value))))
}

fn unquoted(value: &str) -> &str {
    let is_quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    if is_quoted { value.get(1..value.len() - 1).unwrap_or_default() } else { value }
}
