//! The one place of the command line that reads the time and waits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serin_logic::Timestamp;

/// Now, by this machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A point to measure from; not moved by a clock that is set.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn tick() -> Instant {
    Instant::now()
}

/// Lets time pass between two questions to a server.
pub(crate) fn wait(time: Duration) {
    std::thread::sleep(time);
}
