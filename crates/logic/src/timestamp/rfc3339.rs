//! RFC 3339 date-times. By hand, because a calendar library is a thirtieth of what an isolate loads before its first answer; the
//! tests compare with one.

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Years have four digits.
const YEARS: core::ops::RangeInclusive<i64> = 0..=9999;

/// Of the Gregorian calendar, in which 400 years repeat; and the days from 0000-03-01 to 1970-01-01.
const DAYS_OF_400_YEARS: i64 = 146_097;
const DAYS_TO_EPOCH: i64 = 719_468;

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    /// 1..=12.
    month: i64,
    /// From 1.
    day: i64,
}

/// Milliseconds since the Unix epoch of a date-time with any offset; finer parts of the second are cut off. A leap second is the next
/// second, and a space may stand for the `T`, as the standard's note allows.
pub(super) fn parse(text: &str) -> Option<i64> {
    let mut reader = Reader(text.as_bytes());
    let year = reader.number(4, *YEARS.end())?;
    reader.one_of(b"-")?;
    let month = reader.number(2, 12)?;
    reader.one_of(b"-")?;
    let date = Date { year, month, day: reader.number(2, 31)? };
    reader.one_of(b"Tt ")?;
    let hour = reader.number(2, 23)?;
    reader.one_of(b":")?;
    let minute = reader.number(2, 59)?;
    reader.one_of(b":")?;
    let second = reader.number(2, 60)?;
    let millis = if reader.one_of(b".").is_some() { reader.fraction()? } else { 0 };
    let offset = match reader.one_of(b"Zz+-")? {
        sign @ (b'+' | b'-') => {
            let hours = reader.number(2, 23)?;
            reader.one_of(b":")?;
            let east = hours * HOUR_MS + reader.number(2, 59)? * MINUTE_MS;
            if sign == b'-' { -east } else { east }
        }
        _ => 0,
    };
    let days = date.days_since_epoch();
    // There is no 30 February, nor a day 0.
    let is_whole = reader.0.is_empty() && Date::of(days) == date;
    let time = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + millis;
    is_whole.then_some(days * DAY_MS + time - offset)
}

/// Date and time in UTC, and the milliseconds of the second; `None` where the year has not four digits.
pub(super) fn parts(millis: i64) -> Option<(String, i64)> {
    let Date { year, month, day } = Date::of(millis.div_euclid(DAY_MS));
    let time = millis.rem_euclid(DAY_MS);
    let (hour, minute, second) = (time / HOUR_MS, time / MINUTE_MS % 60, time / SECOND_MS % 60);
    let text = || format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    YEARS.contains(&year).then(|| (text(), time % SECOND_MS))
}

// === impl Date ===

/// As in Howard Hinnant's `days_from_civil` and `civil_from_days`: a year begins in March, so that the leap day is its last, and months
/// have 153 days in five. <https://howardhinnant.github.io/date_algorithms.html>
impl Date {
    fn of(days_since_epoch: i64) -> Self {
        let days = days_since_epoch + DAYS_TO_EPOCH;
        let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + days.div_euclid(DAYS_OF_400_YEARS) * 400 + i64::from(month <= 2);
        Self { year, month, day: day_of_year - (153 * march_month + 2) / 5 + 1 }
    }

    fn days_since_epoch(self) -> i64 {
        let Self { year, month, day } = self;
        let year = year - i64::from(month <= 2);
        let march_month = if month > 2 { month - 3 } else { month + 9 };
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * march_month + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        year.div_euclid(400) * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_EPOCH
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

// === impl Reader ===

impl Reader<'_> {
    fn one_of(&mut self, accepted: &[u8]) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        accepted.contains(byte).then(|| self.0 = rest).map(|()| *byte)
    }

    fn digit(&mut self) -> Option<i64> {
        self.one_of(b"0123456789").map(|digit| i64::from(digit - b'0'))
    }

    fn number(&mut self, digits: usize, most: i64) -> Option<i64> {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 10 + self.digit()?;
        }
        (number <= most).then_some(number)
    }

    /// Milliseconds; at least one digit.
    fn fraction(&mut self) -> Option<i64> {
        let mut millis = self.digit()? * 100;
        let mut worth = 10;
        while let Some(digit) = self.digit() {
            millis += digit * worth;
            worth /= 10;
        }
        Some(millis)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    use super::*;

    fn by_library(text: &str) -> Option<i64> {
        DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_millis())
    }

    #[test]
    fn edges_of_the_calendar_are_read_as_the_library_reads_them() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.999Z",
            "1900-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2024-02-30T00:00:00Z",
            "2023-04-31T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-01-00T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:61Z",
            "0000-01-01T00:00:00Z",
            "0000-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59.9999999999-23:59",
            "2026-01-01 00:00:00z",
            "2026-01-01t24:00:00z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+01",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00-00:60",
            "2026-01-01T00:00:00Z ",
            "+2026-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(parse(text), by_library(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_nearly_a_moment_is_read_as_the_library_reads_it(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,11})?([Zz]|[+-][0-2][0-9]:?[0-6][0-9])?",
        ) {
            prop_assert_eq!(parse(&text), by_library(&text));
        }

        #[test]
        fn a_moment_is_written_as_the_library_writes_it(millis in -62_167_219_200_000_i64..253_402_300_800_000) {
            let (text, rest) = parts(millis).unwrap();
            let expected = DateTime::from_timestamp_millis(millis).unwrap();
            prop_assert_eq!(format!("{text}.{rest:03}Z"), expected.to_rfc3339_opts(SecondsFormat::Millis, true));
        }

        #[test]
        fn any_number_is_a_moment_or_none(millis: i64) {
            let is_of_four_digits = (-62_167_219_200_000..253_402_300_800_000).contains(&millis);
            prop_assert_eq!(parts(millis).is_some(), is_of_four_digits);
        }
    }
}
