//! Windows in which a rollout takes no step: weekends, nights, dates, by the clock on the wall of a time zone. What the wall says at a
//! moment is the shell's to know, which has the time zone database; here is what follows from it.

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime};

use crate::quoted::Quoted;
use crate::timestamp::Timestamp;

#[cfg(test)]
mod tests;
pub(super) mod wire;

/// Minutes that a zone (a name of the IANA time zone database) is ahead of UTC at a moment; none: no such zone.
pub type UtcOffset = fn(zone: &str, at: Timestamp) -> Option<i32>;

/// When a plan's rollout takes no step. At least one window, and some time of the week outside of those that come every week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// 1 to 64 characters; whether there is such a zone is not known here.
    pub(super) zone: String,
    /// From Monday on.
    pub(super) days: [bool; 7],
    pub(super) hours: Vec<Hours>,
    pub(super) dates: Vec<Dates>,
}

/// Hours of every day, in minutes from midnight: from `start`, 0 to 1439, until before `end`, 1 to 1440; over midnight where `end` is
/// the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) start: u16,
    pub(super) end: u16,
}

/// Whole days, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dates {
    pub(super) first: NaiveDate,
    pub(super) last: NaiveDate,
}

/// The time zone database has no such zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("freeze.timeZone is {}, should be {ACCEPTED_ZONE}", Quoted(.0))]
pub struct UnknownZone(pub String);

/// What a zone must be, for messages.
pub(super) const ACCEPTED_ZONE: &str = "a name of the IANA time zone database such as Europe/Berlin, or UTC";

/// Windows that follow on each other are put together up to so many: four months of nights and weekends. The rest is found out then.
const MAX_WINDOWS: usize = 400;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 1_440;

/// Longest way between two moments at which a clock on the wall shows what was asked for, in minutes: a zone may change sides of
/// the date line.
const MAX_SHIFT: i64 = 2 * DAY_MINUTES;

// === impl UnknownZone ===

impl UnknownZone {
    /// What is wrong with the field, in the words of the control API.
    #[must_use]
    pub fn detail(&self) -> String {
        format!("{} is not accepted, accepted: {ACCEPTED_ZONE}", Quoted(&self.0))
    }
}

// === impl Freeze ===

impl Freeze {
    /// The time zone's name.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Whether there is such a time zone.
    ///
    /// # Errors
    /// There is none.
    pub fn check_zone(&self, offset: UtcOffset, now: Timestamp) -> Result<(), UnknownZone> {
        self.wall(clamped(now), offset).map(|_| ())
    }

    /// The moment from which on steps may be taken again, if `now` is in a window. Windows that follow on each other are one.
    ///
    /// # Errors
    /// There is no such time zone.
    pub fn end(&self, offset: UtcOffset, now: Timestamp) -> Result<Option<Timestamp>, UnknownZone> {
        let start = clamped(now);
        let mut at = start;
        for _ in 0..MAX_WINDOWS {
            let Some(end) = self.window_end(self.wall(at, offset)?) else { break };
            at = self.first_moment(at, end, offset)?;
        }
        Ok((at > start).then(|| Timestamp::from_millis(at)))
    }

    /// Where the hands of the clock stand, in ms since 1970 as if they were UTC's.
    fn wall(&self, at: i64, offset: UtcOffset) -> Result<i64, UnknownZone> {
        let ahead = offset(&self.zone, Timestamp::from_millis(at));
        ahead.map(|minutes| at + i64::from(minutes) * MINUTE_MS).ok_or_else(|| UnknownZone(self.zone.clone()))
    }

    /// What the wall shows at the end of the window that `wall` is in.
    fn window_end(&self, wall: i64) -> Option<i64> {
        let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
        let date = DateTime::from_timestamp_millis(wall)?.date_naive();
        let after = |date: NaiveDate| date.checked_add_days(Days::new(1)).map(midnight);
        let dates = self.dates.iter().filter(|dates| (dates.first..=dates.last).contains(&date));
        if let Some(last) = dates.map(|dates| dates.last).max() {
            return after(last);
        }
        let weekday = date.weekday().num_days_from_monday() as usize;
        if self.days.get(weekday) == Some(&true) {
            return after(date);
        }
        let today = midnight(date);
        let minute = (wall - today).div_euclid(MINUTE_MS);
        let ends = self.hours.iter().filter_map(|hours| hours.end_after(minute));
        ends.max().map(|end| today + end * MINUTE_MS)
    }

    /// The first moment after `at` at which the clock on the wall shows `wall`, or has been put forward beyond it.
    fn first_moment(&self, at: i64, wall: i64, offset: UtcOffset) -> Result<i64, UnknownZone> {
        // As if the clock were not put forward or back meanwhile; and as if it had been before.
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

    /// Whether every minute of every week is in a window.
    pub(super) fn is_endless(&self) -> bool {
        let mut day = 0..DAY_MINUTES;
        let hours_meet = day.all(|minute| self.hours.iter().any(|hours| hours.end_after(minute).is_some()));
        self.days.iter().all(|frozen| *frozen) || hours_meet
    }
}

// === impl Hours ===

impl Hours {
    /// Where these hours end if `minute` of a day is one of theirs; beyond 1440 on the next day.
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

/// Milliseconds of a moment, limited so that no sum above overflows. The limit lies far beyond every calendar.
fn clamped(at: Timestamp) -> i64 {
    at.as_millis().clamp(i64::MIN / 2, i64::MAX / 2)
}
