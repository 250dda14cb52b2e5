//! A rate limit for the log, because a dead canary fails with every request: one line stands for many failures of the same kind.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// The interval between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Counts failures of one kind between two lines of the log.
#[derive(Clone, Debug, Default)]
pub struct LogRateLimiter {
    count: u32,
    logged_at: Timestamp,
}

// === impl LogRateLimiter ===

impl LogRateLimiter {
    /// Counts a failure. Returns the count since the last line and the latest cause, if the interval is over.
    pub fn record(&mut self, cause: &str, now: Timestamp) -> Option<(u32, String)> {
        self.count = self.count.saturating_add(1);
        if !now.is_due(self.logged_at, INTERVAL) {
            return None;
        }
        self.logged_at = now;
        Some((core::mem::take(&mut self.count), cause.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_canary_is_logged_once_in_ten_seconds() {
        let start = Timestamp::from_seconds(1_800_000_000);
        let mut limiter = LogRateLimiter::default();
        let mut lines = Vec::new();
        for millis in (0..25_000).step_by(10) {
            lines.extend(limiter.record("503", start.after(Duration::from_millis(millis))));
        }
        let line = |count| (count, "503".to_owned());
        assert_eq!(lines, [line(1), line(1000), line(1000)]);
        assert!(limiter.record("503", start.before(Duration::from_hours(1))).is_some(), "the clock went back");
    }
}
