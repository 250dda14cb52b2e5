//! Counts of one location in the rollout that it last reported of.

use serde::{Deserialize, Serialize};

use super::minute::MinuteCounts;
use crate::analysis::PerVariant;
use crate::telemetry::Sample;

/// A location's counts. They begin at zero with each rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Location {
    /// Id of the rollout that is counted; empty before the first report with counts.
    pub rollout_id: String,
    /// The canary, and stable's control slice.
    pub variants: PerVariant<MinuteCounts>,
}

// === impl Location ===

impl Location {
    /// Adds the outcomes of a report.
    pub fn add(&mut self, sample: &Sample) {
        if self.rollout_id != sample.observation.rollout_id {
            *self = Self { rollout_id: sample.observation.rollout_id.clone(), ..Self::default() };
        }
        self.variants.canary.add(sample, |sample| &sample.variants.canary);
        self.variants.stable.add(sample, |sample| &sample.variants.stable);
    }
}

#[cfg(test)]
mod tests {
    use super::super::minute::tests::sample;
    use super::*;

    #[test]
    fn a_location_starts_from_zero_with_each_rollout() {
        let mut location = Location::default();
        location.add(&sample(3, 1, 10.0));
        location.add(&sample(3, 0, 10.0));
        assert_eq!((location.variants.canary.requests, location.variants.canary.failures), (6, 1));
        let mut of_next = sample(1, 0, 10.0);
        of_next.observation.rollout_id = "next".into();
        location.add(&of_next);
        assert_eq!((location.rollout_id.as_str(), location.variants.canary.requests), ("next", 1));
    }
}
