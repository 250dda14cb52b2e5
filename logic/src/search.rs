//! Text within text, for the short ones that patterns and headers are searched for. `str`'s own search is made for long ones, and takes
//! 4 KiB of the request path's module with what it says when it panics.

/// Where `part` first occurs in `text`, in bytes. It takes at most the product of the lengths.
#[must_use]
pub fn find(text: &str, part: &str) -> Option<usize> {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let Some(first) = part.first() else { return Some(0) };
    text.windows(part.len()).position(|window| window.first() == Some(first) && window == part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_the_library_finds(text in "[abé]{0,9}", part in "[abé]{0,3}") {
            prop_assert_eq!(find(&text, &part), text.find(&part));
        }
    }
}
