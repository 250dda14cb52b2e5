//! A point in time as a value. The core never reads a clock.

use core::fmt;
use core::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

// === impl Timestamp ===

impl Timestamp {
    /// Creates a timestamp from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Creates a timestamp from seconds since the Unix epoch; saturates.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Parses an RFC 3339 date-time with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|date_time| Self(date_time.timestamp_millis()))
    }

    /// Formats the timestamp as RFC 3339 in UTC, to the millisecond.
    pub fn to_rfc3339(self) -> String {
        self.format(SecondsFormat::Millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The time since `earlier`; zero if the clock went backwards.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Whether `interval` has passed since `earlier`. A time in the future counts as long ago, because the clock went back: what is due
    /// must not wait until the clock has caught up.
    pub fn is_due(self, earlier: Self, interval: Duration) -> bool {
        self < earlier || self.since(earlier) >= interval
    }

    /// The point in time `later` after this one; saturates.
    pub fn after(self, later: impl Into<Duration>) -> Self {
        Self(self.0.saturating_add(whole_millis(later.into())))
    }

    /// The point in time `earlier` before this one; saturates.
    pub fn before(self, earlier: impl Into<Duration>) -> Self {
        Self(self.0.saturating_sub(whole_millis(earlier.into())))
    }

    /// RFC 3339 covers the years 0 to 9999. Other timestamps are displayed as a number.
    fn format(self, precision: SecondsFormat) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0)
            .filter(|date_time| (0..=9999).contains(&date_time.year()))
            .map_or_else(|| format!("{} ms", self.0), |date_time| date_time.to_rfc3339_opts(precision, true))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(SecondsFormat::Secs))
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc_3339_is_read_with_any_offset() {
        let utc = Timestamp::parse("2025-11-05T19:00:00Z").unwrap();
        assert_eq!(utc, Timestamp::parse("2025-11-05T20:00:00+01:00").unwrap());
        assert_eq!(utc, Timestamp::parse("2025-11-05 19:00:00.000z").unwrap());
        assert_eq!(
            (utc.to_string(), utc.to_rfc3339()),
            ("2025-11-05T19:00:00Z".into(), "2025-11-05T19:00:00.000Z".into())
        );
    }

    #[test]
    fn a_date_time_that_the_calendar_or_the_standard_does_not_know_is_refused() {
        for text in [
            "tomorrow",
            "",
            "1900-02-29T00:00:00Z",
            "2023-04-31T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2016-12-31T23:59:61Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00-00:60",
            "2026-01-01T00:00:00Z ",
            "+2026-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn elapsed_time_is_zero_when_the_clock_went_backwards() {
        assert_eq!(Timestamp::from_millis(5).since(Timestamp::from_millis(9)), Duration::ZERO);
        assert_eq!(Timestamp::from_millis(i64::MIN).since(Timestamp::from_millis(i64::MAX)), Duration::ZERO);
    }

    #[test]
    fn an_interval_has_passed_after_it_and_when_the_clock_went_backwards() {
        let (at, interval) = (Timestamp::from_millis(1_000), Duration::from_millis(10));
        for (now, is_due) in [(999, true), (1_000, false), (1_009, false), (1_010, true), (-3_600_000, true)] {
            assert_eq!(Timestamp::from_millis(now).is_due(at, interval), is_due, "{now}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::from_millis(i64::MAX).after(Duration::from_millis(1)).as_millis(), i64::MAX);
        assert_eq!(Timestamp::from_millis(i64::MIN).before(Duration::MAX).as_millis(), i64::MIN);
        assert_eq!(Timestamp::from_seconds(i64::MAX).as_millis(), i64::MAX);
    }

    proptest! {
        #[test]
        fn any_number_of_milliseconds_is_shown_as_rfc_3339_or_as_a_number(millis: i64) {
            let timestamp = Timestamp::from_millis(millis);
            let in_calendar = (-62_167_219_200_000..253_402_300_800_000).contains(&millis);
            prop_assert_eq!(timestamp.to_rfc3339() == format!("{millis} ms"), !in_calendar);
        }

        #[test]
        fn shown_timestamps_are_read_back(millis in -62_167_219_200_000_i64..253_402_300_800_000) {
            let timestamp = Timestamp::from_millis(millis);
            prop_assert_eq!(Timestamp::parse(&timestamp.to_rfc3339()), Some(timestamp));
        }
    }
}
