//! A share of sticky keys. Whole thousandths of a percent: one bucket of 100,000 each, so nothing is lost to rounding on the way to
//! the split.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use thiserror::Error;

use crate::decimal::Decimal;

/// 0..=100 in steps of 0.001. A number in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percentage(u32);

/// A number that is no percentage.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("percentage is {}, should be 0..=100 in steps of 0.001", Decimal(self.0))]
pub struct InvalidPercentage(pub f64);

// === impl Percentage ===

impl Percentage {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Everything.
    pub const FULL: Self = Self(100_000);

    /// From whole percents; more than 100 is 100.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        if percent < 100 { Self(percent * 1_000) } else { Self::FULL }
    }

    /// In thousandths of a percent, 0..=100,000.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl TryFrom<f64> for Percentage {
    type Error = InvalidPercentage;

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the range is checked
    fn try_from(number: f64) -> Result<Self, InvalidPercentage> {
        let thousandths = (number * 1e3).round();
        // 1e-6 of a thousandth: what decimal notation loses in binary is a million times less.
        let exact = (number * 1e3 - thousandths).abs() < 1e-6;
        if (0.0..=100.0).contains(&number) && exact {
            Ok(Self(thousandths as u32))
        } else {
            Err(InvalidPercentage(number))
        }
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", Decimal(f64::from(self.0) / 1e3))
    }
}

impl Serialize for Percentage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(1_000) {
            serializer.serialize_u32(self.0 / 1_000)
        } else {
            serializer.serialize_f64(f64::from(self.0) / 1e3)
        }
    }
}

impl From<Percentage> for Value {
    fn from(percentage: Percentage) -> Self {
        if percentage.0.is_multiple_of(1_000) {
            (percentage.0 / 1_000).into()
        } else {
            (f64::from(percentage.0) / 1e3).into()
        }
    }
}

impl<'de> Deserialize<'de> for Percentage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(f64::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thousandth_survives_json() {
        for thousandths in 0..=100_000 {
            let json = serde_json::to_string(&Percentage(thousandths)).unwrap();
            assert_eq!(serde_json::from_str::<Percentage>(&json).unwrap().thousandths(), thousandths, "{json}");
        }
        assert_eq!(
            serde_json::to_string(&[Percentage(5_000), Percentage(12_345), Percentage(1)]).unwrap(),
            "[5,12.345,0.001]"
        );
    }

    #[test]
    fn nothing_else_is_a_percentage() {
        for number in [-0.001, 100.001, 0.0005, 33.3333, f64::NAN, f64::INFINITY] {
            assert!(Percentage::try_from(number).is_err(), "{number}");
        }
        let said = serde_json::from_str::<Percentage>("130").unwrap_err().to_string();
        assert!(said.contains("percentage is 130, should be 0..=100 in steps of 0.001"), "{said}");
    }
}
