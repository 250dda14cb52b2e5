use insta::assert_snapshot;
use serde_json::{Value, json};

use super::server::{Answer, Server};

fn detailed(status: u16, word: &str) -> Answer {
    let body: Value = json!({"status": word, "version": "0.1.0", "components": {
        "kv": {"status": "ok", "latencyMs": 3},
        "stable": {"status": "ok", "latencyMs": 12},
        "canary": {"status": word, "message": "threw an exception"},
        "policy": {"status": "ok", "ageSeconds": 2, "enabled": true, "percentage": 5, "warnings": [], "rolloutId": ""},
        "build": {"status": "ok", "commit": "abc"},
    }});
    Answer::json(status, &body)
}

#[test]
fn health_in_a_line() {
    let server = Server::start().on("GET /health", Answer::json(200, &json!({"status": "ok", "version": "0.1.0"})));
    let run = server.serin(&["health"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "http://SERIN is ok, version 0.1.0\n"));
    assert_eq!(server.only().line, "GET /health");
}

#[test]
fn health_part_by_part() {
    let server = Server::start().on("GET /health", detailed(200, "degraded"));
    let run = server.serin(&["health", "--detailed"]);
    assert_eq!(run.code, 0);
    assert_snapshot!(run.stdout);
    assert_eq!(server.only().line, "GET /health?detailed=true");
}

#[test]
fn down_is_exit_code_5_and_degraded_is_where_that_is_wanted() {
    let down = Server::start().on("GET /health", detailed(503, "down")).serin(&["health"]);
    assert_eq!((down.code, down.stderr.as_str()), (5, "error: http://SERIN is unhealthy: it answered 503 down\n"));
    let server = Server::start().on("GET /health", detailed(200, "degraded"));
    assert_eq!(server.serin(&["health"]).code, 0);
    assert_eq!(server.serin(&["health", "--strict"]).code, 5);
}

#[test]
fn a_server_that_is_not_serin_is_named_as_such() {
    let others = [
        Answer::text(200, "text/html", "<h1>hello</h1>"),
        Answer::text(200, "text/plain", "ok"),
        Answer::json(200, &json!({"status": "UP"})),
        Answer::json(200, &json!({"status": "ok"})),
        Answer::json(200, &json!([])),
        Answer::text(404, "text/html", "nope"),
    ];
    for answer in others {
        for arguments in [&["health"][..], &["health", "--json"], &["health", "--detailed"]] {
            let run = Server::start().on("GET /health", answer.clone()).serin(arguments);
            assert_eq!(run.code, 5, "{}", run.stderr);
            assert!(run.stderr.starts_with("error: http://SERIN is not Serin: it answered "), "{}", run.stderr);
            assert!(run.stderr.contains("--url"), "{}", run.stderr);
        }
    }
}

#[test]
fn json_prints_the_health_unchanged() {
    let run = Server::start().on("GET /health", detailed(503, "down")).serin(&["health", "--json"]);
    assert_eq!((run.code, serde_json::from_str::<Value>(&run.stdout).unwrap()["status"].clone()), (5, json!("down")));
}
