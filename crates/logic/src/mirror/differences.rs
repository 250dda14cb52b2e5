//! What differs between the answers of a pair: the most frequent statuses by path, each with the id of a request to look up in a log. Bounded,
//! without queries and bodies; of a path only what names a resource of many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::status_table::Comparison;
use crate::fallback::Answer;

/// Differences that are kept. A count is too low by at most a 49th of all differing pairs, and never too high.
const KEPT: usize = 48;

/// Segments of a path that are kept.
const SEGMENTS: usize = 6;

/// Longest segment that can be a name, in bytes.
const SEGMENT_BYTES: usize = 32;

/// Longest request id, in bytes. Cloudflare's are 20.
const RAY_BYTES: usize = 40;

/// The most frequent differences (Misra and Gries 1982; merged after Agarwal et al. 2012).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Difference>", into = "Vec<Difference>")]
pub struct Differences(BTreeMap<Key, Seen>);

/// Pairs whose answers differ in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The path, with `*` for each segment that may be an id.
    pub path: String,
    /// Status of stable's answer; none where it gave none.
    pub stable: Option<u16>,
    /// Status of the canary's answer; none where it gave none.
    pub canary: Option<u16>,
    /// How such a pair counts.
    pub counts: Comparison,
    /// Pairs, at least.
    pub pairs: u64,
    /// Id of one of the requests (`cf-ray`); empty where the runtime gives none.
    pub example: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    path: String,
    stable: Option<u16>,
    canary: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    counts: Comparison,
    pairs: u64,
    example: String,
}

// === impl Differences ===

impl Differences {
    /// Counts a pair whose answers differ.
    pub fn record(&mut self, path: &str, stable: Answer, canary: Answer, counts: Comparison, ray: &str) {
        let key = Key { path: path_pattern(path), stable: status(stable), canary: status(canary) };
        self.add(key, Seen { counts, pairs: 1, example: id(ray) });
        self.shrink();
    }

    /// Adds the differences of another sender.
    pub fn merge(&mut self, other: &Self) {
        for (key, seen) in &other.0 {
            self.add(key.clone(), seen.clone());
        }
        self.shrink();
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The differences, the most frequent first.
    pub fn most_frequent(&self) -> Vec<Difference> {
        let mut all: Vec<Difference> = self.clone().into();
        all.sort_by_key(|difference| std::cmp::Reverse(difference.pairs));
        all
    }

    /// The newest example stays, because logs are kept for a few days only.
    fn add(&mut self, key: Key, seen: Seen) {
        match self.0.get_mut(&key) {
            Some(known) => {
                known.pairs = known.pairs.saturating_add(seen.pairs);
                known.counts = seen.counts;
                if !seen.example.is_empty() {
                    known.example = seen.example;
                }
            }
            None => {
                self.0.insert(key, seen);
            }
        }
    }

    /// Takes the smallest count from all counts, until few enough are left.
    fn shrink(&mut self) {
        while self.0.len() > KEPT {
            let least = self.0.values().map(|seen| seen.pairs).min().unwrap_or_default();
            self.0.retain(|_, seen| {
                seen.pairs -= least;
                seen.pairs > 0
            });
        }
    }
}

impl From<Vec<Difference>> for Differences {
    /// What a sender wrote, as far as this code could have written it.
    fn from(list: Vec<Difference>) -> Self {
        let mut all = Self::default();
        for Difference { path, stable, canary, counts, pairs, example } in list.into_iter().filter(|it| it.pairs > 0) {
            all.add(Key { path: path_pattern(&path), stable, canary }, Seen { counts, pairs, example: id(&example) });
        }
        all.shrink();
        all
    }
}

impl From<Differences> for Vec<Difference> {
    fn from(all: Differences) -> Self {
        let difference = |(key, seen): (Key, Seen)| Difference {
            path: key.path,
            stable: key.stable,
            canary: key.canary,
            counts: seen.counts,
            pairs: seen.pairs,
            example: seen.example,
        };
        all.0.into_iter().map(difference).collect()
    }
}

fn status(answer: Answer) -> Option<u16> {
    match answer {
        Answer::Status(status) => Some(status),
        Answer::Exception => None,
    }
}

/// A path with `*` for each segment that may be an id, and after the sixth segment. A segment without a digit that is short stays, and so
/// does one that names an API's version.
fn path_pattern(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let mut pattern = String::with_capacity(path.len().min(SEGMENTS * (SEGMENT_BYTES + 1)));
    for (place, segment) in path.trim_start_matches('/').split('/').enumerate() {
        pattern.push('/');
        if place == SEGMENTS {
            pattern.push('*');
            break;
        }
        pattern.push_str(if is_name(segment) { segment } else { "*" });
    }
    pattern
}

fn is_name(segment: &str) -> bool {
    let is_version = segment.strip_prefix('v').is_some_and(|rest| {
        (1..=3).contains(&rest.len()) && rest.bytes().all(|digit| digit.is_ascii_digit() || digit == b'.')
    });
    let is_word = |byte: u8| byte.is_ascii_alphabetic() || b"-._~".contains(&byte);
    is_version || (segment.len() <= SEGMENT_BYTES && segment.bytes().all(is_word))
}

fn id(ray: &str) -> String {
    ray.chars().filter(|it| it.is_ascii_alphanumeric() || *it == '-').take(RAY_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OK: Answer = Answer::Status(200);
    const GONE: Answer = Answer::Status(404);

    #[test]
    fn a_pattern_has_no_ids_no_query_and_no_more_than_six_segments() {
        for (path, pattern) in [
            ("/", "/"),
            ("", "/"),
            ("/api/v1/users/812/orders", "/api/v1/users/*/orders"),
            ("/item/0b9c3f1e-55aa-4d3e-9c55-1de1a0f6c5aa?token=x", "/item/*"),
            ("/a@example.com/x", "/*/x"),
            ("/caf%C3%A9", "/*"),
            ("/static/app.js", "/static/app.js"),
            ("/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/*"),
        ] {
            assert_eq!(path_pattern(path), pattern, "{path}");
        }
        assert_eq!(path_pattern(&format!("/{}", "x".repeat(99))), "/*");
    }

    #[test]
    fn the_most_frequent_difference_comes_first_with_an_example() {
        let mut all = Differences::default();
        all.record("/a", OK, GONE, Comparison::AgainstCanary, "r1");
        for ray in ["r2", "r3", ""] {
            all.record("/item/7", OK, Answer::Exception, Comparison::AgainstCanary, ray);
        }
        let json = concat!(
            r#"[{"path":"/a","stable":200,"canary":404,"counts":"against-canary","pairs":1,"example":"r1"},"#,
            r#"{"path":"/item/*","stable":200,"canary":null,"counts":"against-canary","pairs":3,"example":"r3"}]"#
        );
        assert_eq!(serde_json::to_string(&all).unwrap(), json, "isolates and controllers of other versions read this");
        assert_eq!(serde_json::from_str::<Differences>(json).unwrap(), all);
        assert_eq!(all.most_frequent()[0].path, "/item/*");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_memory_is_bounded_whatever_clients_ask_for_and_what_is_frequent_stays(
            paths in prop::collection::vec("[a-z/?%0-9]{0,40}", 0..200), ray in ".{0,60}", frequent in 0_usize..100,
        ) {
            let mut all = Differences::default();
            for path in &paths {
                all.record(path, OK, GONE, Comparison::AgainstCanary, &ray);
            }
            for _ in 0..frequent {
                all.record("/frequent", GONE, OK, Comparison::AgainstStable, &ray);
            }
            let differing = paths.len() + frequent;
            let counted = all.most_frequent().into_iter().find(|it| it.path == "/frequent").map_or(0, |it| usize::try_from(it.pairs).unwrap());
            prop_assert!(counted <= frequent);
            prop_assert!(counted + differing / (KEPT + 1) >= frequent);
            prop_assert!(all.0.len() <= KEPT);
            prop_assert!(serde_json::to_string(&all).unwrap().len() < 24_000);
            prop_assert!(all.most_frequent().iter().all(|it| !it.path.contains(['?', '%'])));
        }
    }
}
