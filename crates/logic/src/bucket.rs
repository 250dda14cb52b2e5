//! Buckets: every sticky key belongs to one of 100,000.
//!
//! The hash is that of flagd's `fractional` over the same string with weights that add up to 100,000
//! (<https://flagd.dev/reference/custom-operations/fractional-operation/>), so that a flag in the application can select the same cohort.

use std::hash::Hasher as _;

use serde::Serialize;

/// The number of buckets. Percentages have steps of 0.001 %, one bucket each.
pub const BUCKETS: u32 = 100_000;

/// The seed of hashes that say nothing about a bucket.
const INDEPENDENT_SEED: u32 = 1;

/// A bucket, 0 to 99,999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Bucket(u32);

// === impl Bucket ===

impl Bucket {
    /// The last bucket, which only a share of 100 % contains.
    pub const LAST: Self = Self(BUCKETS - 1);

    /// The bucket of a sticky key: `murmur3_x86_32(salt + ":" + key, seed 0) × BUCKETS >> 32`.
    pub fn of(salt: &str, key: &str) -> Self {
        Self::from_hash(Self::hash(salt, key.as_bytes()))
    }

    /// The hash that determines the bucket. It replaces the key where the key itself must not be shown.
    pub fn hash(salt: &str, key: &[u8]) -> u32 {
        hash(0, salt, key)
    }

    /// A hash of the same key that says nothing about its bucket, for statistics of visitors: with another seed.
    pub fn independent_hash(salt: &str, key: &[u8]) -> u32 {
        hash(INDEPENDENT_SEED, salt, key)
    }

    /// 0 to 99,999.
    pub const fn index(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_hash(hash: u32) -> Self {
        // Below BUCKETS: (2^32 - 1) × BUCKETS >> 32 is BUCKETS - 1.
        Self(((hash as u64 * BUCKETS as u64) >> 32) as u32)
    }
}

fn hash(seed: u32, salt: &str, key: &[u8]) -> u32 {
    let mut hasher = mur3::Hasher32::with_seed(seed);
    hasher.write(salt.as_bytes());
    hasher.write(b":");
    hasher.write(key);
    hasher.finish32()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_the_hash_are_the_ends_of_the_buckets() {
        assert_eq!(Bucket::from_hash(0), Bucket(0));
        assert_eq!(Bucket::from_hash(u32::MAX), Bucket::LAST);
    }

    #[test]
    fn the_smallest_independent_hashes_are_spread_over_all_buckets() {
        let mut keys: Vec<(u32, u32)> = (0..100_000_u32)
            .map(|key| {
                let key = key.to_string();
                (Bucket::independent_hash("r1", key.as_bytes()), Bucket::of("r1", &key).index())
            })
            .collect();
        keys.sort_unstable();
        let on_canary = keys.iter().take(10_000).filter(|(_, bucket)| *bucket < 20_000).count();
        // Expected are 2,000; the tolerance is five standard deviations.
        assert!(on_canary.abs_diff(2_000) < 200, "{on_canary}");
    }

    proptest! {
        #[test]
        fn hashing_in_parts_is_hashing_the_joined_string(salt in ".{0,20}", key in ".{0,50}") {
            let joined = format!("{salt}:{key}");
            let whole = Bucket::from_hash(mur3::murmurhash3_x86_32(joined.as_bytes(), 0));
            prop_assert_eq!(Bucket::of(&salt, &key), whole);
        }
    }
}
