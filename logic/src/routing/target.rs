//! The parts of a request's URL, as slices of it.

/// An absolute URL, taken apart without copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The host name without port; IPv6 addresses in brackets.
    pub host: &'a str,
    /// The path, from its first slash; empty where the URL has none.
    pub path: &'a str,
    /// What follows the first `?`, without it.
    pub query: Option<&'a str>,
}

// === impl Target ===

impl<'a> Target<'a> {
    /// Takes an absolute URL apart. Total: what is not one has an empty host.
    #[must_use]
    pub fn of(url: &'a str) -> Self {
        let (_, rest) = until(url, |byte| byte == b':');
        let (authority, rest) =
            until(rest.strip_prefix("://").unwrap_or_default(), |byte| matches!(byte, b'/' | b'?' | b'#'));
        let (path, rest) = until(rest, |byte| matches!(byte, b'?' | b'#'));
        let query = rest.strip_prefix('?').map(|query| until(query, |byte| byte == b'#').0);
        let user = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
        let host = authority.get(user..).unwrap_or_default();
        let port = host.bytes().rev().take_while(u8::is_ascii_digit).count();
        let host = host.get(..host.len() - port).and_then(|name| name.strip_suffix(':')).unwrap_or(host);
        Self { host, path, query }
    }

    /// Whether host and path are already as the URL standard leaves them (WHATWG URL, "path state"): no dot segments,
    /// no backslashes, nothing that would be encoded, no upper case in the host. `false` may be a false alarm, `true`
    /// never is.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        let plain = |byte: u8| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'@'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'|' | b'~');
        let starts_with_dot = |segment: &[u8]| match segment {
            [b'.', ..] => true,
            [b'%', b'2', e, ..] => e.eq_ignore_ascii_case(&b'e'),
            _ => false,
        };
        let mut rest = self.path.as_bytes();
        while let Some((byte, after)) = rest.split_first() {
            if !plain(*byte) || (*byte == b'/' && starts_with_dot(after)) {
                return false;
            }
            rest = after;
        }
        self.path.starts_with('/') && self.host.bytes().all(|byte| matches!(byte, b'!'..=b'@' | b'['..=b'~'))
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

/// What stands before the first such byte, and the rest from it on. A loop over bytes: the standard library's searches bring
/// tables and set-up that cost more than a URL is long.
pub(super) fn until(text: &str, is_end: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(is_end).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
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
            assert_eq!(Target::of(url), Target { host, path, query }, "{url}");
        }
    }

    #[test]
    fn whatever_the_url_standard_would_change_is_not_normal() {
        for path in ["/a/../health", "/./x", "/%2e%2E/x", "/a\\b", "/a b", "/é", "", "/a\tb", "/x/.", "/{a}", "/a^b"] {
            assert!(!Target { host: "a.example", path, query: None }.is_normal(), "{path}");
        }
        for path in ["/", "/a/b.png", "//x", "/a..b", "/%41", "/@a:b;c=d,e~f|g[h]", "/a%2Fb"] {
            assert!(Target { host: "a.example", path, query: None }.is_normal(), "{path}");
        }
        assert!(!Target { host: "A.example", path: "/", query: None }.is_normal());
    }

    #[test]
    fn a_query_value_is_found_by_its_whole_name() {
        let target = Target::of("https://a.example/health?x=1&detailed=true&detailed=false&flag");
        assert_eq!(target.query_value("detailed"), Some("true"));
        assert_eq!(target.query_value("flag"), Some(""));
        assert_eq!(target.query_value("detail"), None);
    }

    proptest! {
        #[test]
        fn anything_can_be_taken_apart(url in ".*") {
            let target = Target::of(&url);
            let _ = target.is_normal();
        }
    }
}
