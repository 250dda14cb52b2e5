//! The live picture of a rollout as text. The functions are pure.

use serin_logic::Percentage;
use serin_logic::api::{RolloutView, StatusView};
use std::time::Duration;

use crate::exit::Failure;
use crate::output::{BAD, CAUTION, styled};
use crate::rollout_format::place;
use crate::status_view::{self, evidence, headline, last_verdict, phase, summary, time_left};
use crate::time_format::time_of_day;

/// Parts of a status whose change prints a new line. Counts are not among them, because they always grow.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    phase: String,
    reason: Option<String>,
    step: usize,
    percentage: Percentage,
    look: Option<String>,
    alarms: Vec<String>,
    halted: bool,
    switches: Vec<String>,
}

/// The live picture of a rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Scene {
    /// Elapsed time of the hold, and its length.
    pub(super) hold: Option<(Duration, Duration)>,
    /// The status.
    pub(super) text: String,
}

// === impl Change ===

impl Change {
    pub(super) fn of(status: &StatusView) -> Self {
        let rollout = status.rollout.clone().unwrap_or_default();
        let on = status.switches.iter().filter(|(_, switch)| switch.on);
        Self {
            phase: rollout.phase,
            reason: rollout.reason,
            step: rollout.step,
            percentage: rollout.percentage,
            look: rollout.last_look.map(|look| look.at),
            alarms: rollout.alarms,
            halted: status.halt.is_some(),
            switches: on.map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Whether this status differs from `before`. Replaces `before` with this status.
    pub(super) fn happened(before: &mut Option<Self>, status: &StatusView) -> bool {
        let now = Self::of(status);
        before.replace(now.clone()) != Some(now)
    }

    /// Whether the phase or the step changed.
    pub(super) fn moved(&self, before: &Self) -> bool {
        (&self.phase, self.step, self.percentage) != (&before.phase, before.step, before.percentage)
    }
}

/// Formats the status in one line, for logs.
pub(super) fn line(status: &StatusView) -> String {
    let Some(rollout) = &status.rollout else { return String::new() };
    let (time, phase) = (time_of_day(&status.time), phase(rollout));
    let mut parts = match headline(status) {
        Some(headline) => vec![format!("{time} {phase}"), headline],
        // The server is older than the headline.
        None => [format!("{time} {phase}, {}", place(rollout))].into_iter().chain(why(rollout)).collect(),
    };
    parts.extend(off(status));
    parts.extend(status.policy.warnings.iter().map(|warning| styled(CAUTION, &format!("warning: {warning}"))));
    parts.extend(status_view::unverified(status));
    if let Some(figures) = &rollout.figures {
        let variants = [("canary", &figures.canary), ("control group", &figures.stable)].into_iter();
        parts.extend(variants.filter_map(|(name, variant)| Some(format!("{name} {}", summary(variant.as_ref()?)))));
        parts.extend(evidence(figures).map(|evidence| format!("evidence: {evidence}")));
    }
    parts.extend(last_verdict(status));
    parts.extend(rollout.alarms.iter().map(|alarm| styled(BAD, &format!("alarm: {alarm}"))));
    parts.join(" | ")
}

/// Formats the status as a picture of at most `width` columns.
pub(super) fn scene(status: &StatusView, width: usize) -> Scene {
    let Some(rollout) = &status.rollout else { return Scene::default() };
    let hold = time_left(rollout, &status.time).map(|(left, whole)| (whole.saturating_sub(left), whole));
    Scene { hold, text: status_view::text(status, width) }
}

/// Result of watching a rollout that has ended, or that paused while `--stop-when-paused` is set.
pub(super) fn end(rollout: &RolloutView) -> Result<(), Failure> {
    let why = rollout.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let by = rollout.actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
    match rollout.phase.as_str() {
        "completed" => Ok(()),
        "rolled-back" => Err(Failure::RolledBack(format!("rollout {} was rolled back{by}{why}", rollout.id))),
        "aborted" => Err(Failure::RolledBack(format!("rollout {} was aborted{by}{why}", rollout.id))),
        phase => Err(Failure::NotOver(format!("rollout {} is {phase}{by}{why}", rollout.id))),
    }
}

fn why(rollout: &RolloutView) -> Option<String> {
    rollout.reason.clone().filter(|reason| !reason.is_empty())
}

/// The halt and the switches that keep the canary from its share.
fn off(status: &StatusView) -> Option<String> {
    let mut reasons: Vec<&str> = status.halt.iter().map(|_| "halted").collect();
    reasons.extend(status.switches.iter().filter(|(_, switch)| switch.on).map(|(name, _)| name.as_str()));
    (!reasons.is_empty()).then(|| styled(BAD, &format!("on: {}", reasons.join(", "))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(rollout: &serde_json::Value) -> StatusView {
        serde_json::from_value(json!({"time": "2026-11-21T03:05:00Z", "epoch": 1, "rollout": rollout})).unwrap()
    }

    #[test]
    fn the_hold_is_measured_by_the_servers_clock() {
        let rollout = json!({"id": "r", "phase": "progressing", "step": 1, "of": 2, "percentage": 5,
            "since": "2026-11-21T03:00:00Z", "holdEnds": "2026-11-21T03:15:00Z"});
        assert_eq!(scene(&status(&rollout), 80).hold, Some((Duration::from_mins(5), Duration::from_mins(15))));
        let mut late = rollout.clone();
        late["holdEnds"] = json!("2026-11-21T03:04:00Z");
        assert_eq!(scene(&status(&late), 80).hold, Some((Duration::from_mins(4), Duration::from_mins(4))));
        let mut paused = rollout;
        paused["phase"] = json!("paused");
        assert_eq!(scene(&status(&paused), 80).hold, None);
    }

    #[test]
    fn counts_alone_are_no_change_but_an_analysis_is() {
        let of = |requests: u64, look: &str| {
            status(&json!({"id": "r", "phase": "baking", "lastLook": {"at": look, "verdict": "pass"},
                "figures": {"canary": {"requests": requests, "failures": 0}}}))
        };
        let mut before = None;
        assert!(Change::happened(&mut before, &of(1, "a")));
        assert!(!Change::happened(&mut before, &of(2, "a")));
        assert!(Change::happened(&mut before, &of(2, "b")));
    }

    #[test]
    fn only_a_completed_rollout_ends_well() {
        let ends = ["completed", "rolled-back", "aborted", "paused"].map(|phase| {
            let rollout = RolloutView { phase: phase.into(), ..RolloutView::default() };
            end(&rollout).map_or_else(|failure| failure.code(), |()| 0)
        });
        assert_eq!(ends, [0, 4, 4, 6]);
    }
}
