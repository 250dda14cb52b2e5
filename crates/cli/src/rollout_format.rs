//! Formats the position of a rollout.

use serin_logic::api::RolloutView;

use crate::time_format::date_and_time;

/// `step 2 of 4, 25 %`, with the step's ring if it has one.
pub(crate) fn place(rollout: &RolloutView) -> String {
    let RolloutView { step, of, percentage, ring, .. } = rollout;
    let ring = ring.as_ref().map(|ring| format!(" of {ring}")).unwrap_or_default();
    format!("step {step} of {of}, {percentage} %{ring}")
}

/// The freeze window that delays the step, if there is one.
pub(crate) fn window(rollout: &RolloutView) -> Option<String> {
    let end = date_and_time(rollout.frozen_until.as_deref()?);
    Some(format!("for the end of a window, {end}; promote goes on now"))
}
