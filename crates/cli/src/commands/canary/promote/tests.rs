use serde_json::{Value, json};

use super::*;

fn worker() -> Worker {
    Worker::of("app")
}

fn current(document: &Value, status: &Value) -> CurrentState {
    let status = serde_json::from_value(status.clone()).unwrap();
    CurrentState { status, ..CurrentState::of(Some(&document.to_string())) }
}

#[test]
fn only_a_canary_that_is_in_use_and_not_in_doubt_becomes_stable() {
    let on = json!({"enabled": true, "percentage": 100, "canaryWorker": "app-canary", "stage": "canary"});
    let with = |name: &str, value: Value| {
        let mut document = on.clone();
        document[name] = value;
        document
    };
    let rollout = |phase| json!({"epoch": 3, "rollout": {"id": "r1", "phase": phase}});
    for (document, status, expected) in [
        (on.clone(), json!(null), None),
        (on.clone(), rollout("completed"), None),
        (json!({"enabled": true, "percentage": 0}), json!(null), None),
        (on.clone(), rollout("baking"), Some("rollout r1 is baking")),
        (on.clone(), json!({"halt": {"actor": "ada", "reason": "pager"}}), Some("halted by ada: pager")),
        (with("stage", json!("rolled-back")), json!(null), Some("rolled back")),
        (with("percentage", json!(0)), rollout("rolled-back"), Some("rollout r1 is rolled-back")),
        (with("percentage", json!(5)), rollout("aborted"), None),
        (with("enabled", json!(false)), json!(null), Some("disabled")),
        (with("canaryWorker", json!("other")), json!(null), Some("the canary is other, not app-canary")),
        (with("percentage", json!(101)), json!(null), Some("percentage")),
    ] {
        let refused = refuse(&current(&document, &status), &worker()).err().map(|failure| failure.to_string());
        match (expected, refused) {
            (None, None) => {}
            (Some(expected), Some(refused))
                if refused.contains(expected) && refused.ends_with("nothing was deployed") => {}
            (_, refused) => panic!("{document} {status}: {refused:?}"),
        }
    }
}

#[test]
fn a_repeated_promotion_is_reported_and_not_repeated() {
    let at = "2026-11-21T03:00:00Z";
    let done =
        json!({"enabled": false, "percentage": 0, "canaryWorker": "app-canary", "stage": "promoted", "updatedAt": at});
    assert_eq!(promoted(&current(&done, &json!(null)), &worker()).as_deref(), Some("2026-11-21 03:00:00 UTC"));
    for (name, value) in [
        ("stage", json!("rolled-back")),
        ("stage", json!("canary")),
        ("enabled", json!(true)),
        ("canaryWorker", json!("x")),
    ] {
        let mut document = done.clone();
        document[name] = value;
        assert_eq!(promoted(&current(&document, &json!(null)), &worker()), None, "{document}");
    }
}
