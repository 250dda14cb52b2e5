//! Text within text, for the short ones that patterns and headers are searched for. `str`'s own search is made for long ones, and takes
//! 4 KiB of the request path's module with what it says when it panics.

/// Where `part` first occurs in `text`, in bytes. It takes at most the product of the lengths.
#[must_use]
pub fn find(text: &str, part: &str) -> Option<usize> {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let Some(first) = part.first() else { return Some(0) };
    text.windows(part.len()).position(|window| window.first() == Some(first) && window == part)
}

/// Where `byte` first is, eight bytes at a time: a request's cookies are read for it, where each step counts.
#[must_use]
pub fn position(text: &[u8], byte: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let wanted = ONES * u64::from(byte);
    let (words, tail) = text.as_chunks();
    for (number, word) in words.iter().enumerate() {
        // A byte of `differing` is 0 where the text has the wanted one, and only there can the lowest bit of `found` be:
        // subtracting borrows from higher bytes alone.
        let differing = u64::from_le_bytes(*word) ^ wanted;
        let found = differing.wrapping_sub(ONES) & !differing & (ONES << 7);
        if found != 0 {
            return Some(number * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    tail.iter().position(|other| *other == byte).map(|at| words.len() * 8 + at)
}

/// What stands before the first `byte`, which is an ASCII character, and what stands after it.
#[must_use]
pub fn cut(text: &str, byte: u8) -> (&str, Option<&str>) {
    match position(text.as_bytes(), byte).and_then(|at| text.split_at_checked(at)) {
        Some((before, rest)) => (before, rest.get(1..)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_position_is_the_naive_one(text in proptest::collection::vec(prop_oneof![58..61_u8, any::<u8>()], 0..40), byte in 58..61_u8) {
            prop_assert_eq!(position(&text, byte), text.iter().position(|other| *other == byte));
        }

        #[test]
        fn cuts_where_the_library_cuts(text in "[a;é]{0,20}") {
            let cut_by_library = text.split_once(';').map_or((&*text, None), |(before, after)| (before, Some(after)));
            prop_assert_eq!(cut(&text, b';'), cut_by_library);
        }

        #[test]
        fn finds_what_the_library_finds(text in "[abé]{0,9}", part in "[abé]{0,3}") {
            prop_assert_eq!(find(&text, &part), text.find(&part));
        }
    }
}
