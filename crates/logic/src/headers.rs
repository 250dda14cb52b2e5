//! Request headers that Serin removes before a request reaches a variant, and the meaning of `Cache-Control` for shared caches.

use crate::mirror;

/// The header names that each request is searched for: the names in Serin's own namespace that have a meaning, also in the spelling of
/// gateways that turn `-` into `_`, and the platform's version overrides, which a service binding would obey. A search through all names of
/// a request would cost more than the rest of Serin's work on it.
pub const RESERVED: [&str; 8] = [
    "serin-override",
    "serin_override",
    "serin-attempt",
    "serin_attempt",
    mirror::HEADER,
    "serin_mirror",
    "cloudflare-workers-version-overrides",
    "cloudflare-workers-version-key",
];

/// Whether variants must not receive a client's header with this lower-case name. If a request has one such header, the whole namespace is
/// removed.
pub fn is_reserved(name: &str) -> bool {
    name.starts_with("serin-") || name.starts_with("serin_") || RESERVED.contains(&name)
}

/// Whether a text is a header's name: a token of RFC 9110 §5.6.2.
pub fn is_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

/// Whether a `Cache-Control` header keeps shared caches from storing the response (RFC 9111 §5.2.2). `private` with an argument does not,
/// because it is about single header fields.
pub fn forbids_sharing(cache_control: &str) -> bool {
    let mut is_quoted = false;
    // A comma or a name within quotes belongs to another directive's argument.
    let directives = cache_control.split(|character| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    });
    directives.map(str::trim).any(|directive| {
        directive.eq_ignore_ascii_case("private")
            || directive.split('=').next().unwrap_or_default().trim().eq_ignore_ascii_case("no-store")
    })
}

/// Whether a response header with this lower-case name directs caches in front of the Worker and outranks `Cache-Control` for them: the
/// targeted headers of RFC 9213, whose names end alike, and its predecessors.
pub fn outranks_cache_control(name: &str) -> bool {
    name.ends_with("-cache-control") || matches!(name, "surrogate-control" | "edge-control")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_searched_name_is_reserved() {
        assert!(RESERVED.into_iter().all(is_reserved));
    }

    #[test]
    fn the_whole_namespace_is_reserved_and_no_other_name() {
        for name in ["serin-anything", "serin_x"] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["serinette", "x-serin-override", "cloudflare-workers-version-key-2", "cookie"] {
            assert!(!is_reserved(name), "{name}");
        }
    }

    #[test]
    fn a_header_has_a_token_for_a_name() {
        assert!(is_name("serin-version") && is_name("X-Version.1"));
        assert!(["", "a b", "a:", "ü", "a\n"].into_iter().all(|text| !is_name(text)));
    }

    #[test]
    fn a_private_response_is_distinguished_from_a_public_one() {
        for value in ["private", "Private, max-age=5", "max-age=5,no-store", "ext=\"a, b\", private", "no-store=\"x\""]
        {
            assert!(forbids_sharing(value), "{value}");
        }
        for value in [
            "",
            "public, max-age=5",
            "x-private",
            "no-cache",
            "max-age=private",
            "private=\"x\"",
            "private=\"set-cookie\", max-age=5",
            "ext-no-store",
            "ext=\"a, no-store, b\"",
            "ext=\"a, private, b\", max-age=5",
        ] {
            assert!(!forbids_sharing(value), "{value}");
        }
    }

    #[test]
    fn headers_that_outrank_cache_control_are_known_by_name() {
        for name in
            ["cdn-cache-control", "cloudflare-cdn-cache-control", "other-cdn-cache-control", "surrogate-control"]
        {
            assert!(outranks_cache_control(name), "{name}");
        }
        for name in ["cache-control", "surrogate-key", "x-cache", "set-cookie"] {
            assert!(!outranks_cache_control(name), "{name}");
        }
    }
}
