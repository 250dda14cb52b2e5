//! The live picture of a rollout as text. The functions are pure.

use serin_logic::Percentage;
use serin_logic::api::{RolloutView, StatusView};
use std::time::Duration;

use serin_logic::Timestamp;

use crate::exit::Failure;
use crate::metrics_format;
use crate::output::{BAD, CAUTION, GOOD, STRONG, present, styled};
use crate::rollout_format::{place, window};
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
    /// Id and position of the rollout.
    pub(super) head: String,
    /// Elapsed time of the hold, and its length.
    pub(super) hold: Option<(Duration, Duration)>,
    /// Metrics, evidence, verdict and alarms.
    pub(super) body: Vec<String>,
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
    let mut parts = vec![format!("{} {}, {}", time_of_day(&status.time), phase(rollout), place(rollout))];
    if status.headline.is_empty() {
        // The server is older than the headline.
        parts.extend(why(rollout));
        parts.extend(window(rollout));
    } else {
        parts.push(status.headline.clone());
    }
    parts.extend(off(status));
    if let Some(figures) = &rollout.figures {
        let variants = [("canary", &figures.canary), ("stable", &figures.stable)].into_iter();
        parts.extend(
            variants
                .filter_map(|(name, variant)| Some(format!("{name} {}", metrics_format::summary(variant.as_ref()?)))),
        );
        let evidence = metrics_format::all_evidence(figures);
        parts.extend((!evidence.is_empty()).then(|| format!("evidence: {evidence}")));
    }
    parts.extend(last_verdict(rollout));
    parts.extend(rollout.alarms.iter().map(|alarm| styled(BAD, &format!("alarm: {alarm}"))));
    parts.join(" | ")
}

/// Formats the status as a picture.
pub(super) fn scene(status: &StatusView) -> Scene {
    let Some(rollout) = &status.rollout else { return Scene::default() };
    let mut body = Vec::new();
    if let Some(figures) = &rollout.figures {
        body.extend(metrics_format::variants_table(figures));
        let evidence = metrics_format::all_evidence(figures);
        body.extend((!evidence.is_empty()).then(|| format!("evidence   {evidence}")));
    }
    body.extend(last_verdict(rollout).map(|verdict| {
        let at = rollout.last_look.as_ref().map(|look| time_of_day(&look.at));
        format!("last look  {} {verdict}", at.unwrap_or_default())
    }));
    body.extend(window(rollout).map(|window| format!("waits      {window}")));
    body.extend(rollout.alarms.iter().map(|alarm| styled(BAD, &format!("alarm      {alarm}"))));
    body.extend(off(status));
    let id = styled(STRONG, &rollout.id);
    let why = why(rollout).map(|why| format!(": {why}")).unwrap_or_default();
    let hold = time_left(rollout, &status.time).map(|(left, whole)| (whole.saturating_sub(left), whole));
    Scene { head: format!("{id}  {}, {}{why}", phase(rollout), place(rollout)), hold, body }
}

/// Elapsed time and length of the hold or of the bake, by the server's clock alone.
pub(in crate::commands) fn time_left(rollout: &RolloutView, time: &str) -> Option<(Duration, Duration)> {
    if !matches!(rollout.phase.as_str(), "progressing" | "baking") {
        return None;
    }
    let ends = Timestamp::parse(rollout.hold_ends.as_deref()?)?;
    let whole = ends.since(Timestamp::parse(&rollout.since)?);
    Some((ends.since(Timestamp::parse(time)?).min(whole), whole))
}

/// A verdict in its colour.
pub(in crate::commands) fn verdict(word: &str) -> String {
    let style = match word {
        "pass" => GOOD,
        "fail" => BAD,
        _ => CAUTION,
    };
    styled(style, word)
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

fn phase(rollout: &RolloutView) -> String {
    let style = match rollout.phase.as_str() {
        "rolled-back" | "aborted" => BAD,
        "paused" => CAUTION,
        "completed" => GOOD,
        _ => STRONG,
    };
    styled(style, &rollout.phase)
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

fn last_verdict(rollout: &RolloutView) -> Option<String> {
    let look = rollout.last_look.as_ref()?;
    let sentence = present(&look.sentence).map(|sentence| format!(": {sentence}")).unwrap_or_default();
    Some(format!("{}{sentence}", verdict(&look.verdict)))
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
        assert_eq!(scene(&status(&rollout)).hold, Some((Duration::from_mins(5), Duration::from_mins(15))));
        let mut late = rollout.clone();
        late["holdEnds"] = json!("2026-11-21T03:04:00Z");
        assert_eq!(scene(&status(&late)).hold, Some((Duration::from_mins(4), Duration::from_mins(4))));
        let mut paused = rollout;
        paused["phase"] = json!("paused");
        assert_eq!(scene(&status(&paused)).hold, None);
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
