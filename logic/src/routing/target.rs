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
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        Self { host, path, query }
    }

    /// Whether host and path are already as the URL standard leaves them (WHATWG URL, "path state"): no dot segments,
    /// no backslashes, nothing that would be encoded, no upper case in the host. `false` may be a false alarm, `true`
    /// never is.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        let plain = |byte: u8| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'@'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'|' | b'~');
        let mut at_segment_start = false;
        for (position, byte) in self.path.bytes().enumerate() {
            let starts_dots = at_segment_start
                && (byte == b'.'
                    || self.path.get(position..position + 3).is_some_and(|text| text.eq_ignore_ascii_case("%2e")));
            if starts_dots || !plain(byte) {
                return false;
            }
            at_segment_start = byte == b'/';
        }
        self.path.starts_with('/')
            && !self.host.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii_graphic())
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
            ("nonsense", "", "", None),
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
