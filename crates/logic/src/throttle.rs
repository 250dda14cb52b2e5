//! One line in the log for many failures of the same kind: a dead canary fails with every request.

use core::time::Duration;

use crate::timestamp::Timestamp;

/// At most one line in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// Failures not yet logged.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    count: u32,
    logged_at: Timestamp,
}

// === impl Throttle ===

impl Throttle {
    /// Counts a failure. Where the last line is long enough ago: how many there were since, and the last one's cause.
    pub fn record(&mut self, cause: &str, now: Timestamp) -> Option<(u32, String)> {
        self.count = self.count.saturating_add(1);
        if now.since(self.logged_at) < INTERVAL {
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
    fn a_dead_canary_is_one_line_in_ten_seconds() {
        let start = Timestamp::from_seconds(1_800_000_000);
        let mut throttle = Throttle::default();
        let mut lines = Vec::new();
        for millis in (0..25_000).step_by(10) {
            lines.extend(throttle.record("503", start.after(Duration::from_millis(millis))));
        }
        let line = |count| (count, "503".to_owned());
        assert_eq!(lines, [line(1), line(1000), line(1000)]);
    }
}
