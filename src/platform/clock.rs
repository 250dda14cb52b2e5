//! The one place that reads the time.

use js_sys::Date;
use serin_logic::Timestamp;
use worker::ScheduledTime;

/// The present time. In production it stands still between I/O.
///
/// `js_sys` and not `worker::Date`, which makes an object for it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates; a time beyond i64 is no time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(Date::now() as i64)
}

/// The time of an alarm, as a date: the runtime takes a number for an offset from now.
#[expect(clippy::cast_precision_loss, reason = "a time of day in ms is far below 2^53")]
pub(crate) fn alarm_at(at: Timestamp) -> ScheduledTime {
    ScheduledTime::new(Date::new(&(at.as_millis() as f64).into()))
}
