//! The one place that reads the time.

use serin_logic::Timestamp;

/// The present time. In production it stands still between I/O.
///
/// `js_sys` and not `worker::Date`, which makes an object for it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates; a time beyond i64 is no time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(js_sys::Date::now() as i64)
}
