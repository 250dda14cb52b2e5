use serde_json::json;

use super::*;
use crate::output::columns;

fn plain(status: &StatusView, width: usize) -> String {
    anstream::adapter::strip_str(&text(status, width)).to_string()
}

fn status() -> StatusView {
    serde_json::from_value(json!({
        "version": "0.1.0", "time": "2026-11-21T03:05:00.000Z", "epoch": 7,
        "headline": "Canary at 25 %, step 2 of 4, healthy. Next analysis in 23 s, next step in about 12 min.",
        "policy": {"enabled": true, "percentage": 25, "rolloutId": "r42", "generation": 3, "rules": 0,
                   "warnings": ["canary-state gives the canary 25 % of visitors, but it gets 0 %: ops:disable_canary is on"]},
        "effective": {"percentage": 0, "reason": "ops:disable_canary is on"},
        "switches": {"disable_canary": {"on": true, "reason": "a database that is slow since the last release", "since": "2026-11-20T22:04:00Z", "until": "2026-11-21T04:00:00Z"}},
        "rollout": {
            "id": "r42", "phase": "progressing", "since": "2026-11-21T03:00:00.000Z", "step": 2, "of": 4, "percentage": 25,
            "schedule": "custom", "steps": [
                {"percentage": 5, "holdMs": 900_000, "where": {"country": ["NZ"]}}, {"percentage": 25, "holdMs": 900_000},
                {"percentage": 50, "holdMs": 5_400_000, "approval": true}, {"percentage": 100, "holdMs": 900_000}],
            "startedAt": "2026-11-21T02:40:00.000Z", "startedBy": "ada", "startedReason": "release 7 with a longer reason than one line has room for",
            "holdEnds": "2026-11-21T03:15:00.000Z", "nextLook": "2026-11-21T03:05:23.000Z", "inconclusive": 2,
            "lastLook": {"at": "2026-11-21T03:04:23.000Z", "verdict": "pass", "sentence": "The canary is no worse than stable: 1 of 174 requests failed (0.57 %) against 6 of 696 (0.86 %)."},
            "figures": {
                "canary": {"requests": 174, "failures": 1, "visitors": 61, "failedVisitors": 1, "p95Ms": 131, "p99Ms": 204},
                "stable": {"requests": 696, "failures": 6, "visitors": 243, "failedVisitors": 5, "p95Ms": 130, "p99Ms": 200},
                "errors": {"evidence": 4.2, "limit": 200}, "p95": {"evidence": 0.9, "limit": 400}, "p99": {"evidence": null, "limit": 400}
            },
            "impact": {"failed": 6, "rescued": 5, "seen": 1}
        },
        "telemetry": {"lastReport": "2026-11-21T03:04:58.000Z", "locations": 1}
    }))
    .unwrap()
}

#[test]
fn a_status_says_what_happens_why_what_comes_next_and_what_one_can_do_in_80_columns() {
    let text = plain(&status(), 80);
    for line in text.lines() {
        assert!(columns(line) <= 80, "{} columns: {line}", columns(line));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn no_word_is_broken_or_lost_at_any_width() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let wide = words(&plain(&status(), usize::MAX));
    for width in [20, 40, 60, 80, 120] {
        assert_eq!(words(&plain(&status(), width)), wide, "{width}");
    }
}

#[test]
fn a_reason_that_the_headline_says_is_not_repeated() {
    let reason = "6 of 333 canary requests failed.";
    let status: StatusView = serde_json::from_value(json!({
        "time": "2026-11-21T16:00:00Z", "epoch": 9,
        "headline": format!("Rolled back at 2026-11-21T15:51:06Z: {reason} Stable serves all visitors."),
        "halt": {"actor": "controller", "at": "2026-11-21T15:51:06Z", "reason": reason, "byRollout": true},
        "rollout": {"id": "r42", "phase": "rolled-back", "actor": "controller", "reason": reason, "since": "2026-11-21T15:51:06Z",
            "step": 1, "of": 2, "steps": [{"percentage": 5}, {"percentage": 100}],
            "lastLook": {"at": "2026-11-21T15:51:06Z", "verdict": "fail", "sentence": reason}}
    }))
    .unwrap();
    let text = plain(&status, 200);
    assert!(text.starts_with("Rolled back at 15:51:06 UTC: 6 of 333"), "{text}");
    assert_eq!(text.matches("6 of 333").count(), 1, "{text}");
    assert!(text.contains("plan     ✗ 5 % → 100 %") && text.contains("serin undo"), "{text}");
}

#[test]
fn what_one_can_do_next_fits_the_phase() {
    let commands = |rollout: &serde_json::Value, halt: &serde_json::Value| {
        let status = serde_json::from_value(json!({"epoch": 1, "rollout": rollout, "halt": halt})).unwrap();
        let text = plain(&status, 200);
        let lines = text.lines().filter(|line| line.starts_with("serin "));
        let lines = lines.filter_map(|line| line.strip_prefix("serin ")?.split("  ").next());
        lines
            .filter(|command| command.chars().all(|c| c.is_ascii_alphabetic() || " -".contains(c)))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let rollout = |phase: &str| json!({"id": "r", "phase": phase});
    let none = json!(null);
    let halt = |by_rollout: bool| json!({"actor": "ada", "byRollout": by_rollout});
    assert_eq!(commands(&none, &none), ["start SCHEDULE", "halt"]);
    assert_eq!(commands(&rollout("progressing"), &none), ["pause", "promote", "abort", "halt"]);
    assert_eq!(commands(&rollout("paused"), &none), ["resume", "promote", "abort", "halt"]);
    assert_eq!(commands(&rollout("paused"), &halt(false)), ["resume-canary", "abort"]);
    assert_eq!(commands(&rollout("rolled-back"), &halt(true)), ["undo", "start SCHEDULE"]);
    assert_eq!(commands(&rollout("completed"), &none), ["canary promote DIR", "undo", "start SCHEDULE", "halt"]);
}
