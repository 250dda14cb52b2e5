//! A share of all visitors, exact to a thousandth of a percent.

use core::fmt;

use serde::{Serialize, Serializer};

use super::document::Reader;
use crate::routing::bucket::{BUCKETS, Bucket};

/// A share of all sticky keys: 0 to 100 % in steps of 0.001 %, which is one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

const ACCEPTED: &str = "a number from 0 to 100 in steps of 0.001";

/// Decimal places of a percentage, and what they are worth.
const PLACES: i32 = 3;
const PER_PERCENT: u32 = BUCKETS / 100;

// === impl Share ===

impl Share {
    /// Nobody.
    pub const NONE: Self = Self(0);
    /// Everybody.
    pub const ALL: Self = Self(BUCKETS);

    /// From a percentage in decimal, as JSON writes numbers; `None` outside 0..=100 or between the steps of 0.001.
    /// Exact: there is no arithmetic with binary fractions.
    #[must_use]
    pub fn from_decimal(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // How many of the digits stand before the last place that counts.
        let kept = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(PLACES)?;
        let digits = whole.bytes().chain(fraction.bytes());
        let mut buckets: u32 = 0;
        let mut position = 0;
        for digit in digits {
            let digit = u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
            if position < kept {
                buckets = buckets.checked_mul(10)?.checked_add(digit)?;
            } else if digit != 0 {
                return None;
            }
            position += 1;
        }
        for _ in position..kept.min(position + 12) {
            buckets = buckets.checked_mul(10)?;
        }
        (position > 0 && buckets <= BUCKETS && (buckets == 0 || kept <= position + 12)).then_some(Self(buckets))
    }

    /// Whether `bucket` is within the share. The share owns the lowest buckets, so growing it loses nobody.
    #[must_use]
    pub const fn contains(self, bucket: Bucket) -> bool {
        bucket.index() < self.0
    }

    /// The slice of stable that the canary is compared with: right above its own, four times as wide as far as there is room.
    #[must_use]
    pub const fn control_contains(self, bucket: Bucket) -> bool {
        let above = bucket.index();
        above >= self.0 && above < self.0 + self.0 * 4
    }

    /// Of so many of the buckets.
    #[must_use]
    pub const fn buckets(self) -> u32 {
        self.0
    }

    pub(crate) fn read(field: &Reader<'_>) -> Self {
        // The shortest decimal that is this number: what was written, for up to 15 digits.
        let share = field.number(ACCEPTED).and_then(|number| Self::from_decimal(&number.to_string()));
        if share.is_none() {
            field.reject(ACCEPTED);
        }
        share.unwrap_or_default()
    }
}

/// The percentage in decimal, without trailing zeros.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / PER_PERCENT, self.0 % PER_PERCENT);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:03}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(PER_PERCENT) {
            serializer.serialize_u32(self.0 / PER_PERCENT)
        } else {
            // The nearest to the decimal, which is the shortest that is read as it.
            serializer.serialize_f64(f64::from(self.0) / f64::from(PER_PERCENT))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_steps_of_a_thousandth_percent_within_0_and_100_are_accepted() {
        for (text, buckets) in [
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
            assert_eq!(Share::from_decimal(text), Some(Share(buckets)), "{text}");
        }
        let wrong = [
            "-0.001",
            "-1",
            "100.001",
            "0.0005",
            "12.34567",
            "1e3",
            "1e999999999",
            "1e-9",
            "1e99999999999",
            "",
            ".",
            "NaN",
        ];
        for text in wrong {
            assert_eq!(Share::from_decimal(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_step_survives_its_decimal_form(buckets in 0..=BUCKETS) {
            let share = Share(buckets);
            prop_assert_eq!(Share::from_decimal(&share.to_string()), Some(share));
            prop_assert_eq!(serde_json::to_string(&share).unwrap(), share.to_string());
        }

        #[test]
        fn any_text_can_be_read(text in "[-+0-9.eE]{0,24}") {
            let _ = Share::from_decimal(&text);
        }
    }
}
