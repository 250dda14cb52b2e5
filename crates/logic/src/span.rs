//! Lengths of time as operators write them in plans, in scenarios and on the command line.

use core::fmt;
use core::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A length of time in whole milliseconds. Its text form is `15m`, `1h30m` or `500ms`; a document may also give a number of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// A text or a number that is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0} is not a span of time, accepted: seconds or text such as 90s, 15m, 1h30m, 500ms")]
pub struct InvalidSpan(pub String);

/// Units of a span, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Largest accepted number of seconds, 1,000 years. The conversion to milliseconds does not overflow up to this number.
const MAX_SECONDS: f64 = 3.2e10;

// === impl Span ===

impl Span {
    /// Creates a span from milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Creates a span from seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// The span in whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Creates a span from a fractional number of seconds, rounded to the millisecond.
    ///
    /// # Errors
    /// The number is negative, not finite, or more than 1,000 years.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the range is checked
    pub fn from_seconds(secs: f64) -> Result<Self, InvalidSpan> {
        if (0.0..=MAX_SECONDS).contains(&secs) {
            Ok(Self((secs * 1e3).round() as u64))
        } else {
            Err(InvalidSpan(secs.to_string()))
        }
    }

    /// Parses text such as `90s`, `15m`, `1h30m` or `500ms`.
    ///
    /// # Errors
    /// The text has another form, or the sum of its parts overflows.
    pub fn parse(text: &str) -> Result<Self, InvalidSpan> {
        let invalid = || InvalidSpan(format!("{text:?}"));
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

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_millis(span.0)
    }
}

/// Truncates a duration to whole milliseconds; saturates.
impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
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

/// Accepts both forms. An untagged enum would accept them too, but its error message would not name the fault.
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
    fn a_span_is_shown_in_the_form_in_which_it_is_written() {
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
            assert_eq!((span.as_millis(), span.to_string().as_str()), (ms, written));
            assert_eq!(Span::parse(&span.to_string()), Ok(span));
        }
        assert_eq!(serde_json::from_str::<Span>("0.25").unwrap(), Span::from_millis(250));
        assert_eq!(serde_json::from_str::<Span>("600").unwrap(), Span::from_secs(600));
    }

    #[test]
    fn text_and_numbers_of_another_form_are_refused() {
        for text in
            ["", "15", "m", "-5s", "1.5h", "1 h", "99999999999999999999s", "18446744073709551615d", "5y", "5ms5"]
        {
            assert!(Span::parse(text).is_err(), "{text}");
        }
        for secs in [-1.0, f64::NAN, f64::INFINITY, 1e11] {
            assert!(Span::from_seconds(secs).is_err(), "{secs}");
        }
    }
}
