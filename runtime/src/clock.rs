//! The one place that reads the time.

use serin_logic::Timestamp;

/// Now. In production the clock stands still between I/O.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    at(js_sys::Date::now())
}

/// A moment that JavaScript read: milliseconds since the Unix epoch.
pub fn at(millis: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates; a time beyond i64 is no time")]
    Timestamp::from_millis(millis as i64)
}
