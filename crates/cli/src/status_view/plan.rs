//! The plan of a rollout as a stepper, and when its next analysis and its next step come.

use std::time::Duration;

use serin_logic::Timestamp;
use serin_logic::api::{RolloutView, StepView};

use crate::output::{GOOD, STRONG, styled, wrapped};
use crate::time_format::{short_time, whole_seconds};

/// `✓ 5 % → ● 25 % 15m, 7m left → 100 % 15m`: done, current and coming steps, with holds, rings, checks, approvals and the window that is waited for.
pub(super) fn stepper(rollout: &RolloutView, now: &str, width: usize) -> Option<String> {
    let is_over = rollout.is_over();
    let items: Vec<String> = rollout
        .steps
        .iter()
        .zip(1..)
        .map(|(step, number)| match number {
            _ if number < rollout.step || (number == rollout.step && rollout.phase == "completed") => {
                styled(GOOD, &format!("✓ {}", share(step)))
            }
            _ if number == rollout.step && is_over => format!("✗ {}", share(step)),
            _ if number == rollout.step => styled(STRONG, &format!("● {}", current(step, rollout, now))),
            _ => format!("{}{}", share(step), terms(step)),
        })
        .collect();
    // The arrow stays with the step before it, so that a line never begins with one.
    let last = items.len().saturating_sub(1);
    let items: Vec<String> = items
        .into_iter()
        .enumerate()
        .map(|(place, item)| if place < last { format!("{item} →") } else { item })
        .collect();
    let lines = wrapped(items.iter().map(String::as_str), " ", width);
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `analysis at 03:06:00 UTC, step at 03:15:00 UTC`.
pub(super) fn next(rollout: &RolloutView, now: &str) -> Option<String> {
    let analysis = rollout.next_look.as_deref().map(|at| format!("analysis at {}", short_time(at, now)));
    let step = time_left(rollout, now).filter(|(left, _)| !left.is_zero()).and(rollout.hold_ends.as_deref());
    let what = if rollout.phase == "baking" { "complete" } else { "step" };
    let step = step.map(|at| format!("{what} at {}", short_time(at, now)));
    let parts: Vec<String> = [analysis, step].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Time left of the hold or of the bake, and its length, by the server's clock alone.
pub(crate) fn time_left(rollout: &RolloutView, now: &str) -> Option<(Duration, Duration)> {
    if !matches!(rollout.phase.as_str(), "progressing" | "baking") {
        return None;
    }
    let ends = Timestamp::parse(rollout.hold_ends.as_deref()?)?;
    let whole = ends.since(Timestamp::parse(&rollout.since)?);
    Some((ends.since(Timestamp::parse(now)?).min(whole), whole))
}

fn current(step: &StepView, rollout: &RolloutView, now: &str) -> String {
    let left = time_left(rollout, now).filter(|(left, _)| !left.is_zero());
    let left = left.map(|(left, _)| format!(", {} left", whole_seconds(left))).unwrap_or_default();
    let frozen = rollout.frozen_until.as_deref();
    let frozen = frozen.map(|end| format!(", frozen until {}", short_time(end, now))).unwrap_or_default();
    format!("{}{}{left}{frozen}", share(step), terms(step))
}

fn share(step: &StepView) -> String {
    let ring = step.ring.as_ref().map(|ring| format!(" of {ring}")).unwrap_or_default();
    match step.mirror {
        Some(mirror) => format!("mirror {mirror} %{ring}"),
        None => format!("{} %{ring}", step.percentage),
    }
}

fn terms(step: &StepView) -> String {
    let hold = (step.hold_ms > 0).then(|| format!(" {}", whole_seconds(Duration::from_millis(step.hold_ms))));
    let check = step.check.as_ref().map(|_| ", check");
    let approval = step.approval.then_some(", approval");
    format!("{}{}{}", hold.unwrap_or_default(), check.unwrap_or_default(), approval.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_its_hold_its_check_and_its_approval() {
        let step = StepView { hold_ms: 900_000, ..StepView::default() };
        assert_eq!(terms(&step), " 15m");
        let checked = StepView { check: Some("gate.example/slo".into()), approval: true, ..step };
        assert_eq!(terms(&checked), " 15m, check, approval");
    }
}
