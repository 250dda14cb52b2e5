use insta::assert_snapshot;
use serde_json::{Value, json};

use super::server::{Answer, Server};

fn health(canary: &str) -> Answer {
    let body: Value = json!({"status": "degraded", "version": env!("CARGO_PKG_VERSION"), "components": {
        "kv": {"status": "ok", "latencyMs": 3},
        "stable": {"status": "ok", "latencyMs": 12},
        "canary": {"status": canary, "message": "threw an exception"},
        "policy": {"status": "ok", "warnings": []},
        "controller": {"status": "ok", "latencyMs": 5},
        "metrics": {"status": "ok", "latencyMs": 5},
        "randomness": {"status": "ok"},
    }});
    Answer::json(200, &body)
}

#[test]
fn each_part_has_a_line_and_each_fault_what_to_do() {
    let status = json!({"time": "2020-01-01T00:00:00Z"});
    let server =
        Server::start().on("GET /health", health("degraded")).on("GET /__serin/status", Answer::json(200, &status));
    let run = server.serin(&["doctor"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let days = run.stdout.lines().find(|line| line.contains("apart")).unwrap();
    assert!(days.starts_with("degraded  clock") && days.ends_with(" s apart"), "{days}");
    let rest: Vec<&str> = run.stdout.lines().filter(|line| !line.contains("apart")).collect();
    assert_snapshot!(rest.join("\n"));
}

#[test]
fn a_fault_that_costs_users_is_exit_code_5() {
    let status = json!({"time": "2020-01-01T00:00:00Z"});
    let server =
        Server::start().on("GET /health", health("down")).on("GET /__serin/status", Answer::json(200, &status));
    let run = server.serin(&["doctor", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (5, "error: 1 of 11 checks failed\n"));
    let findings: Value = serde_json::from_str(&run.stdout).unwrap();
    let canary = findings.as_array().unwrap().iter().find(|finding| finding["check"] == "canary").unwrap();
    assert_eq!((&canary["status"], &canary["sentence"]), (&json!("down"), &json!("threw an exception")));
}

#[test]
fn a_token_that_is_wrong_and_a_route_that_leads_elsewhere_are_named() {
    let refused = json!({"type": "urn:serin:unauthorized", "title": "The token is not valid", "status": 401});
    let server =
        Server::start().on("GET /health", health("ok")).on("GET /__serin/status", Answer::problem(401, &refused));
    let run = server.serin(&["doctor"]);
    assert_eq!(run.code, 5);
    assert!(run.stdout.contains("token       The token is not valid"), "{}", run.stdout);
    assert!(run.stdout.contains("→ set SERIN_TOKEN"), "{}", run.stdout);

    let run = Server::start().on("GET /health", Answer::text(200, "text/html", "<h1>shop</h1>")).serin(&["doctor"]);
    assert_eq!(run.code, 5);
    assert!(run.stdout.contains("route  http://SERIN is not Serin: it answered 200"), "{}", run.stdout);
    assert!(run.stdout.contains("→ give Serin the route"), "{}", run.stdout);
}

#[test]
fn a_controller_that_is_not_bound_is_named_once() {
    let unbound = json!({"type": "urn:serin:unbound", "title": "There is no rollout controller", "status": 501});
    let server =
        Server::start().on("GET /health", health("ok")).on("GET /__serin/status", Answer::problem(501, &unbound));
    let run = server.serin(&["doctor"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<&str> = run.stdout.lines().filter(|line| line.contains("controller")).collect();
    assert_eq!(lines, ["degraded  controller  There is no rollout controller"], "{}", run.stdout);
    assert!(run.stdout.contains("→ bind the class RolloutController as ROLLOUT"), "{}", run.stdout);
}
