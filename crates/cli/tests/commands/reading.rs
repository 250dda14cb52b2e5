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
    assert!(text.contains("\nplan     ● 5 % 15m, 10m left, frozen until 2026-11-23 05:00:00 UTC\n"), "{text}");
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
        "rollout  no controller: KV alone decides\ncanary   disabled\nserin    0.1.0, 2026-11-21 03:05:00 UTC\n"
    );
}

#[test]
fn an_answer_of_another_version_is_read_as_far_as_it_goes() {
    let text = printed("GET /__serin/status", &json!({"epoch": 1, "new": {}}), &["status"]);
    assert!(text.starts_with("rollout  none\n"), "{text}");
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
    assert_eq!(run.stderr, "there are more rows: use --all, or --before 11\n");
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
fn the_audit_is_filtered_by_rollout_time_and_action_across_pages() {
    let of = |seq: u64, at: &str, action: &str, rollout: &str| {
        let mut row = row(seq);
        (row["at"], row["action"], row["rolloutId"]) = (json!(at), json!(action), json!(rollout));
        row
    };
    let (late, early) = ("2026-11-21T03:05:00.000Z", "2026-11-20T03:05:00.000Z");
    let first = [of(9, late, "looked", "r42"), of(8, late, "stepped", "r42"), of(7, late, "stepped", "r41")];
    let second = [of(6, late, "started", "r42"), of(5, early, "stepped", "r42"), of(4, early, "started", "r42")];
    let seqs = |arguments: &[&str]| -> Vec<u64> {
        let server = Server::start()
            .on("GET /__serin/audit", Answer::json(200, &json!({"rows": first, "next": 7})))
            .on("GET /__serin/audit", Answer::json(200, &json!({"rows": second, "next": null})));
        let run = server.serin(&[&["audit", "--json"], arguments].concat());
        let page: Value = serde_json::from_str(&run.stdout).unwrap();
        page["rows"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()).collect()
    };
    assert_eq!(seqs(&["--rollout", "r42"]), [9, 8, 6, 5, 4]);
    assert_eq!(seqs(&["--actions", "started,stepped", "--since", "2026-11-21T00:00:00Z"]), [8, 7, 6]);
    assert_eq!(seqs(&["--rollout", "r42", "--limit", "2"]), [9, 8]);
    let run = Server::start().serin(&["audit", "--since", "yesterday"]);
    assert_eq!((run.code, run.stderr.contains("RFC 3339")), (2, true), "{}", run.stderr);
}

#[test]
fn times_are_shown_in_the_terminals_zone_and_lines_fit_its_width() {
    let server = || Server::start().on("GET /__serin/status", Answer::json(200, &status()));
    let shown = |server: &Server, arguments: &[&str]| {
        let variables = [("SERIN_TOKEN", "a-token"), ("TZ", "Asia/Tokyo"), ("COLUMNS", "60")];
        super::server::serin(&server.url(), arguments, &variables).stdout
    };
    let text = shown(&server(), &["status"]);
    assert!(text.contains("progressing since 12:00:00 JST"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    let utc = shown(&server(), &["status", "--utc"]);
    assert!(utc.contains("progressing since 03:00:00 UTC"), "{utc}");
    let row = json!({"rows": [row(12)], "next": null});
    let audit = Server::start().on("GET /__serin/audit", Answer::json(200, &row));
    assert!(shown(&audit, &["audit"]).contains("2026-11-21 12:05:00 JST"));
}

#[test]
fn an_empty_audit_says_so() {
    assert_eq!(
        printed("GET /__serin/audit", &json!({"rows": [], "next": null}), &["audit"]),
        "the audit log is empty\n"
    );
}

#[test]
fn a_step_that_mirrors_says_what_it_copies_and_what_speaks_against_the_canary() {
    let mut status = status();
    let rollout = &mut status["rollout"];
    rollout["steps"] =
        json!([{"percentage": 0, "mirror": 10, "holdMs": 600_000}, {"percentage": 5, "holdMs": 900_000}]);
    rollout["mirror"] = json!({
        "percentage": 10, "copies": 812, "canaryFailures": 9, "stableFailures": 7, "busy": 3, "withheld": 0,
        "figures": {"pairs": 812, "answers": {"evidence": 4.2, "limit": 400}, "latency": {"evidence": 0.1, "limit": 400}}
    });
    let text = printed("GET /__serin/status", &status, &["status"]);
    assert!(text.contains("\nplan     ● mirror 10 % 10m, 10m left → 5 % 15m\n"), "{text}");
    let line = "\nmirror    812 copies, 9 failed (stable failed 7), 3 not sent: too many under way; answers weak (4 to 1), times none; rolls back at 400 to 1\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn differences_are_a_table_and_their_absence_is_said() {
    let rollout = |differences: Value| json!({"id": "r1", "mirror": {"copies": 812, "differences": differences}});
    let differences = json!([
        {"path": "/item/*", "stable": 200, "canary": 404, "counts": "against-canary", "pairs": 12, "example": "8f-FRA"},
        {"path": "/", "stable": 200, "canary": null, "counts": "neither", "pairs": 3, "example": ""}
    ]);
    let diff = |answer: &Value, arguments: &[&str]| printed("GET /__serin/rollouts/current", answer, arguments);
    assert_eq!(
        diff(&rollout(differences.clone()), &["diff"]),
        "pairs  stable  canary  counts as              example  path\n\
         12     200     404     canary worse  8f-FRA   /item/*\n\
         3      200     none    neither                -        /\n"
    );
    let one = diff(&rollout(differences.clone()), &["diff", "--limit", "1"]);
    assert_eq!(one.lines().count(), 2, "{one}");
    let text = diff(&rollout(differences), &["diff", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()[0]["canary"], 404);
    let none = "812 requests were copied, and no answer had another status.\n";
    assert_eq!(diff(&rollout(json!([])), &["diff"]), none);
    assert!(diff(&json!({"id": "r1"}), &["diff"]).starts_with("No step of the rollout mirrors"));
}
