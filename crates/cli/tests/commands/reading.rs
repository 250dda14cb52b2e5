use insta::assert_snapshot;
use serde_json::{Value, json};

use super::server::{Answer, Server};

/// The status example of docs/control-api.md with its ellipses filled in.
pub(crate) fn status() -> Value {
    json!({
        "version": "0.1.0", "time": "2026-11-21T03:05:00.000Z", "epoch": 7,
        "policy": {"enabled": true, "percentage": 5, "rolloutId": "r42", "generation": 3, "rules": 0,
                   "canaryWorker": null, "stableWorker": null, "error": null, "warnings": []},
        "switches": {"disable_canary": {"on": false}, "disable_writes": {"on": false}, "maintenance": {"on": false}},
        "halt": null,
        "rollout": {
            "id": "r42", "phase": "progressing", "reason": null, "actor": null, "since": "2026-11-21T03:00:00.000Z",
            "step": 1, "of": 4, "percentage": 5, "where": null,
            "schedule": "standard", "steps": [{"percentage": 5, "holdMs": 900_000}],
            "startedAt": "2026-11-21T02:59:00.000Z", "startedBy": "ada", "startedReason": "release 7",
            "holdEnds": "2026-11-21T03:15:00.000Z", "nextLook": "2026-11-21T03:06:00.000Z", "overdueMs": null,
            "failures": 0, "inconclusive": 2, "errors": 0,
            "lastLook": {"at": "2026-11-21T03:05:00.000Z", "verdict": "pass", "sentence": "nothing speaks against the canary"},
            "figures": {
                "canary": {"requests": 174, "failures": 1, "p95Ms": 131, "p99Ms": 204},
                "stable": {"requests": 696, "failures": 6, "p95Ms": 130, "p99Ms": 200},
                "errors": {"evidence": 0.4, "limit": 200}, "p95": {"evidence": 0.9, "limit": 400}, "p99": {"evidence": 1, "limit": 400}
            },
            "alarms": []
        },
        "telemetry": {"lastReport": "2026-11-21T03:04:58.000Z", "locations": 2},
        "outbox": []
    })
}

fn printed(path: &str, answer: &Value, arguments: &[&str]) -> String {
    let run = Server::start().on(path, Answer::json(200, answer)).serin(arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.stdout
}

#[test]
fn a_rollout_under_way() {
    assert_snapshot!(printed("GET /__serin/status", &status(), &["status"]));
}

#[test]
fn a_step_that_waits_for_the_end_of_a_window_says_so() {
    let mut status = status();
    status["rollout"]["frozenUntil"] = json!("2026-11-23T05:00:00.000Z");
    let text = printed("GET /__serin/status", &status, &["status"]);
    assert!(
        text.contains("\nwaits      for the end of a window, 2026-11-23 05:00:00; promote goes on now\n"),
        "{text}"
    );
}

#[test]
fn problems_are_highlighted() {
    let mut status = status();
    status["switches"]["maintenance"] = json!({"on": true, "reason": "database", "until": "2026-11-21T04:00:00Z"});
    status["halt"] = json!({"actor": "ada", "at": "2026-11-21T03:04:00Z", "reason": "too slow", "byRollout": false});
    status["policy"]["error"] = json!("percentage: 101 is not accepted");
    status["policy"]["warnings"] = json!(["schemaVersion 2 is newer than 1"]);
    status["outbox"] = json!(["write", "notify"]);
    let rollout = &mut status["rollout"];
    rollout["phase"] = json!("paused");
    rollout["reason"] = json!("the canary was halted");
    rollout["actor"] = json!("ada");
    rollout["where"] = json!({"country": ["NZ"]});
    rollout["overdueMs"] = json!(61_000);
    rollout["alarms"] = json!(["sample ratio: 174 of 1000 on the canary, should be 50"]);
    rollout["figures"]["errors"] = json!({"evidence": null, "limit": 200});
    assert_snapshot!(printed("GET /__serin/status", &status, &["status"]));
}

#[test]
fn without_a_controller_kv_alone_steers() {
    let status = json!({"version": "0.1.0", "time": "2026-11-21T03:05:00.000Z", "epoch": null, "halt": null, "rollout": null,
        "policy": {"enabled": false, "percentage": 0}, "switches": {}, "telemetry": null});
    assert_eq!(
        printed("GET /__serin/status", &status, &["status"]),
        "serin   0.1.0\ncanary  disabled\n\nno controller: KV alone steers\n"
    );
}

#[test]
fn an_answer_of_another_version_is_read_as_far_as_it_goes() {
    assert_eq!(
        printed("GET /__serin/status", &json!({"epoch": 1, "new": {}}), &["status"]).lines().last(),
        Some("no rollout")
    );
}

#[test]
fn json_prints_the_status_unchanged() {
    let text = printed("GET /__serin/status", &status(), &["status", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), status());
}

#[test]
fn a_key_is_explained() {
    let answer = json!({"key": "u-17", "keyFrom": "given", "salt": "r42", "bucket": 4711, "variant": "canary",
        "reason": "percentage", "rule": null, "percentage": 5, "changesAt": 4.712, "switches": [], "measuredAs": "canary",
        "sentence": "canary: bucket 4711 of 100000, and the canary has the lowest 5 %."});
    assert_snapshot!(printed("GET /__serin/explain", &answer, &["explain", "u-17"]));
}

#[test]
fn explain_sends_every_attribute_of_a_decision() {
    let server = Server::start().on("GET /__serin/explain", Answer::json(200, &json!({})));
    let arguments = [
        "explain",
        "a b&c",
        "--path",
        "/x",
        "--method",
        "POST",
        "--host",
        "h",
        "--country",
        "DE",
        "--continent",
        "EU",
        "--colo",
        "FRA",
        "--asn",
        "7",
        "--header",
        "x-group=be=ta",
        "--cookie",
        "id=1",
    ];
    assert_eq!(server.serin(&arguments).code, 0);
    let query = "key=a+b%26c&path=%2Fx&method=POST&host=h&country=DE&continent=EU&colo=FRA&asn=7&header.x-group=be%3Dta&cookie.id=1";
    assert_eq!(server.only().line, format!("GET /__serin/explain?{query}"));
}

fn row(seq: u64) -> Value {
    json!({"seq": seq, "at": "2026-11-21T03:05:00.000Z", "actor": "controller", "action": "stepped", "rolloutId": "r42",
        "before": {}, "after": {}, "reason": "", "sentence": format!("step {seq} began")})
}

#[test]
fn the_audit_is_a_table_and_says_when_there_is_more() {
    let page = json!({"rows": [row(12), row(11)], "next": 11});
    let run = Server::start().on("GET /__serin/audit", Answer::json(200, &page)).serin(&["audit", "--limit", "2"]);
    assert_snapshot!(run.stdout);
    assert_eq!(run.stderr, "there is more: --all, or --before 11\n");
}

#[test]
fn an_actor_that_nobody_vouches_for_is_marked() {
    let mut claimed = row(12);
    (claimed["actor"], claimed["claimed"]) = (json!("ada"), json!(true));
    let text = printed("GET /__serin/audit", &json!({"rows": [claimed, row(11)], "next": null}), &["audit"]);
    assert!(text.contains("  ada (claimed)  ") && text.contains("  controller     "), "{text}");
}

#[test]
fn the_whole_audit_is_read_page_by_page() {
    let server = Server::start()
        .on("GET /__serin/audit", Answer::json(200, &json!({"rows": [row(3), row(2)], "next": 2})))
        .on("GET /__serin/audit", Answer::json(200, &json!({"rows": [row(1)], "next": null})));
    let run = server.serin(&["audit", "--all", "--json"]);
    let all: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(all, json!({"rows": [row(3), row(2), row(1)], "next": null}));
    let lines: Vec<String> = server.received().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["GET /__serin/audit?limit=1000", "GET /__serin/audit?limit=1000&before=2"]);
}

#[test]
fn an_empty_audit_says_so() {
    assert_eq!(printed("GET /__serin/audit", &json!({"rows": [], "next": null}), &["audit"]), "nothing was done yet\n");
}
