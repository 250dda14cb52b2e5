//! Patterns of paths and hosts, compared with the plain definition: `*` stands for any run of characters.

use serin_logic::matcher::pattern::Pattern;

use super::{line, text};

/// Longest pattern and text. The reference algorithm takes time and memory in proportion to the product of both lengths.
const MOST: usize = 256;

/// Reads the first line as a pattern and the second as the text to match.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (pattern, text) = line(&text);
    let _ = Pattern::path(pattern).matches(text);
    let found = Pattern::host(pattern).matches(text);
    if pattern.len().max(text.len()) <= MOST {
        assert_eq!(found, matches(pattern.as_bytes(), text.as_bytes()), "{pattern:?} {text:?}");
    }
}

/// Matches by dynamic programming: for each n, whether the pattern so far matches the first n bytes.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut reached: Vec<bool> = (0..=text.len()).map(|end| end == 0).collect();
    for byte in pattern {
        let mut next = Vec::with_capacity(reached.len());
        let mut any = false;
        for (end, here) in reached.iter().enumerate() {
            any |= here;
            let before = end.checked_sub(1).and_then(|last| Some(*reached.get(last)? && text.get(last)? == byte));
            next.push(if *byte == b'*' { any } else { before.unwrap_or(false) });
        }
        reached = next;
    }
    reached.last() == Some(&true)
}
