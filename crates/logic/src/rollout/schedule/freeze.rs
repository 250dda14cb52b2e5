//! Windows in which a rollout takes no step: weekends, nights and dates by the local time of a zone. The time zone database is the
//! runtime's; its offsets from UTC come in as a function.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Weekday};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use crate::document::InvalidDocument;
use crate::timestamp::Timestamp;

#[cfg(test)]
mod tests;

/// Minutes that a zone (a name of the IANA time zone database) is ahead of UTC at a moment; none: no such zone.
pub type UtcOffset = fn(zone: &str, at: Timestamp) -> Option<i32>;

/// When a plan's rollout takes no step. It has at least one window, and its weekly windows leave some time of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// 1 to 64 characters. Whether the zone exists is known only to [`UtcOffset`].
    #[serde(deserialize_with = "zone_name")]
    time_zone: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    days: BTreeSet<Day>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    hours: Vec<Hours>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dates: Vec<Dates>,
}

/// The same as an operator writes it: unknown fields are refused.
#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    expecting = r#"an object such as {"timeZone":"Europe/Berlin","days":["sat","sun"]}"#
)]
pub(super) struct FreezeDocument {
    #[serde(deserialize_with = "zone_name")]
    time_zone: String,
    #[serde(default)]
    days: BTreeSet<Day>,
    #[serde(default)]
    hours: Vec<Hours>,
    #[serde(default)]
    dates: Vec<Dates>,
}

/// A day of the week, from Monday on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// Hours of every day, in minutes from midnight: from `start`, 0 to 1439, until before `end`, 1 to 1440. Where `end` is not after `start`,
/// the hours go over midnight. The text form is `22:00-06:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Hours {
    start: u16,
    end: u16,
}

/// Whole days, both included. The text form is `2026-12-24` or `2026-12-24..2027-01-02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Dates {
    first: NaiveDate,
    last: NaiveDate,
}

/// The time zone database has no such zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("freeze.timeZone: {0:?} is not accepted, accepted: {ACCEPTED_ZONE}")]
pub struct UnknownZone(pub String);

const ACCEPTED: &str =
    r#"an object such as {"timeZone":"Europe/Berlin","days":["sat","sun"]} with days, hours or dates"#;
const ACCEPTED_ZONE: &str = "a name of the IANA time zone database such as Europe/Berlin, or UTC";
const ACCEPTED_HOURS: &str = "hours such as 22:00-06:00, from 00:00 to 24:00";
const ACCEPTED_DATES: &str = "dates such as 2026-12-24 or 2026-12-24..2027-01-02, at most 366 days";

/// Longest name of a zone; the longest in the database has 32 characters.
const MAX_ZONE: usize = 64;

/// Most entries of a list, so that a plan stays within what the control API accepts.
const MAX_ENTRIES: usize = 100;

/// Longest stretch of dates.
const MAX_DAYS: i64 = 366;

/// Most adjacent windows that are joined into one: four months of nights and weekends. A later analysis finds the rest.
const MAX_WINDOWS: usize = 400;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 1_440;

/// Longest time in minutes between two moments with the same local time: a zone may change sides of the date line.
const MAX_SHIFT: i64 = 2 * DAY_MINUTES;

// === impl UnknownZone ===

impl From<UnknownZone> for InvalidDocument {
    fn from(UnknownZone(zone): UnknownZone) -> Self {
        Self::new("freeze.timeZone", &zone, ACCEPTED_ZONE)
    }
}

// === impl Freeze ===

impl Freeze {
    /// The time zone's name.
    pub fn zone(&self) -> &str {
        &self.time_zone
    }

    /// Checks that the time zone exists.
    ///
    /// # Errors
    /// The time zone database has no such zone.
    pub fn check_zone(&self, offset: UtcOffset, now: Timestamp) -> Result<(), UnknownZone> {
        self.wall(clamped(now), offset).map(|_| ())
    }

    /// The end of the window that `now` is in, if it is in one. Adjacent windows count as one.
    ///
    /// # Errors
    /// The time zone database has no such zone.
    pub fn end(&self, offset: UtcOffset, now: Timestamp) -> Result<Option<Timestamp>, UnknownZone> {
        let start = clamped(now);
        let mut at = start;
        for _ in 0..MAX_WINDOWS {
            let Some(end) = self.window_end(self.wall(at, offset)?) else { break };
            at = self.first_moment(at, end, offset)?;
        }
        Ok((at > start).then(|| Timestamp::from_millis(at)))
    }

    /// The local time in milliseconds, as if it were UTC.
    fn wall(&self, at: i64, offset: UtcOffset) -> Result<i64, UnknownZone> {
        let ahead = offset(&self.time_zone, Timestamp::from_millis(at));
        ahead.map(|minutes| at + i64::from(minutes) * MINUTE_MS).ok_or_else(|| UnknownZone(self.time_zone.clone()))
    }

    /// The local time at the end of the window that `wall`, a local time, is in.
    fn window_end(&self, wall: i64) -> Option<i64> {
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
        let date = DateTime::from_timestamp_millis(wall)?.date_naive();
        let after = |date: NaiveDate| date.checked_add_days(Days::new(1)).map(midnight);
        let dates = self.dates.iter().filter(|dates| (dates.first..=dates.last).contains(&date));
        if let Some(last) = dates.map(|dates| dates.last).max() {
            return after(last);
        }
        if self.days.contains(&date.weekday().into()) {
            return after(date);
        }
        let today = midnight(date);
        let minute = (wall - today).div_euclid(MINUTE_MS);
        let ends = self.hours.iter().filter_map(|hours| hours.end_after(minute));
        ends.max().map(|end| today + end * MINUTE_MS)
    }

    /// The first moment after `at` at which the local time is `wall`, or has been put forward beyond it.
    fn first_moment(&self, at: i64, wall: i64, offset: UtcOffset) -> Result<i64, UnknownZone> {
        // With the offset of `at`, and with the offset of the moment that this gives: they differ where the clock is changed in between.
        let unmoved = wall - (self.wall(at, offset)? - at);
        let moved = wall - (self.wall(unmoved, offset)? - unmoved);
        let mut first = unmoved.min(moved).max(at);
        for _ in 0..MAX_SHIFT {
            if self.wall(first, offset)? >= wall {
                break;
            }
            // Clocks are put forward on a full minute.
            first = (first.div_euclid(MINUTE_MS) + 1) * MINUTE_MS;
        }
        Ok(first)
    }

    /// Checks that there are windows and that they end.
    pub(super) fn check(self) -> Result<Self, InvalidDocument> {
        for (name, entries) in [("hours", self.hours.len()), ("dates", self.dates.len())] {
            if entries > MAX_ENTRIES {
                let message = format!("{entries} entries are not accepted, accepted: a list of up to {MAX_ENTRIES}");
                return Err(InvalidDocument { field: format!("freeze.{name}"), message });
            }
        }
        if self.days.is_empty() && self.hours.is_empty() && self.dates.is_empty() {
            return Err(InvalidDocument::new("freeze", &self, ACCEPTED));
        }
        if self.is_endless() {
            let accepted = "days and hours that leave some time of the week for steps";
            return Err(InvalidDocument::new("freeze", &self, accepted));
        }
        Ok(self)
    }

    /// Whether every minute of every week is in a window.
    fn is_endless(&self) -> bool {
        let mut day = 0..DAY_MINUTES;
        let hours_meet = day.all(|minute| self.hours.iter().any(|hours| hours.end_after(minute).is_some()));
        self.days.len() == 7 || hours_meet
    }
}

impl From<FreezeDocument> for Freeze {
    fn from(FreezeDocument { time_zone, days, hours, dates }: FreezeDocument) -> Self {
        Self { time_zone, days, hours, dates }
    }
}

fn zone_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '+');
    if (1..=MAX_ZONE).contains(&name.len()) && name.chars().all(allowed) {
        Ok(name)
    } else {
        Err(D::Error::invalid_value(Unexpected::Str(&name), &ACCEPTED_ZONE))
    }
}

// === impl Day ===

impl From<Weekday> for Day {
    fn from(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Mon => Self::Mon,
            Weekday::Tue => Self::Tue,
            Weekday::Wed => Self::Wed,
            Weekday::Thu => Self::Thu,
            Weekday::Fri => Self::Fri,
            Weekday::Sat => Self::Sat,
            Weekday::Sun => Self::Sun,
        }
    }
}

// === impl Hours ===

impl Hours {
    fn parse(text: &str) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        let (start, end) = (minute(start)?, minute(end)?);
        // Until midnight is until the end of the day.
        let end = if end == 0 { 1_440 } else { end };
        (start != end && start < 1_440).then_some(Self { start, end })
    }

    /// End of these hours if `minute` of a day is one of theirs; beyond 1440 on the next day.
    fn end_after(self, minute: i64) -> Option<i64> {
        let (start, end) = (i64::from(self.start), i64::from(self.end));
        let over_midnight = end <= start;
        match minute {
            _ if !over_midnight => (start..end).contains(&minute).then_some(end),
            _ if minute >= start => Some(end + DAY_MINUTES),
            _ => (minute < end).then_some(end),
        }
    }
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not accepted, accepted: {ACCEPTED_HOURS}"))
    }
}

impl From<Hours> for String {
    fn from(Hours { start, end }: Hours) -> Self {
        format!("{:02}:{:02}-{:02}:{:02}", start / 60, start % 60, end / 60, end % 60)
    }
}

/// Minutes from midnight of `HH:MM`.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let is_two_digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_two_digits(hours) || !is_two_digits(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 1_440).then_some(hours * 60 + minutes)
}

// === impl Dates ===

impl Dates {
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (date(first)?, date(last)?);
        (0..MAX_DAYS).contains(&last.signed_duration_since(first).num_days()).then_some(Self { first, last })
    }
}

impl TryFrom<String> for Dates {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not accepted, accepted: {ACCEPTED_DATES}"))
    }
}

impl From<Dates> for String {
    fn from(Dates { first, last }: Dates) -> Self {
        if first == last { first.to_string() } else { format!("{first}..{last}") }
    }
}

/// `YYYY-MM-DD`. The library also accepts fewer digits, so the text is compared with the form in which the date is written.
fn date(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(|date: &NaiveDate| text.len() == 10 && date.to_string() == text)
}

/// Milliseconds of a moment, limited so that no sum above overflows. The limit lies far beyond every calendar.
fn clamped(at: Timestamp) -> i64 {
    at.as_millis().clamp(i64::MIN / 2, i64::MAX / 2)
}
