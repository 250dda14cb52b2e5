use serde_json::{Value, json};

use super::server::{Answer, Run, Server, serin};

fn done(already: bool) -> Answer {
    let rollout = json!({"id": "r42", "phase": "paused", "step": 2, "of": 4, "percentage": 25});
    Answer::json(200, &json!({"already": already, "epoch": 8, "rollout": rollout, "later": "field"}))
}

/// Runs a command against a server that accepts it. Returns the request body and the result of the run.
fn run_command(path: &str, arguments: &[&str]) -> (Value, Run) {
    let server = Server::start().on(path, done(false));
    let run = server.serin(arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {}", run.stderr);
    (server.only().json(), run)
}

#[test]
fn each_command_sends_one_request_with_its_actor() {
    for (arguments, path, body) in [
        (&["pause"][..], "POST /__serin/rollouts/current/pause", json!({"actor": "ada"})),
        (
            &["resume", "--why", "fixed"],
            "POST /__serin/rollouts/current/resume",
            json!({"actor": "ada", "reason": "fixed"}),
        ),
        (&["undo", "--epoch", "7"], "POST /__serin/rollouts/current/undo", json!({"actor": "ada", "epoch": 7})),
        (&["promote"], "POST /__serin/rollouts/current/promote", json!({"actor": "ada", "to": "next"})),
        (&["promote", "--full"], "POST /__serin/rollouts/current/promote", json!({"actor": "ada", "to": "full"})),
        (&["abort"], "POST /__serin/rollouts/current/abort", json!({"actor": "ada"})),
        (
            &["abort", "--rollout", "r42", "--who", "bob"],
            "POST /__serin/rollouts/current/abort",
            json!({"actor": "bob", "rolloutId": "r42"}),
        ),
        (&["halt", "--why", "now"], "POST /__serin/halt", json!({"actor": "ada", "reason": "now"})),
        (&["resume-canary"], "POST /__serin/resume-canary", json!({"actor": "ada"})),
    ] {
        assert_eq!(run_command(path, arguments).0, body, "{arguments:?}");
    }
}

#[test]
fn a_command_reports_the_position_of_the_rollout() {
    let (_, run) = run_command("POST /__serin/rollouts/current/pause", &["pause"]);
    assert_eq!(run.stdout, "paused; rollout r42 is paused, step 2 of 4, 25 %\n");
}

#[test]
fn a_repeated_command_reports_that_nothing_changed() {
    let run = Server::start().on("POST /__serin/rollouts/current/pause", done(true)).serin(&["pause"]);
    assert_eq!(run.stdout, "already done, nothing changed: paused; rollout r42 is paused, step 2 of 4, 25 %\n");
}

#[test]
fn json_prints_the_servers_response() {
    let (_, run) = run_command("POST /__serin/rollouts/current/pause", &["pause", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()["later"], "field");
}

#[test]
fn a_command_that_conflicts_is_refused_with_the_reason() {
    let problem = json!({"type": "urn:serin:conflict", "title": "The command is not possible now", "status": 409, "detail": "epoch 7 has passed: it is 8"});
    let server = Server::start().on("POST /__serin/rollouts/current/pause", Answer::problem(409, &problem));
    let run = server.serin(&["pause", "--epoch", "7"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("epoch 7 has passed") && run.stderr.contains("`serin status`"), "{}", run.stderr);
}

#[test]
fn the_actor_comes_from_the_option_the_variable_or_the_user() {
    let server = Server::start().on("POST /__serin/halt", done(false));
    let actor = |variables: &[(&str, &str)], arguments: &[&str]| {
        serin(&server.url(), arguments, variables);
        server.received().last().unwrap().json()["actor"].clone()
    };
    assert_eq!(actor(&[], &["halt"]), "ada");
    assert_eq!(actor(&[("SERIN_WHO", "pipeline")], &["halt"]), "pipeline");
    assert_eq!(actor(&[("SERIN_WHO", "pipeline")], &["halt", "--who", "bob"]), "bob");
    assert_eq!(actor(&[("USER", "")], &["halt"]), Value::Null);
}

#[test]
fn a_switch_is_turned_on_with_a_reason_and_an_end() {
    let before = json!({"on": true, "reason": "database"});
    let answer = json!({"already": false, "before": before, "after": {"on": true, "reason": "migration"}});
    let server = Server::start().on("PUT /__serin/switches/disable_writes", Answer::json(200, &answer));
    let until = "2027-01-15T09:00:00+01:00";
    let run = server.serin(&["switch", "disable_writes", "on", "--why", "migration", "--until", until]);
    let expected = "disable_writes is on until 2027-01-15 08:00:00 UTC, was on: database\n";
    assert_eq!(run.stdout, expected, "{}", run.stderr);
    let body = json!({"actor": "ada", "reason": "migration", "on": true, "until": "2027-01-15T08:00:00.000Z"});
    assert_eq!(server.only().json(), body);
}

#[test]
fn a_switch_is_cleared_without_a_reason() {
    let server = Server::start().on("PUT /__serin/switches/maintenance", Answer::json(200, &json!({"already": true})));
    assert_eq!(server.serin(&["switch", "maintenance", "off"]).stdout, "nothing changed: maintenance is off\n");
    assert_eq!(server.only().json(), json!({"actor": "ada", "on": false}));
    assert_eq!(server.serin(&["switch", "maintenance", "off", "--until", "2h"]).code, 2);
}

#[test]
fn a_way_of_an_order_that_failed_is_a_warning_and_no_error() {
    let failed = json!({"already": false, "failed": {"kv": "no answer within 2000 ms"}});
    let halted = json!({"already": false, "epoch": 0, "rollout": null, "failed": {"controller": "disk full; ops:disable_canary is on in KV"}});
    let server = Server::start()
        .on("PUT /__serin/switches/maintenance", Answer::json(200, &failed))
        .on("POST /__serin/halt", Answer::json(200, &halted));
    let run = server.serin(&["switch", "maintenance", "on", "--why", "x"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, "warning: KV did not get the change: no answer within 2000 ms\n"));
    let run = server.serin(&["halt", "--why", "x"]);
    let warning = "warning: the controller did not get the change: disk full; ops:disable_canary is on in KV\n";
    assert_eq!((run.code, run.stderr.as_str()), (0, warning));
}
