//! Mutations of a corpus, for runs without a fuzzing engine. The same seed gives the same inputs.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Tokens that at least one parser treats specially.
const WORDS: [&str; 40] = [
    "\"enabled\":true",
    "\"percentage\":",
    "\"rules\":[",
    "\"match\":{",
    "\"serve\":\"canary\"",
    "\"until\":\"2027-01-15T08:00:00Z\"",
    "\"where\":{",
    "\"stickiness\":[",
    "\"cookie:a\"",
    "\"header:a\"",
    "\"visitor\"",
    "__Host-serin=",
    "serin_override=",
    "null",
    "true",
    "18446744073709551615",
    "-1",
    "1e308",
    "1e-7",
    "0.001",
    "100",
    "NaN",
    "\"\\u0000\"",
    "\\r\\n",
    "\u{2028}",
    "é",
    "%2e",
    "%0d%0a",
    "../",
    "//",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    ";",
    "*",
    "\n",
];

/// Longest input, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// An infinite iterator of inputs that are derived from a corpus.
pub struct Mutations<'a> {
    corpus: &'a [Vec<u8>],
    random: StdRng,
}

// === impl Mutations ===

impl<'a> Mutations<'a> {
    /// Creates mutations of a corpus, which must not be empty.
    pub fn of(corpus: &'a [Vec<u8>], seed: u64) -> Self {
        Self { corpus, random: StdRng::seed_from_u64(seed) }
    }

    fn pick(&mut self) -> Vec<u8> {
        let index = self.random.random_range(0..self.corpus.len().max(1));
        self.corpus.get(index).cloned().unwrap_or_default()
    }

    /// Replaces a part of `input` with a part of `from`.
    fn splice(&mut self, input: &mut Vec<u8>, from: &[u8]) {
        let mut range = |length: usize| {
            let start = self.random.random_range(0..=length);
            start..self.random.random_range(start..=length.min(start + 64))
        };
        let (there, here) = (range(from.len()), range(input.len()));
        let part: Vec<u8> = from.get(there).unwrap_or_default().to_vec();
        input.splice(here, part);
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let at = self.random.random_range(0..=input.len());
        match self.random.random_range(0..6) {
            0 => input.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << self.random.random_range(0..8)),
            1 => input.truncate(at),
            2 => {
                let word = WORDS.get(self.random.random_range(0..WORDS.len())).copied().unwrap_or_default();
                input.splice(at..at, word.bytes());
            }
            3 => {
                let own = input.clone();
                self.splice(input, &own);
            }
            4 => {
                let other = self.pick();
                self.splice(input, &other);
            }
            _ => input.insert(at, self.random.random()),
        }
    }
}

impl Iterator for Mutations<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut input = self.pick();
        for _ in 0..self.random.random_range(1..=4) {
            self.mutate(&mut input);
        }
        input.truncate(MAX_BYTES);
        Some(input)
    }
}
