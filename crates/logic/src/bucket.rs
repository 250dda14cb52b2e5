//! Buckets: every sticky key belongs to one of 100,000.
//!
//! The hash is that of flagd's `fractional` over the same string with weights that add up to 100,000
//! (<https://flagd.dev/reference/custom-operations/fractional-operation/>), so that a flag in the application can select the same cohort.

use std::hash::Hasher as _;

use serde::Serialize;

/// The number of buckets. Percentages have steps of 0.001 %, one bucket each.
pub const BUCKETS: u32 = 100_000;

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
        let mut hasher = mur3::Hasher32::with_seed(0);
        hasher.write(salt.as_bytes());
        hasher.write(b":");
        hasher.write(key);
        hasher.finish32()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ends_of_the_hash_are_the_ends_of_the_buckets() {
        assert_eq!(Bucket::from_hash(0), Bucket(0));
        assert_eq!(Bucket::from_hash(u32::MAX), Bucket::LAST);
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
