//! Patterns for paths and hosts, as Cloudflare's route patterns are: case-sensitive, `*` stands for any run of characters.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Serialize, Serializer};

use super::prefixes::Prefixes;

/// The characters that a URL parser encodes in a path (WHATWG URL, "path percent-encode set"); `?` and `#` cannot occur in one.
/// Patterns are encoded the same way, so that `/café` matches the path a browser sends.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');

/// A path in which no letter, digit, `-`, `.`, `_` or `~` is percent-encoded, and other encodings are in upper case: the form in which two
/// paths are equal that mean the same (RFC 3986 §6.2.2), so that `/%61dmin` does not get around a rule on `/admin`. Cloudflare's URL
/// normalization gives paths the same form.
pub fn normal_path(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('%');
    let mut normal = String::with_capacity(path.len());
    normal.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let code = part.get(..2).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match code.and_then(|code| Some((code, u8::from_str_radix(code, 16).ok()?, part.get(2..)?))) {
            Some((_, byte, rest)) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                normal.push(char::from(byte));
                normal.push_str(rest);
            }
            Some((code, _, rest)) => normal.extend(["%", &code.to_ascii_uppercase(), rest]),
            None => normal.extend(["%", part]),
        }
    }
    Cow::Owned(normal)
}

/// A path as a person writes it, in the form in which a request has it and [`normal_path`] leaves it.
pub(crate) fn encoded_path(text: &str) -> String {
    normal_path(&utf8_percent_encode(text, PATH).collect::<String>()).into_owned()
}

/// A pattern in which `*` stands for any run of characters, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    /// Bytes before the first `*`; the whole length where there is none.
    literal: usize,
}

/// Patterns of which one must match. They are indexed, so that a match takes about as long with ten thousand as with ten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    by_prefix: Prefixes,
}

// === impl Pattern ===

impl Pattern {
    /// A pattern for the path of a URL.
    pub fn path(text: &str) -> Self {
        Self::new(&encoded_path(text))
    }

    /// A pattern for a host name.
    pub fn host(text: &str) -> Self {
        Self::new(text)
    }

    fn new(text: &str) -> Self {
        Self { literal: text.find('*').unwrap_or(text.len()), text: text.into() }
    }

    /// Everything before the first `*`. Every text that matches starts with it.
    pub fn prefix(&self) -> &str {
        self.text.get(..self.literal).unwrap_or_default()
    }

    /// Whether the whole of `text` matches. Each literal is matched where it first occurs, which leaves the most text for the literals
    /// after it, so no backtracking is needed.
    pub fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix()) else { return false };
        let Some(tail) = self.text.get(self.literal..).filter(|tail| !tail.is_empty()) else { return rest.is_empty() };
        let Some((middle, suffix)) = tail.rsplit_once('*') else { return false };
        let Some(mut rest) = rest.strip_suffix(suffix) else { return false };
        for literal in middle.split('*').filter(|literal| !literal.is_empty()) {
            let after = rest.find(literal).and_then(|at| rest.get(at + literal.len()..));
            let Some(after) = after else { return false };
            rest = after;
        }
        true
    }
}

// === impl Patterns ===

impl Patterns {
    pub(super) fn new(patterns: Vec<Pattern>) -> Self {
        let prefixes = patterns.iter().enumerate().map(|(entry, pattern)| (pattern.prefix(), entry));
        Self { by_prefix: Prefixes::new(prefixes.collect()), patterns }
    }

    /// Whether the whole of `text` matches one of them.
    pub fn matches(&self, text: &str) -> bool {
        let is_match = |entry: &usize| self.patterns.get(*entry).is_some_and(|pattern| pattern.matches(text));
        self.by_prefix.candidates(text).any(|entries| entries.iter().any(is_match))
    }

    pub(super) fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(Pattern::prefix)
    }
}

impl Serialize for Patterns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.patterns.iter().map(|pattern| &*pattern.text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, matches) in [
            ("/api/*", "/api/", true),
            ("/api/*", "/api/v1/users", true),
            ("/api/*", "/api", false),
            ("/api*", "/api", true),
            ("/API/*", "/api/v1", false),
            ("/", "/", true),
            ("/", "/x", false),
            ("*", "", true),
            ("*.png", "/a/b.png", true),
            ("*.png", "/a/b.png/c", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/c", false),
            ("/a*a", "/a", false),
            ("**", "/x", true),
            ("/a*b*c", "/a-b-b-c", true),
            ("/a*b*c", "/a-c-b", false),
            ("/a?b", "/axb", false),
        ] {
            assert_eq!(Pattern::path(pattern).matches(text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_path_is_written_as_a_person_would_write_it() {
        assert!(Pattern::path("/café/*").matches("/caf%C3%A9/menu"));
        assert!(Pattern::path("/a b").matches("/a%20b"));
        assert!(Pattern::path("/caf%C3%A9").matches("/caf%C3%A9"));
    }

    #[test]
    fn a_path_in_another_encoding_is_the_same_path() {
        for (path, normal) in [
            ("/%61dmin", "/admin"),
            ("/%7Euser/%2D%2e%5F", "/~user/-._"),
            ("/a%2fb%2Fc", "/a%2Fb%2Fc"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/%2561dmin", "/%2561dmin"),
            ("/%", "/%"),
            ("/%6", "/%6"),
            ("/%+1%é", "/%+1%é"),
            ("/%%61", "/%a"),
        ] {
            assert_eq!(normal_path(path), normal, "{path}");
        }
        assert!(Pattern::path("/%61dmin/*").matches("/admin/x"));
    }

    /// The definition, by trying every split: slow and obviously right.
    fn matches_by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|skip| matches_by_definition(rest, &text[skip..])),
            Some((first, rest)) => {
                text.split_first().is_some_and(|(head, tail)| head == first && matches_by_definition(rest, tail))
            }
        }
    }

    proptest! {
        #[test]
        fn a_path_has_one_normal_form_for_all_encodings(path in "[a-z/~%2F]{0,12}", encoded in proptest::collection::vec(any::<bool>(), 12)) {
            let normal = normal_path(&path).into_owned();
            // A lone percent sign may meet the digits of an encoding.
            prop_assume!(!normal.contains('%'));
            let other: String = normal.chars().zip(encoded).map(|(character, encoded)| match character {
                'a'..='z' | '~' | '0'..='9' | 'A'..='Z' if encoded => format!("%{:02x}", u32::from(character)),
                plain => plain.to_string(),
            }).collect();
            prop_assert_eq!(normal_path(&other), normal);
        }

        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(
                Pattern::host(&pattern).matches(&text),
                matches_by_definition(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
