use std::io::Write as _;

use serde_json::{Value, json};

use super::server::{Answer, Server, serin};

fn started() -> Answer {
    let rollout = json!({"id": "r42", "phase": "progressing", "step": 1, "of": 4, "percentage": 5});
    Answer::json(201, &json!({"already": false, "epoch": 8, "rollout": rollout}))
}

fn sent(arguments: &[&str]) -> Value {
    let server = Server::start().on("POST /__serin/rollouts", started());
    let run = server.serin(arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout, "started; rollout r42 is progressing, step 1 of 4, 5 %\n");
    server.only().json()
}

#[test]
fn a_schedule_is_started_by_its_name() {
    assert_eq!(sent(&["start", "standard"]), json!({"schedule": "standard", "actor": "ada"}));
    let body = json!({"schedule": "blue-green", "hold": "30m", "id": "r42", "actor": "ada", "reason": "release 7"});
    assert_eq!(sent(&["start", "blue-green", "--hold", "1800s", "--id", "r42", "--why", "release 7"]), body);
}

#[test]
fn steps_make_a_custom_schedule() {
    let steps = json!([{"percentage": 5, "hold": "10m"}, {"percentage": 25, "approval": true}, {"percentage": 100}]);
    let body = json!({"schedule": "custom", "hold": "5m", "steps": steps, "actor": "ada"});
    let arguments = ["start", "--step", "5:10m", "--step", "25:approval", "--step", "100", "--hold", "5m"];
    assert_eq!(sent(&arguments), body);
}

#[test]
fn options_override_the_fields_of_a_plan() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(br#"{"schedule": "safe", "hold": "1h", "onFail": "hold", "analysis": {"x": 1}}"#).unwrap();
    let body = json!({"schedule": "safe", "hold": "2h", "onFail": "hold", "analysis": {"x": 1}, "actor": "ada"});
    assert_eq!(sent(&["start", "--plan", file.path().to_str().unwrap(), "--hold", "2h"]), body);
}

#[test]
fn a_plan_that_is_not_json_is_wrong_usage() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"steps: [5]").unwrap();
    let run = serin("http://127.0.0.1:9", &["start", "--plan", file.path().to_str().unwrap()], &[]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("not a JSON object"), "{}", run.stderr);
}

#[test]
fn a_dry_run_is_the_servers_own_check() {
    let rollout = json!({"id": "r42", "phase": "progressing", "step": 1, "of": 4, "percentage": 5});
    let answer = json!({"already": false, "epoch": 8, "rollout": rollout, "dryRun": true, "warnings": ["bake is 1s"]});
    let server = Server::start().on("POST /__serin/rollouts", Answer::json(200, &answer));
    let run = server.serin(&["start", "standard", "--anyway", "--dry-run"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, "warning: bake is 1s\n"));
    assert_eq!(run.stdout, "the server accepts the plan: rollout r42 would be step 1 of 4, 5 %; nothing was started\n");
    let request = server.only();
    assert_eq!(request.line, "POST /__serin/rollouts?dryRun=true");
    assert_eq!(request.json(), json!({"schedule": "standard", "anyway": true, "actor": "ada"}));

    let refusal = json!({"type": "urn:serin:conflict", "title": "The command is not possible now", "status": 409, "detail": "the switch is on"});
    let server = Server::start().on("POST /__serin/rollouts", Answer::problem(409, &refusal));
    let run = server.serin(&["start", "standard", "--dry-run"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("the switch is on"), "{}", run.stderr);
}

#[test]
fn a_server_that_does_not_know_dry_runs_is_noticed() {
    let server = Server::start().on("POST /__serin/rollouts", started());
    let run = server.serin(&["start", "standard", "--dry-run"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("may have started"), "{}", run.stderr);
}

#[test]
fn a_plan_that_is_not_valid_is_wrong_usage_and_not_sent() {
    let unreachable = "http://127.0.0.1:9";
    let bad = serin(unreachable, &["start", "--step", "50", "--step", "5", "--dry-run"], &[]);
    assert_eq!(bad.code, 2);
    assert!(bad.stderr.contains("steps[1].percentage"), "{}", bad.stderr);
}

#[test]
fn with_watch_the_rollout_that_was_started_is_followed_to_its_end() {
    let over = json!({"id": "r42", "phase": "completed", "step": 4, "of": 4, "percentage": 100});
    let status = json!({"time": "2026-11-21T04:00:00Z", "epoch": 9, "rollout": over});
    let server =
        Server::start().on("POST /__serin/rollouts", started()).on("GET /__serin/status", Answer::json(200, &status));
    let run = server.serin(&["start", "fast", "--watch"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.ends_with("04:00:00 UTC completed, step 4 of 4, 100 %\n"), "{}", run.stdout);
}
