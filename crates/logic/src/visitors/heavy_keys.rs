//! Keys behind many of the requests (Misra and Gries 1982; merged after Agarwal et al. 2012): whether every request counts for itself is
//! in doubt where one key is behind a large share of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Keys that are counted. A count is too low by at most a twentieth of all requests, and never too high.
const COUNTED: usize = 19;

/// Counts requests of the keys that have the most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HeavyKeys(BTreeMap<u32, u64>);

// === impl HeavyKeys ===

impl HeavyKeys {
    /// Counts a request.
    pub fn record(&mut self, key: u32) {
        let count = self.0.entry(key).or_default();
        *count = count.saturating_add(1);
        self.shrink();
    }

    /// Adds the counts of another sender.
    pub fn merge(&mut self, other: &Self) {
        for (key, more) in &other.0 {
            let count = self.0.entry(*key).or_default();
            *count = count.saturating_add(*more);
        }
        self.shrink();
    }

    /// Whether no request was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Requests of the key that has the most, at least.
    pub fn heaviest(&self) -> u64 {
        self.0.values().copied().max().unwrap_or_default()
    }

    /// Takes the smallest count from all counts, until few enough keys are left.
    fn shrink(&mut self) {
        while self.0.len() > COUNTED {
            let least = self.0.values().copied().min().unwrap_or_default();
            self.0.retain(|_, count| {
                *count -= least;
                *count > 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_count_is_never_too_high_and_too_low_by_a_twentieth_at_most(
            keys in prop::collection::vec(0_u32..60, 0..600), heavy in 0_usize..400, parts in 1_usize..5,
        ) {
            let requests: Vec<u32> = keys.into_iter().chain(std::iter::repeat_n(7, heavy)).collect();
            let mut senders = vec![HeavyKeys::default(); parts];
            requests.iter().enumerate().for_each(|(number, key)| senders[number % parts].record(*key));
            let mut all = HeavyKeys::default();
            for sender in &senders {
                all.merge(sender);
            }
            let counts = |key: u32| requests.iter().filter(|it| **it == key).count() as u64;
            let most = (0..60).map(counts).max().unwrap_or_default();
            prop_assert!(all.heaviest() <= most);
            prop_assert!(all.heaviest() + requests.len() as u64 / 20 + 1 >= most);
            prop_assert!(all.0.len() <= COUNTED);
        }
    }
}
