//! The one place that reads the time.

use serin_logic::Timestamp;

/// The present time. In production it stands still between I/O.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(worker::Date::now().as_millis()).unwrap_or(i64::MAX))
}
