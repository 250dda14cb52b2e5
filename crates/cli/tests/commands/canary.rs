use serde_json::{Value, json};

use super::server::{Answer, Run, Server};

/// A splitter with this document and this status.
fn splitter(state: &Value, status: &Value) -> Server {
    let parts = json!({"stable": {"status": "ok"}, "canary": {"status": "ok"}});
    Server::start()
        .on("GET /__serin/status", Answer::json(200, status))
        .on("GET /__serin/state", Answer::json(200, &json!({"state": state})))
        .on("PUT /__serin/state", Answer::json(200, &json!({"already": false})))
        .on("POST /__serin/halt", Answer::json(200, &json!({"already": false})))
        .on("GET /health", Answer::json(200, &json!({"status": "ok", "components": parts})))
}

/// Runs `serin canary` on a Worker named app. wrangler is missing, so nothing is deployed.
fn canary(server: &Server, arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrangler.toml"), "name = \"app\"\nmain = \"index.js\"").unwrap();
    let at = folder.path().to_str().unwrap();
    let arguments: Vec<&str> = arguments.iter().map(|word| if *word == "DIR" { at } else { word }).collect();
    let mut run = server.serin(&[&["canary"], &*arguments, &["--wrangler", "/no/wrangler"]].concat());
    for text in [&mut run.stdout, &mut run.stderr] {
        *text = text.replace(at, "DIR");
    }
    run
}

fn on() -> Value {
    json!({"enabled": true, "percentage": 100, "canaryWorker": "app-canary", "stage": "canary"})
}

fn lines(server: &Server) -> Vec<String> {
    server.received().into_iter().map(|request| request.line).collect()
}

#[test]
fn a_dry_run_shows_the_calls_and_the_documents() {
    let run = canary(&splitter(&json!(null), &json!({"epoch": 1})), &["clean-up", "DIR", "--dry-run"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    insta::assert_snapshot!(run.stdout, @r#"
    1. delete app-canary
       cd DIR && /no/wrangler delete --name app-canary --force --config DOCUMENT
       {
         "main": "index.js",
         "name": "app-canary"
       }
    "#);
}

#[test]
fn nothing_is_deployed_while_stable_is_unhealthy() {
    let down = json!({"status": "down", "components": {"stable": {"status": "down", "message": "threw"}}});
    let server = Server::start()
        .on("GET /__serin/status", Answer::json(200, &json!({"epoch": 1})))
        .on("GET /__serin/state", Answer::json(200, &json!({"state": null})))
        .on("GET /health", Answer::json(503, &down));
    let run = canary(&server, &["deploy", "DIR", "--tries", "2", "--every", "1ms"]);
    assert_eq!(run.code, 5, "{}", run.stderr);
    assert!(run.stderr.contains("stable is down: threw") && !run.stderr.contains("/no/wrangler"), "{}", run.stderr);
    assert!(lines(&server).iter().all(|line| line.starts_with("GET ")));
}

#[test]
fn a_failed_deployment_leaves_the_state_unchanged_and_json_names_the_failed_step() {
    let server = splitter(&json!(null), &json!({"epoch": 1}));
    let run = canary(&server, &["deploy", "DIR", "--json"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (&report["done"][0]["step"], &report["failed"]["step"]),
        (&json!("gate stable"), &json!("deploy app-canary"))
    );
    assert!(lines(&server).iter().all(|line| line.starts_with("GET ")));
}

#[test]
fn an_invalid_share_is_refused_before_any_request() {
    let server = splitter(&json!(null), &json!({"epoch": 1}));
    let run = canary(&server, &["deploy", "DIR", "--percentage", "101"]);
    assert_eq!((run.code, lines(&server).len()), (2, 0), "{}", run.stderr);
}

#[test]
fn a_rollback_halts_first_and_then_writes() {
    let server = splitter(&on(), &json!({"epoch": 1, "rollout": {"id": "r1", "phase": "completed"}, "outbox": []}));
    let run = canary(&server, &["rollback", "--why", "pager"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let commands: Vec<_> = server.received().into_iter().filter(|request| !request.line.starts_with("GET ")).collect();
    let sent: Vec<_> =
        commands.iter().map(|command| (command.line.as_str(), command.json()["reason"].clone())).collect();
    assert_eq!(sent, [("POST /__serin/halt", json!("pager")), ("PUT /__serin/state", json!("pager"))]);
    let state = &commands[1].json()["state"];
    assert_eq!(
        [&state["enabled"], &state["percentage"], &state["canaryWorker"]],
        [&json!(false), &json!(0), &json!("app-canary")]
    );
}

#[test]
fn a_rollback_does_not_wait_for_a_state_that_cannot_be_read() {
    let problem = json!({"type": "urn:serin:unavailable", "title": "KV did not answer", "status": 503});
    let server = Server::start()
        .on("GET /__serin/status", Answer::json(200, &json!({"epoch": 1})))
        .on("GET /__serin/state", Answer::problem(503, &problem))
        .on("POST /__serin/halt", Answer::json(200, &json!({"already": false})));
    let run = canary(&server, &["rollback"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("the canary is halted; canary-state was not written"), "{}", run.stderr);
    assert_eq!(lines(&server).last().unwrap(), "POST /__serin/halt");
}

#[test]
fn a_rollback_writes_although_the_halt_failed_and_exits_with_an_error() {
    let problem = json!({"type": "urn:serin:unavailable", "title": "the controller did not answer", "status": 503});
    let server = Server::start()
        .on("GET /__serin/status", Answer::json(200, &json!({"epoch": 1})))
        .on("GET /__serin/state", Answer::json(200, &json!({"state": on()})))
        .on("POST /__serin/halt", Answer::problem(503, &problem))
        .on("PUT /__serin/state", Answer::json(200, &json!({"already": false})));
    let run = canary(&server, &["rollback"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("halt the canary failed: the controller did not answer"), "{}", run.stderr);
    assert_eq!(lines(&server).last().unwrap(), "PUT /__serin/state");
}

#[test]
fn a_canary_in_use_is_neither_replaced_nor_deleted() {
    let server = splitter(&on(), &json!({"epoch": 1}));
    for command in ["deploy", "clean-up"] {
        let run = canary(&server, &[command, "DIR"]);
        assert_eq!(run.code, 1, "{command}");
        assert!(run.stderr.contains("app-canary is in use") && run.stderr.contains("100 %"), "{}", run.stderr);
    }
}
