//! Percentages of sticky keys, exact to a thousandth of a percent.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::{Serialize, Serializer};

use crate::bucket::{BUCKETS, Bucket};

/// 0 to 100 % of all sticky keys in steps of 0.001 %, which is one bucket. A number in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentage(u32);

/// A number that is not a percentage.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a number from 0 to 100 in steps of 0.001")]
pub struct InvalidPercentage(pub f64);

/// Steps of 0.001 in one percent.
const PER_PERCENT: u32 = BUCKETS / 100;

// === impl Percentage ===

impl Percentage {
    /// No key.
    pub const ZERO: Self = Self(0);
    /// Every key.
    pub const FULL: Self = Self(BUCKETS);

    /// From whole percents; more than 100 is 100.
    pub const fn percent(percent: u32) -> Self {
        if percent < 100 { Self(percent * PER_PERCENT) } else { Self::FULL }
    }

    /// In thousandths of a percent, 0 to 100,000: the number of buckets.
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// Whether the canary owns `bucket` at this percentage. It owns the lowest buckets, so that a higher percentage keeps every key of a
    /// lower one.
    pub const fn contains(self, bucket: Bucket) -> bool {
        bucket.index() < self.0
    }

    /// Whether `bucket` is in the slice of stable that the canary is compared with: the buckets right above the canary's own, four times
    /// as many as far as there are any.
    pub const fn control_contains(self, bucket: Bucket) -> bool {
        let index = bucket.index();
        index >= self.0 && index < self.0 + self.0 * 4
    }

    fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(PER_PERCENT)
    }
}

impl TryFrom<f64> for Percentage {
    type Error = InvalidPercentage;

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    fn try_from(number: f64) -> Result<Self, InvalidPercentage> {
        if !(0.0..=100.0).contains(&number) {
            return Err(InvalidPercentage(number));
        }
        let nearest = Self((number * f64::from(PER_PERCENT)).round() as u32);
        // Both sides are the double nearest to a decimal, so they are equal exactly where the decimals are.
        #[expect(clippy::float_cmp, reason = "an exact comparison is meant")]
        let is_exact = nearest.as_f64() == number;
        if is_exact { Ok(nearest) } else { Err(InvalidPercentage(number)) }
    }
}

/// Writes the number in decimal without trailing zeros and without the sign `%`.
impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_f64().fmt(f)
    }
}

impl Serialize for Percentage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(PER_PERCENT) {
            serializer.serialize_u32(self.0 / PER_PERCENT)
        } else {
            serializer.serialize_f64(self.as_f64())
        }
    }
}

impl From<Percentage> for serde_json::Value {
    fn from(percentage: Percentage) -> Self {
        if percentage.0.is_multiple_of(PER_PERCENT) {
            (percentage.0 / PER_PERCENT).into()
        } else {
            percentage.as_f64().into()
        }
    }
}

impl<'de> Deserialize<'de> for Percentage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PercentageVisitor)
    }
}

struct PercentageVisitor;

// === impl PercentageVisitor ===

impl Visitor<'_> for PercentageVisitor {
    type Value = Percentage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 100 in steps of 0.001")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Percentage, E> {
        Percentage::try_from(number as f64).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Percentage, E> {
        Percentage::try_from(number as f64).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Percentage, E> {
        Percentage::try_from(number).map_err(|_| E::invalid_value(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thousandth_survives_json_and_reads_as_its_decimal() {
        for thousandths in 0..=BUCKETS {
            let percentage = Percentage(thousandths);
            let json = serde_json::to_string(&percentage).unwrap();
            assert_eq!(serde_json::from_str::<Percentage>(&json).unwrap(), percentage, "{json}");
            assert_eq!(json, percentage.to_string());
        }
        assert_eq!(
            serde_json::to_string(&[Percentage(5_000), Percentage(12_345), Percentage(1)]).unwrap(),
            "[5,12.345,0.001]"
        );
    }

    #[test]
    fn only_steps_of_a_thousandth_percent_within_0_and_100_are_accepted() {
        for (text, thousandths) in [
            ("0", 0),
            ("0.0", 0),
            ("0.001", 1),
            ("5", 5_000),
            ("5.0000", 5_000),
            ("1e1", 10_000),
            ("1.5E+1", 15_000),
            ("2500e-3", 2_500),
            ("0e999999999", 0),
            ("99.999", 99_999),
            ("100", BUCKETS),
        ] {
            assert_eq!(serde_json::from_str::<Percentage>(text).unwrap(), Percentage(thousandths), "{text}");
        }
        for text in
            ["-0.001", "-1", "100.001", "0.0005", "33.3333", "12.34567", "5.0000000001", "1e3", "1e-9", "\"5\"", "null"]
        {
            let message = serde_json::from_str::<Percentage>(text).unwrap_err().to_string();
            assert!(message.contains("expected a number from 0 to 100 in steps of 0.001"), "{text}: {message}");
        }
        for number in [f64::NAN, f64::INFINITY] {
            assert!(Percentage::try_from(number).is_err(), "{number}");
        }
    }
}
