//! Points in time and spans of it, as values: nothing here knows what time it is.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::decimal::Decimal;
use crate::quoted::Quoted;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

/// A length of time in whole milliseconds. Written as `15m`, `1h30m`, `500ms`; read from that, or from a number of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// Text or a number that is no span.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0} is no span of time, should be seconds or text such as 90s, 15m, 1h30m, 500ms")]
pub struct InvalidSpan(pub String);

/// Units of a span, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Longest span in seconds that is read from a number: 1,000 years; keeps the cast below exact.
const MAX_SECONDS: f64 = 3.2e10;

// === impl Timestamp ===

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// This much later.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This much earlier; not before 1970.
    #[must_use]
    pub const fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Time since `earlier`; zero where the clock was set back.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

// === impl Span ===

impl Span {
    /// From milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// Seconds, to the millisecond.
    ///
    /// # Errors
    /// Negative, not a number, or longer than 1,000 years.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the range is checked
    pub fn from_seconds(secs: f64) -> Result<Self, InvalidSpan> {
        if (0.0..=MAX_SECONDS).contains(&secs) {
            Ok(Self((secs * 1e3).round() as u64))
        } else {
            Err(InvalidSpan(Decimal(secs).to_string()))
        }
    }

    /// Text such as `90s`, `15m`, `1h30m`, `500ms`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan(Quoted(text).to_string());
        let mut rest = text.trim();
        let mut sum = 0_u64;
        if rest.is_empty() {
            return Err(invalid());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
            let (number, after) = rest.split_at_checked(digits).ok_or_else(invalid)?;
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (name, after) = after.split_at_checked(letters).ok_or_else(invalid)?;
            let (_, unit) = UNITS.into_iter().find(|(unit, _)| *unit == name).ok_or_else(invalid)?;
            let number = number.parse::<u64>().map_err(|_| invalid())?;
            sum = number.checked_mul(unit).and_then(|ms| sum.checked_add(ms)).ok_or_else(invalid)?;
            rest = after;
        }
        Ok(Self(sum))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return write!(f, "0s");
        }
        let mut rest = self.0;
        for (name, unit) in UNITS {
            if rest >= unit {
                write!(f, "{}{name}", rest / unit)?;
                rest %= unit;
            }
        }
        Ok(())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

/// By hand, as serde would keep aside whatever it is before it tries one form and then the other.
struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds or text such as 90s, 15m, 1h30m, 500ms")
    }

    fn visit_u64<E: de::Error>(self, secs: u64) -> Result<Span, E> {
        self.visit_f64(secs as f64)
    }

    fn visit_i64<E: de::Error>(self, secs: i64) -> Result<Span, E> {
        self.visit_f64(secs as f64)
    }

    fn visit_f64<E: de::Error>(self, secs: f64) -> Result<Span, E> {
        Span::from_seconds(secs).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        Span::parse(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_as_people_write_it_and_written_as_they_read_it() {
        for (text, ms, written) in [
            ("0s", 0, "0s"),
            ("90s", 90_000, "1m30s"),
            ("15m", 900_000, "15m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("1d", 86_400_000, "1d"),
            ("500ms", 500, "500ms"),
            ("1s250ms", 1_250, "1s250ms"),
        ] {
            let span = Span::parse(text).unwrap();
            assert_eq!((span.ms(), span.to_string().as_str()), (ms, written));
            assert_eq!(Span::parse(&span.to_string()), Ok(span));
        }
        assert_eq!(serde_json::from_str::<Span>("0.25").unwrap(), Span::from_ms(250));
        assert_eq!(serde_json::from_str::<Span>("600").unwrap(), Span::from_secs(600));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in
            ["", "15", "m", "-5s", "1.5h", "1 h", "99999999999999999999s", "18446744073709551615d", "5y", "5ms5"]
        {
            assert!(Span::parse(text).is_err(), "{text}");
        }
        for secs in [-1.0, f64::NAN, f64::INFINITY, 1e11] {
            assert!(Span::from_seconds(secs).is_err(), "{secs}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_negative_time() {
        assert_eq!(Timestamp::from_ms(5).since(Timestamp::from_ms(9)), Span::default());
        assert_eq!(Timestamp::from_ms(u64::MAX).after(Span::from_ms(1)), Timestamp::from_ms(u64::MAX));
    }
}
