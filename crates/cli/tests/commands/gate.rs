use insta::assert_snapshot;
use serde_json::json;

use super::server::{Answer, Run, Server};

fn health(status: u16, word: &str, version: &str) -> Answer {
    Answer::json(status, &json!({"status": word, "version": version}))
}

/// Removes durations from the output, because they differ from run to run.
fn table(run: &Run) -> String {
    let words =
        |line: &str| line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" | ");
    let lines = run.stdout.lines().map(|line| {
        let words = words(line);
        match words.split_once(" ms") {
            Some((before, after)) => format!("{}N ms{after}", before.trim_end_matches(|c: char| c.is_ascii_digit())),
            None => words,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_server_that_comes_up_in_time_passes_and_every_try_is_in_the_table() {
    let server =
        Server::start().on("GET /health", health(503, "down", "1.0.0")).on("GET /health", health(200, "ok", "1.1.0"));
    let run = server.serin(&["gate", "--every", "1ms", "--expect-version", "1.1.0"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_snapshot!(table(&run), @r"
    try | check | status | version | took | result
    1 | GET /health | 503 | 1.0.0 | N ms | answered 503 down; version is 1.0.0, not 1.1.0
    2 | GET /health | 200 | 1.1.0 | N ms | ok

    http://SERIN passed
    ");
}

#[test]
fn a_gate_that_fails_three_tries_has_its_own_exit_code() {
    let server = Server::start().on("GET /health", health(200, "ok", "1.0.0"));
    let run = server.serin(&["gate", "--every", "1ms", "--expect-version", "2"]);
    assert_eq!((run.code, server.received().len()), (5, 3));
    assert!(run.stderr.contains("did not pass within 3 tries: version is 1.0.0, not 2"), "{}", run.stderr);
}

#[test]
fn each_part_counts_where_detail_is_asked_for() {
    let parts = json!({"status": "degraded", "version": "1", "components": {"kv": {"status": "ok"},
        "canary": {"status": "down", "message": "it threw"}}});
    let server = Server::start().on("GET /health", Answer::json(200, &parts));
    assert_eq!(server.serin(&["gate"]).code, 0);
    let run = server.serin(&["gate", "--detailed", "--tries", "1"]);
    assert_eq!(run.code, 5);
    assert!(run.stderr.contains("canary is down: it threw"), "{}", run.stderr);
    assert_eq!(server.received().last().unwrap().line, "GET /health?detailed=true");
}

#[test]
fn smoke_requests_are_sent_with_each_try_and_differences_are_reported() {
    let mut file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let text = "[[request]]\nmethod = \"POST\"\npath = \"/orders\"\nstatus = 401\nheader = { www-authenticate = \"Bearer*\" }\n";
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    let file = file.path().to_str().unwrap();
    let refused = Answer::text(401, "text/plain", "no");
    let server = Server::start()
        .on("GET /health", health(200, "ok", "1"))
        .on("POST /orders", refused.clone())
        .on("POST /orders", refused.with("www-authenticate", "Bearer realm=\"x\""));
    let run = server.serin(&["gate", "--every", "1ms", "--smoke", file]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("www-authenticate is missing, not Bearer*"), "{}", run.stdout);
    assert_eq!(server.received().len(), 4);
}
