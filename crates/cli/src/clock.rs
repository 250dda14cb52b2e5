//! The clock of the command line. No other module reads the time or waits.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serin_logic::Timestamp;

/// The current time of this machine's clock.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A monotonic instant to measure from. Setting the clock does not move it.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn tick() -> Instant {
    Instant::now()
}

/// Waits between two requests to a server.
pub(crate) fn wait(time: Duration) {
    std::thread::sleep(time);
}
