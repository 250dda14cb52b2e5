//! Settings of the analysis that isolates need to count an outcome. The controller sends it with the overlay.

use serde::{Deserialize, Serialize};

use super::counts::Unit;
use crate::variant::Variant;
use crate::visitors::Marks;

/// Settings by which isolates count outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Measure {
    /// Unit of assignment.
    pub unit: Unit,
    /// From where on an answer is slow.
    pub slow: SlowLimits,
}

/// Limits of slow answers, as latency buckets. They are fixed before the answers that they are applied to: stable's quantiles of the minute
/// before. So a slowdown of both variants never counts against the canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SlowLimits {
    /// Bucket of stable's p95, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<u16>,
    /// Bucket of stable's p99, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<u16>,
    /// Buckets by which the canary may be slower than these.
    pub tolerance: u16,
    /// Bucket of the ceiling of the p95, for both variants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<u16>,
}

// === impl SlowLimits ===

impl SlowLimits {
    /// What an answer in this latency bucket says of its visitor.
    pub fn marks(&self, variant: Variant, bucket: u16) -> Marks {
        let tolerance = if variant == Variant::Canary { self.tolerance } else { 0 };
        let limits = [
            (self.p95.map(|limit| limit.saturating_add(tolerance)), Marks::SLOWER_THAN_P95),
            (self.p99.map(|limit| limit.saturating_add(tolerance)), Marks::SLOWER_THAN_P99),
            (self.ceiling, Marks::ABOVE_CEILING),
        ];
        let mut marks = Marks::NONE;
        for (limit, mark) in limits {
            if limit.is_some_and(|limit| bucket > limit) {
                marks |= mark;
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tolerance_is_the_canarys_alone() {
        let limits = SlowLimits { p95: Some(100), p99: Some(120), tolerance: 9, ceiling: Some(300) };
        assert!(limits.marks(Variant::Stable, 100).is_empty() && limits.marks(Variant::Canary, 109).is_empty());
        assert_eq!(limits.marks(Variant::Stable, 101), Marks::SLOWER_THAN_P95);
        assert_eq!(limits.marks(Variant::Canary, 110), Marks::SLOWER_THAN_P95);
        let all = Marks::SLOWER_THAN_P95 | Marks::SLOWER_THAN_P99 | Marks::ABOVE_CEILING;
        assert_eq!(limits.marks(Variant::Canary, 301), all);
    }

    #[test]
    fn nothing_is_slow_before_stable_is_known() {
        assert!(SlowLimits::default().marks(Variant::Canary, 479).is_empty());
    }
}
