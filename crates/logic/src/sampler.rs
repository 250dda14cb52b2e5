//! Samples of requests: which of them are drawn, independently of their variant and visitor.

use crate::bucket::Bucket;
use crate::percentage::Percentage;

/// Draws requests at random.
#[derive(Clone, Debug)]
pub struct Sampler(u64);

// === impl Sampler ===

impl Sampler {
    /// A sampler whose draws follow from random bits.
    pub fn of_random(bits: [u8; 16]) -> Self {
        let [seed @ .., _, _, _, _, _, _, _, _] = bits;
        Self(u64::from_le_bytes(seed))
    }

    /// Whether the next request is in a sample of this percentage.
    pub fn draw(&mut self, percentage: Percentage) -> bool {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [.., a, b, c, d] = bits.to_le_bytes();
        percentage.contains(Bucket::from_hash(u32::from_le_bytes([a, b, c, d])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_as_large_as_it_should_be() {
        for percent in [0, 5, 50, 100] {
            let mut sampler = Sampler::of_random([7; 16]);
            let drawn = (0..100_000).filter(|_| sampler.draw(Percentage::percent(percent))).count();
            let expected = 1_000 * percent as usize;
            assert!(drawn.abs_diff(expected) <= 700, "{drawn} of 100,000 at {percent} %");
            assert!(!matches!(percent, 0 | 100) || drawn == expected, "{drawn} of 100,000 at {percent} %");
        }
    }
}
