//! A moment, as a value: the core never asks what time it is.

use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rollout;

mod rfc3339;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

// === impl Timestamp ===

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the Unix epoch; saturates.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Reads an RFC 3339 date-time with any offset; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        rfc3339::parse(text).map(Self)
    }

    /// RFC 3339 in UTC, to the millisecond.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        match rfc3339::parts(self.0) {
            Some((text, millis)) => format!("{text}.{millis:03}Z"),
            None => self.to_string(),
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The time that has passed since `earlier`; zero when the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// This moment and `later` more; saturates.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(later.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl From<rollout::Timestamp> for Timestamp {
    fn from(moment: rollout::Timestamp) -> Self {
        Self(i64::try_from(moment.ms()).unwrap_or(i64::MAX))
    }
}

/// A rollout knows no time before 1970.
impl From<Timestamp> for rollout::Timestamp {
    fn from(moment: Timestamp) -> Self {
        Self::from_ms(moment.0.max(0).unsigned_abs())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rfc3339::parts(self.0) {
            Some((text, _)) => write!(f, "{text}Z"),
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339_with_any_offset() {
        let utc = Timestamp::parse("2025-11-05T19:00:00Z").unwrap();
        assert_eq!(utc, Timestamp::parse("2025-11-05T20:00:00+01:00").unwrap());
        assert_eq!(utc.to_string(), "2025-11-05T19:00:00Z");
        assert_eq!(Timestamp::parse("tomorrow"), None);
    }

    #[test]
    fn a_clock_that_goes_backwards_has_no_negative_age() {
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
        assert_eq!(Timestamp::from_millis(i64::MIN).since(Timestamp::from_millis(i64::MAX)), Duration::ZERO);
    }
}
