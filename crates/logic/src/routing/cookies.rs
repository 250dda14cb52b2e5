//! Finding one cookie in a `Cookie` header.
//!
//! Every request is searched for one name's first value, so the header is scanned in place: nothing is decoded or allocated, and hostile
//! headers are read up to a limit.

/// The limits on the bytes and pairs of the header that are read. Browsers keep a few dozen cookies of up to 4 KiB.
const MAX_BYTES: usize = 8 * 1024;
const MAX_PAIRS: usize = 64;

/// The value of the first cookie called `name`, without enclosing quotes.
pub fn find<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = header.get(..header.floor_char_boundary(MAX_BYTES))?;
    for _ in 0..MAX_PAIRS {
        let (pair, after) = rest.split_once(';').map_or((rest, None), |(pair, after)| (pair, Some(after)));
        if let Some(value) = pair.trim_ascii().strip_prefix(name).and_then(|value| value.strip_prefix('=')) {
            return Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value));
        }
        rest = after?;
    }
    None
}

/// The header without any cookie called `name`; `None` where nothing is left.
pub fn without(header: &str, name: &str) -> Option<String> {
    let is_named = |pair: &&str| pair.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
    let kept: Vec<&str> = header.split(';').map(str::trim_ascii).filter(|pair| !is_named(pair)).collect();
    let kept = kept.join("; ");
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_cookie_of_that_exact_name_counts() {
        for (header, value) in [
            ("a=1", Some("1")),
            ("b=2; a=1", Some("1")),
            ("b=2;a=1", Some("1")),
            ("a=1; a=2", Some("1")),
            ("a=", Some("")),
            ("a=\"1\"", Some("1")),
            ("a=b=c", Some("b=c")),
            ("aa=1", None),
            ("A=1", None),
            ("a", None),
            ("", None),
            (";;;", None),
        ] {
            assert_eq!(find(header, "a"), value, "{header}");
        }
    }

    #[test]
    fn a_hostile_header_is_read_up_to_a_limit() {
        assert_eq!(find(&format!("{}a=1", "x;".repeat(MAX_PAIRS)), "a"), None);
        assert_eq!(find(&format!("x={};a=1", "y".repeat(MAX_BYTES)), "a"), None);
    }

    #[test]
    fn a_cookie_can_be_removed() {
        assert_eq!(without("a=1; b=2; a=3", "a").as_deref(), Some("b=2"));
        assert_eq!(without("a=1", "a"), None);
        assert_eq!(without("ab=1; b=2", "a").as_deref(), Some("ab=1; b=2"));
    }

    /// The plain definition.
    fn found_naively<'a>(header: &'a str, name: &str) -> Option<&'a str> {
        let read = &header[..header.floor_char_boundary(MAX_BYTES)];
        let pairs = read.split(';').take(MAX_PAIRS).map(str::trim_ascii);
        let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1;
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    }

    proptest! {
        #[test]
        fn finds_what_a_naive_search_finds(header in "([ab]{0,2}[=; \t\"é]?){0,150}", name in "[ab]{1,2}") {
            prop_assert_eq!(find(&header, &name), found_naively(&header, &name));
        }

        #[test]
        fn any_header_can_be_read(header in ".*", name in "[a-z]{1,3}") {
            let _ = find(&header, &name);
            prop_assert_eq!(without(&header, &name).and_then(|rest| find(&rest, &name).map(str::to_owned)), None);
        }
    }
}
