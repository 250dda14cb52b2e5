//! The number of distinct visitors, by HyperLogLog (Flajolet et al. 2007): 4,096 registers, which give a standard error of 1.6 %.

use std::hash::{BuildHasherDefault, DefaultHasher};

use hyperloglockless::HyperLogLog;
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

use super::{from_hexadecimal, hexadecimal};

/// 2^12 registers. (At 11 the crate's correction has a wrong coefficient, as of 0.5.0.)
const PRECISION: u8 = 12;
const REGISTERS: usize = 1 << PRECISION;

/// A register of a 64-bit hash: trailing zeros and one.
const HIGHEST: u8 = 64;

/// Bytes of a register in the sparse form: position and value; little endian.
const SPARSE_BYTES: usize = 3;

/// The hashes come ready; the sketch's own hasher is not used.
type Registers = HyperLogLog<BuildHasherDefault<DefaultHasher>>;

/// Counts distinct visitors. Sketches merge in any order and any number of times. The serialized form is hexadecimal, of all registers or of those
/// in use, whichever is shorter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct VisitorSketch(Option<Box<Registers>>);

/// Error for a sketch that this code cannot have written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSketch {
    /// The text is not hexadecimal.
    #[error("a sketch of visitors that is not hexadecimal")]
    Hex,
    /// The bytes are neither all registers nor a list of them.
    #[error("a sketch of visitors of {0} bytes")]
    Length(usize),
}

// === impl VisitorSketch ===

impl VisitorSketch {
    /// Counts a visitor.
    pub fn insert(&mut self, key: u32) {
        self.registers_mut().insert_hash(spread(key));
    }

    /// Counts the visitors of another sketch.
    pub fn merge(&mut self, other: &Self) {
        if let Some(other) = &other.0 {
            // Both have the same length.
            let _ = self.registers_mut().union(other);
        }
    }

    /// The part of this sketch that `earlier` does not have. Merged into `earlier`, the part makes this sketch.
    pub fn since(&self, earlier: &Self) -> Self {
        let Some(now) = &self.0 else { return Self::default() };
        let mut values: Vec<u8> = now.iter().collect();
        if let Some(earlier) = &earlier.0 {
            for (value, before) in values.iter_mut().zip(earlier.iter()) {
                if *value <= before {
                    *value = 0;
                }
            }
        }
        Self::of(values)
    }

    /// Number of distinct visitors; exact up to a few dozen.
    pub fn estimate(&self) -> u64 {
        self.0.as_ref().map_or(0, |registers| whole(registers.raw_count().round()))
    }

    fn of(mut values: Vec<u8>) -> Self {
        let (mut zeros, mut sum) = (values.len(), values.len() as f64);
        for value in values.iter_mut().filter(|value| **value > 0) {
            *value = (*value).min(HIGHEST);
            zeros -= 1;
            sum += power_of_half(*value) - 1.0;
        }
        if zeros == values.len() {
            return Self::default();
        }
        Self(Some(Box::new(Registers::from_parts(values.into(), BuildHasherDefault::default(), zeros, sum))))
    }

    fn registers_mut(&mut self) -> &mut Registers {
        self.0.get_or_insert_with(|| Box::new(Registers::with_hasher(PRECISION, BuildHasherDefault::default())))
    }

    fn values(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |registers| registers.parts().0)
    }
}

impl PartialEq for VisitorSketch {
    fn eq(&self, other: &Self) -> bool {
        self.values() == other.values()
    }
}

impl Serialize for VisitorSketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.values();
        let used = values.iter().filter(|value| **value > 0).count();
        let bytes = if used * SPARSE_BYTES < REGISTERS {
            let mut bytes = Vec::with_capacity(used * SPARSE_BYTES);
            for (position, value) in (0_u16..).zip(values).filter(|(_, value)| **value > 0) {
                let [low, high] = position.to_le_bytes();
                bytes.extend([low, high, *value]);
            }
            bytes
        } else {
            values.to_vec()
        };
        serializer.serialize_str(&hexadecimal(&bytes))
    }
}

impl TryFrom<String> for VisitorSketch {
    type Error = InvalidSketch;

    fn try_from(text: String) -> Result<Self, InvalidSketch> {
        let bytes = from_hexadecimal(&text).map_err(|_| InvalidSketch::Hex)?;
        if bytes.len() == REGISTERS {
            return Ok(Self::of(bytes));
        }
        let (pairs, rest) = bytes.as_chunks::<SPARSE_BYTES>();
        if !rest.is_empty() || bytes.len() > REGISTERS {
            return Err(InvalidSketch::Length(bytes.len()));
        }
        let mut values = vec![0; REGISTERS];
        for [low, high, value] in pairs {
            let position = usize::from(u16::from_le_bytes([*low, *high]));
            let place = values.get_mut(position).ok_or(InvalidSketch::Length(bytes.len()))?;
            *place = *value;
        }
        Ok(Self::of(values))
    }
}

/// 0.5 to the power of `exponent`, which is at most 64.
fn power_of_half(exponent: u8) -> f64 {
    // A power of two has no fraction: only its exponent is stored, from 1,023 on.
    f64::from_bits((1_023 - u64::from(exponent)) << 52)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, and NaN is 0")]
fn whole(estimate: f64) -> u64 {
    estimate as u64
}

/// Spreads a hash over 64 bits (the finalizer of `SplitMix64`, Steele et al. 2014), because the sketch takes register and value from both
/// ends.
fn spread(key: u32) -> u64 {
    let mut bits = (u64::from(key) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(keys: impl IntoIterator<Item = u32>) -> VisitorSketch {
        let mut sketch = VisitorSketch::default();
        for key in keys {
            sketch.insert(key);
        }
        sketch
    }

    #[test]
    fn a_thousand_requests_of_one_visitor_are_one_visitor() {
        assert_eq!(of([7; 1_000]).estimate(), 1);
        assert_eq!(VisitorSketch::default().estimate(), 0);
    }

    #[test]
    fn the_estimate_is_within_five_percent() {
        for count in [10_u32, 100, 1_000, 10_000, 100_000, 1_000_000] {
            let estimate = of(0..count).estimate();
            let off = estimate.abs_diff(count.into()) as f64 / f64::from(count);
            assert!(off < 0.05, "{estimate} of {count}");
        }
    }

    #[test]
    fn the_wire_form_is_sparse_and_frozen() {
        let sketch = of([1, 2]);
        let json = serde_json::to_string(&sketch).unwrap();
        assert_eq!(json, r#""6c0001e70603""#, "isolates and objects of other versions speak this form");
        assert_eq!(serde_json::to_string(&VisitorSketch::default()).unwrap(), r#""""#);
        let dense = serde_json::to_string(&of(0..100_000)).unwrap();
        assert_eq!(dense.len(), 8_194);
        for wrong in [r#""0000""#, r#""ffffff""#, r#""0""#] {
            assert!(serde_json::from_str::<VisitorSketch>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn sketches_merge_in_any_order_and_number(
            a in prop::collection::vec(any::<u32>(), 0..900), b in prop::collection::vec(any::<u32>(), 0..900),
        ) {
            let whole = of(a.iter().chain(&b).copied());
            let (mut one, mut other) = (of(a.clone()), of(b.clone()));
            one.merge(&of(b));
            one.merge(&of(a.clone()));
            other.merge(&of(a));
            prop_assert_eq!(&one, &whole);
            prop_assert_eq!(&other, &whole);
            prop_assert_eq!(one.estimate(), whole.estimate());
            let text = serde_json::to_string(&whole).unwrap();
            let read: VisitorSketch = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read.estimate(), whole.estimate());
            prop_assert_eq!(read, whole);
        }

        #[test]
        fn a_part_completes_the_earlier_sketch(
            a in prop::collection::vec(any::<u32>(), 0..900), b in prop::collection::vec(any::<u32>(), 0..900),
        ) {
            let (earlier, now) = (of(a.clone()), of(a.into_iter().chain(b)));
            let mut whole = earlier.clone();
            whole.merge(&now.since(&earlier));
            prop_assert_eq!(whole, now);
        }
    }
}
