//! An index over pattern prefixes.
//!
//! Whatever a pattern matches starts with the pattern's literal prefix, so the candidates for a text are the entries
//! whose prefix it starts with. The distinct prefixes are kept sorted, each with a link to the longest other one that it
//! starts with; one binary search finds the last prefix not after the text, and every prefix of the text is on the chain
//! of links from there.

/// Entries by prefix. An entry is its position in some list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefixes(Vec<Prefix>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    text: Box<str>,
    /// The position of the longest other prefix that this one starts with.
    shorter: Option<usize>,
    /// Ascending, without repetition.
    entries: Vec<usize>,
}

// === impl Prefixes ===

impl Prefixes {
    /// Indexes prefixes, each with its entry.
    pub(crate) fn new(mut pairs: Vec<(&str, usize)>) -> Self {
        let mut index = Self::default();
        pairs.sort_unstable();
        pairs.dedup();
        for (text, entry) in pairs {
            match index.0.last_mut() {
                Some(last) if *last.text == *text => last.entries.push(entry),
                _ => {
                    // The longest start of a text that sorts after all before it is on the chain of the last of them.
                    let shorter = index.starts_of(text, index.0.len()).next().map(|(position, _)| position);
                    index.0.push(Prefix { text: text.into(), shorter, entries: vec![entry] });
                }
            }
        }
        index
    }

    /// For each prefix that `text` starts with, the longest first: its entries, ascending.
    pub(crate) fn candidates<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a [usize]> {
        let end = self.0.partition_point(|prefix| &*prefix.text <= text);
        self.starts_of(text, end).map(|(_, prefix)| &*prefix.entries)
    }

    /// The prefixes that `text` starts with among those before `end`, which all sort before it.
    fn starts_of<'a>(&'a self, text: &'a str, end: usize) -> impl Iterator<Item = (usize, &'a Prefix)> {
        let at = |position: Option<usize>| position.and_then(|position| Some((position, self.0.get(position)?)));
        let chain = core::iter::successors(at(end.checked_sub(1)), move |(_, prefix)| at(prefix.shorter));
        chain.filter(|(_, prefix)| text.starts_with(&*prefix.text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_candidates_are_all_entries_whose_prefix_the_text_starts_with(
            prefixes in proptest::collection::vec("[ab]{0,4}", 0..20),
            text in "[ab]{0,6}",
        ) {
            let index = Prefixes::new(prefixes.iter().enumerate().map(|(entry, prefix)| (prefix.as_str(), entry)).collect());
            let mut found: Vec<usize> = index.candidates(&text).flatten().copied().collect();
            found.sort_unstable();
            let expected: Vec<usize> =
                (0..prefixes.len()).filter(|entry| text.starts_with(&prefixes[*entry])).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn longer_prefixes_come_first(prefixes in proptest::collection::vec("[ab]{0,4}", 0..20), text in "[ab]{0,6}") {
            let index = Prefixes::new(prefixes.iter().enumerate().map(|(entry, prefix)| (prefix.as_str(), entry)).collect());
            let lengths: Vec<usize> = index.candidates(&text).map(|entries| prefixes[entries[0]].len()).collect();
            prop_assert!(lengths.is_sorted_by(|longer, shorter| longer > shorter), "{:?}", lengths);
        }
    }
}
