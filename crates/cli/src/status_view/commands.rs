//! The commands that an operator can run next.

use serin_logic::api::StatusView;

use crate::output::table;

/// A paragraph of commands and what each does.
pub(super) fn what_next(status: &StatusView) -> Option<String> {
    let has_controller = status.epoch.is_some();
    let phase = status.rollout.as_ref().map(|rollout| rollout.phase.as_str());
    let is_under_way = matches!(phase, Some("progressing" | "baking" | "paused"));
    let is_halted = status.halt.as_ref().is_some_and(|halt| !halt.by_rollout || is_under_way);
    let mut rows: Vec<(String, &str)> = Vec::new();
    let mut add = |command: &str, what| rows.push((format!("serin {command}"), what));
    for (name, _) in status.switches.iter().filter(|(_, switch)| switch.on) {
        add(&format!("switch {name} off"), "turn the switch off");
    }
    if is_halted {
        add("resume-canary", "lift the halt; a rollout stays paused");
    }
    match phase {
        Some("progressing" | "baking") => {
            add("pause", "stop at this step");
            add("promote", "take the next step now");
        }
        Some("paused") if !is_halted => {
            add("resume", "go on from this step");
            add("promote", "take the next step now");
        }
        Some("rolled-back") => add("undo", "reopen it, paused at 0 %; `serin resume` goes on"),
        Some("completed") => {
            add("canary promote DIR", "make this version the stable one");
            add("undo", "roll back the completed rollout");
        }
        _ => {}
    }
    if is_under_way {
        add("abort", "end the rollout, all visitors to stable");
    } else if has_controller && !is_halted {
        add("start SCHEDULE", "start a new rollout");
    }
    if has_controller && status.halt.is_none() {
        add("halt", "all visitors to stable at once");
    }
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(command, what)| vec![command, what.to_owned()]).collect();
    (!rows.is_empty()).then(|| table(&["you can", ""], rows))
}
