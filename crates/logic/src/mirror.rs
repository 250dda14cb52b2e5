//! Mirrored traffic: copies of requests that stable answered, sent to a canary without visitors. Both variants answer the same request, so
//! their answers are compared in pairs.

/// What differs between the answers of a pair.
mod differences;
/// Copies that are under way.
mod in_flight;
/// What isolates are to copy.
mod order;
/// Which answer of a pair is worse.
mod status_table;

pub use differences::{Difference, Differences};
pub use in_flight::{InFlight, Slot};
pub use order::MirrorOrder;
pub use status_table::{Comparison, MAX_RULES, StatusPattern, StatusRule, StatusTable};

/// Marks a copy, so that the canary can tell it from a visitor's request.
pub const HEADER: &str = "serin-mirror";

/// Copies that an isolate has under way at most, unless the plan says otherwise: enough for 80 copies a second to a canary that answers
/// within 100 ms, and few enough that a canary that hangs costs an isolate little.
pub const IN_FLIGHT: u32 = 8;

/// The canary is slower only where the difference is at least so many milliseconds, because clocks at the edge tell whole milliseconds.
const LEAST_DIFFERENCE_MS: f64 = 5.0;

/// Whether the canary's answer was slower than stable's to the same request, by more than the tolerance (in latency buckets).
pub fn is_slower(stable_ms: f64, canary_ms: f64, tolerance: u16) -> bool {
    use crate::analysis::bucket_of;
    canary_ms - stable_ms >= LEAST_DIFFERENCE_MS
        && bucket_of(canary_ms) > bucket_of(stable_ms).saturating_add(tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_is_more_than_the_tolerance_and_more_than_a_clock_can_err() {
        // Nine buckets of 2 % are the tolerance of 20 %.
        for (stable_ms, canary_ms, slower) in
            [(100.0, 130.0, true), (100.0, 115.0, false), (100.0, 60.0, false), (1.0, 3.0, false), (0.0, 40.0, true)]
        {
            assert_eq!(is_slower(stable_ms, canary_ms, 9), slower, "{stable_ms} {canary_ms}");
        }
    }
}
