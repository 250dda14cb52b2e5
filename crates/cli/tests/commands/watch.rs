use insta::assert_snapshot;
use serde_json::{Value, json};

use super::reading::status;
use super::server::{Answer, Server};

fn at(changes: &[(&str, Value)]) -> Answer {
    let mut status = status();
    for (name, value) in changes {
        match *name {
            "time" => status["time"] = value.clone(),
            "requests" => status["rollout"]["figures"]["canary"]["requests"] = value.clone(),
            name => status["rollout"][name] = value.clone(),
        }
    }
    Answer::json(200, &status)
}

fn ends(phase: &str) -> Answer {
    at(&[("phase", json!(phase)), ("actor", json!("controller")), ("reason", json!("4 of 174 failed"))])
}

fn story(last: Answer) -> Server {
    Server::start()
        .on("GET /__serin/status", at(&[]))
        .on("GET /__serin/status", at(&[("requests", json!(200)), ("time", json!("2026-11-21T03:05:02Z"))]))
        .on(
            "GET /__serin/status",
            at(&[("step", json!(2)), ("percentage", json!(25)), ("time", json!("2026-11-21T03:15:01Z"))]),
        )
        .on("GET /__serin/status", last)
}

#[test]
fn without_a_terminal_there_is_a_line_for_each_change() {
    let completed =
        at(&[("phase", json!("completed")), ("step", json!(4)), ("percentage", json!(100)), ("figures", Value::Null)]);
    let run = story(completed).serin(&["watch", "--every", "1ms"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_snapshot!(run.stdout);
}

#[test]
fn a_rollback_and_an_abort_are_exit_code_4() {
    for phase in ["rolled-back", "aborted"] {
        let run = story(ends(phase)).serin(&["watch", "--every", "1ms"]);
        assert_eq!(run.code, 4);
        assert!(run.stderr.contains("by controller: 4 of 174 failed"), "{}", run.stderr);
    }
}

#[test]
fn json_prints_a_document_for_each_change() {
    let run = story(ends("completed")).serin(&["watch", "--every", "1ms", "--json"]);
    let steps: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<&Value> = steps.iter().map(|status| &status["rollout"]["step"]).collect();
    assert_eq!(steps, [1, 2, 1]);
}

#[test]
fn a_short_outage_of_the_server_does_not_end_a_watch() {
    let away = json!({"type": "urn:serin:unavailable", "title": "The control plane did not answer", "status": 503});
    let server = Server::start()
        .on("GET /__serin/status", at(&[]))
        .on("GET /__serin/status", Answer::problem(503, &away))
        .on("GET /__serin/status", ends("completed"));
    let run = server.serin(&["watch", "--every", "1ms"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, "retrying: The control plane did not answer\n"));
}

#[test]
fn stop_when_paused_ends_a_watch_at_a_pause() {
    let server = || {
        Server::start()
            .on("GET /__serin/status", at(&[("phase", json!("paused")), ("reason", json!("waits for promote"))]))
    };
    assert_eq!(server().serin(&["watch", "--stop-when-paused"]).code, 6);
    let run = server().serin(&["watch", "--every", "1ms", "--for", "20ms"]);
    assert_eq!((run.code, run.stderr.as_str()), (6, "serin: the rollout is not over after 20ms\n"));
}

#[test]
fn another_rollout_is_not_mistaken_for_the_one_that_is_watched() {
    let server =
        Server::start().on("GET /__serin/status", at(&[])).on("GET /__serin/status", at(&[("id", json!("r43"))]));
    let run = server.serin(&["watch", "--every", "1ms"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("r42 is no longer the current one: r43 is"), "{}", run.stderr);
}

#[test]
fn without_a_rollout_there_is_nothing_to_watch() {
    let server = Server::start().on("GET /__serin/status", Answer::json(200, &json!({"epoch": 1, "rollout": null})));
    let run = server.serin(&["watch"]);
    assert_eq!((run.code, run.stderr.as_str()), (1, "error: there is no rollout\n"));
}
