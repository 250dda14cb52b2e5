//! The parts of a request's URL, as slices of it.

use crate::search::cut;

/// An absolute URL, taken apart without copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The host name without port; IPv6 addresses in brackets.
    pub host: &'a str,
    /// The path, from its first slash; empty where the URL has none.
    pub path: &'a str,
    /// What follows the first `?`, without it.
    pub query: Option<&'a str>,
    is_normal: bool,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Takes an absolute URL apart. Total: what is not one has an empty host. Each byte of what most URLs are is looked at
    /// once: whether all is normal comes out by the way.
    #[must_use]
    pub fn of(url: &'a str) -> Self {
        let rest = cut(url, b':').1.and_then(|rest| rest.strip_prefix("//")).unwrap_or_default();
        let (name, after) = split_at(rest, span(rest.as_bytes(), NAME));
        let (host, rest, is_normal_host) = match after.as_bytes() {
            [] | [b'/' | b'?' | b'#', ..] => (name, after, true),
            _ => {
                let (host, rest) = of_authority(rest);
                (host, rest, host.bytes().all(|byte| matches!(byte, b'!'..=b'@' | b'['..=b'~')))
            }
        };
        let normal = normal_path(rest.as_bytes());
        let (path, after) = split_at(rest, normal + until(rest.as_bytes().get(normal..), b"?#"));
        let query = after.strip_prefix('?').map(|query| cut(query, b'#').0);
        Self { host, path, query, is_normal: is_normal_host && normal > 0 && path.len() == normal }
    }

    /// Whether host and path are already as the URL standard leaves them (WHATWG URL, "path state"): no dot segments,
    /// no backslashes, nothing that would be encoded, no upper case in the host. `false` may be a false alarm, `true`
    /// never is.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        self.is_normal
    }

    /// The value of a query parameter, as written.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<&'a str> {
        self.query?.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
    }
}

/// Host name and rest, where a user, a port or something odd stands beside the name.
fn of_authority(text: &str) -> (&str, &str) {
    let (authority, rest) = split_at(text, until(Some(text.as_bytes()), b"/?#"));
    let user = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
    let host = authority.get(user..).unwrap_or_default();
    let port = host.bytes().rev().take_while(u8::is_ascii_digit).count();
    let name = host.get(..host.len() - port).and_then(|name| name.strip_suffix(':'));
    (name.unwrap_or(host), rest)
}

/// How much of the text is a path that the URL standard would leave as it is: segment by segment, until one starts with a
/// dot or has a byte in it that would be changed.
fn normal_path(text: &[u8]) -> usize {
    let mut end = 0;
    while let Some([b'/', segment @ ..]) = text.get(end..) {
        if matches!(segment, [b'.', ..] | [b'%', b'2', b'e' | b'E', ..]) {
            break;
        }
        end += 1 + span(segment, SEGMENT);
    }
    end
}

/// In a segment of a path, a byte that stays as it is.
const SEGMENT: u8 = 1;
/// In an authority, a byte that stays as it is and has no meaning.
const NAME: u8 = 2;

/// The bits of each byte: a look into a table is one step, and most of what a decision does is looking at bytes.
#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "by the compiler, for 0 to 255")]
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < classes.len() {
        classes[byte] = class_of(byte as u8);
        byte += 1;
    }
    classes
};

const fn class_of(byte: u8) -> u8 {
    let is_segment =
        matches!(byte, b'!' | b'$'..=b'.' | b'0'..=b';' | b'=' | b'@'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'|' | b'~');
    let is_name = matches!(byte, b'!'..=b'@' | b'['..=b'~') && !matches!(byte, b'/' | b':' | b'?' | b'#' | b'@');
    is_segment as u8 * SEGMENT + is_name as u8 * NAME
}

/// How many bytes of this class the text starts with.
fn span(text: &[u8], class: u8) -> usize {
    let is_other = |byte: &u8| CLASSES.get(usize::from(*byte)).is_none_or(|classes| classes & class == 0);
    text.iter().position(is_other).unwrap_or(text.len())
}

/// How much stands before the first of these bytes.
fn until(text: Option<&[u8]>, ends: &[u8]) -> usize {
    let text = text.unwrap_or_default();
    text.iter().position(|byte| ends.contains(byte)).unwrap_or(text.len())
}

/// Both parts; all in the first where no character ends there.
fn split_at(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, host, path, query) in [
            ("https://a.example/", "a.example", "/", None),
            ("https://a.example:8787/x/y?detailed=true&b", "a.example", "/x/y", Some("detailed=true&b")),
            ("http://[::1]:8787/x", "[::1]", "/x", None),
            ("http://[::1]/x#y?z", "[::1]", "/x", None),
            ("http://u:p@a.example", "a.example", "", None),
            ("http://a.example?x=/health", "a.example", "", Some("x=/health")),
            ("http://a.example:/x", "a.example", "/x", None),
            ("http://a.example#x", "a.example", "", None),
            ("http://é.example/é?é#é", "é.example", "/é", Some("é")),
            ("nonsense", "", "", None),
            ("nonsense:/x", "", "", None),
        ] {
            let target = Target::of(url);
            assert_eq!((target.host, target.path, target.query), (host, path, query), "{url}");
        }
    }

    #[test]
    fn whatever_the_url_standard_would_change_is_not_normal() {
        for path in ["/a/../health", "/./x", "/%2e%2E/x", "/a\\b", "/a b", "/é", "", "/a\tb", "/x/.", "/{a}", "/a^b"] {
            assert!(!Target::of(&format!("https://a.example{path}")).is_normal(), "{path}");
        }
        for path in ["/", "/a/b.png", "//x", "/a..b", "/%41", "/@a:b;c=d,e~f|g[h]", "/a%2Fb"] {
            assert!(Target::of(&format!("https://a.example{path}?x#y")).is_normal(), "{path}");
        }
        assert!(!Target::of("https://A.example/").is_normal());
    }

    #[test]
    fn a_query_value_is_found_by_its_whole_name() {
        let target = Target::of("https://a.example/health?x=1&detailed=true&detailed=false&flag");
        assert_eq!(target.query_value("detailed"), Some("true"));
        assert_eq!(target.query_value("flag"), Some(""));
        assert_eq!(target.query_value("detail"), None);
    }

    /// The same, part by part, and each as plainly as it can be said.
    fn taken_apart_naively(url: &str) -> (&str, &str, Option<&str>, bool) {
        let until = |text: &str, ends: &[char]| text.find(ends).unwrap_or(text.len());
        let rest = url.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//")).unwrap_or_default();
        let (authority, rest) = rest.split_at(until(rest, &['/', '?', '#']));
        let (path, rest) = rest.split_at(until(rest, &['?', '#']));
        let query = rest.strip_prefix('?').map(|query| &query[..until(query, &['#'])]);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let name = host.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix(':').unwrap_or(host);
        let segments = path.strip_prefix('/').map(|path| path.split('/'));
        let is_normal_segment = |segment: &str| {
            let starts_with_dot = segment.starts_with('.') || segment.to_lowercase().starts_with("%2e");
            !starts_with_dot && segment.chars().all(|c| c.is_ascii_graphic() && !r##""#<>?\^`{}"##.contains(c))
        };
        let is_normal_path = segments.is_some_and(|mut segments| segments.all(is_normal_segment));
        let is_normal_name = name.chars().all(|c| c.is_ascii_graphic() && !c.is_ascii_uppercase());
        (name, path, query, is_normal_path && is_normal_name)
    }

    proptest! {
        #[test]
        fn takes_apart_what_a_naive_reader_does(
            url in prop_oneof![
                r"(https?)?(:/{0,2})?([a-zA]{0,2}[@:.0-9\[\]é/?#\\ ]?){0,4}(/[%2eEab.\\]{0,4}[ -~\t\né]?){0,4}([?#].{0,4}){0,3}",
                r"https://[a-c.]{0,6}(/[%2eEab.]{0,4}[!-~]?){0,3}",
            ]
        ) {
            let target = Target::of(&url);
            let found = (target.host, target.path, target.query, target.is_normal());
            prop_assert_eq!(found, taken_apart_naively(&url));
        }

        #[test]
        fn anything_can_be_taken_apart(url in ".*") {
            let target = Target::of(&url);
            let _ = target.is_normal();
        }
    }
}
