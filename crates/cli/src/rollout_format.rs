//! Formats the position of a rollout.

use serin_logic::api::RolloutView;

/// `step 2 of 4, 25 %`, with the step's ring if it has one.
pub(crate) fn place(rollout: &RolloutView) -> String {
    let RolloutView { step, of, percentage, ring, .. } = rollout;
    let ring = ring.as_ref().map(|ring| format!(" of {ring}")).unwrap_or_default();
    format!("step {step} of {of}, {percentage} %{ring}")
}
