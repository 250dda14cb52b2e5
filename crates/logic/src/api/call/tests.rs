use super::*;

fn sent<'a>(method: &'a str, path: &'a str, body: &'a str) -> Incoming<'a> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Incoming { method, path, query, content_type: Some("application/json; charset=utf-8"), body }
}

fn refused(request: &Incoming<'_>) -> (u16, String) {
    let problem = Call::parse(request).unwrap_err();
    let json: Value = serde_json::from_str(&problem.to_json()).unwrap();
    (problem.status(), json["field"].as_str().unwrap_or_default().to_owned())
}

fn ada() -> By {
    By { who: "ada".into(), why: "calm".into(), epoch: Some(7) }
}

const BY: &str = r#"{"who":"ada","why":"calm","epoch":7}"#;

#[test]
fn every_line_of_the_page_is_a_call() {
    for (method, path, expected) in [
        ("GET", "/__serin/status", Call::Status),
        ("HEAD", "/__serin/status", Call::Status),
        ("GET", "/__serin/state", Call::State),
        ("GET", "/__serin/rollouts/current", Call::Current),
        ("GET", "/__serin/metrics", Call::Metrics),
        ("GET", "/__serin/audit", Call::Audit { before: None, limit: 100 }),
        ("GET", "/__serin/audit?before=9&limit=2", Call::Audit { before: Some(9), limit: 2 }),
        ("POST", "/__serin/rollouts/current/pause", Call::Order { command: Command::Pause, by: ada() }),
        ("POST", "/__serin/rollouts/current/resume", Call::Order { command: Command::Resume, by: ada() }),
        ("POST", "/__serin/rollouts/current/undo", Call::Order { command: Command::Undo, by: ada() }),
        ("POST", "/__serin/rollouts/current/promote", Call::Order { command: Command::Promote, by: ada() }),
        (
            "POST",
            "/__serin/rollouts/current/abort",
            Call::Order { command: Command::Abort { rollout: None }, by: ada() },
        ),
        ("POST", "/__serin/halt", Call::Order { command: Command::Halt, by: ada() }),
        ("POST", "/__serin/resume-canary", Call::Order { command: Command::ResumeCanary, by: ada() }),
    ] {
        let body = if method == "POST" { BY } else { "" };
        assert_eq!(Call::parse(&sent(method, path, body)), Ok(expected), "{method} {path}");
    }
}

#[test]
fn a_start_takes_the_plan_and_its_name() {
    let body = r#"{"id":"r7","schedule":"fast","who":"ada"}"#;
    let Ok(Call::Start { id, plan, by }) = Call::parse(&sent("POST", "/__serin/rollouts", body)) else { panic!() };
    assert_eq!((id.as_deref(), plan.steps().len(), by.who.as_str()), (Some("r7"), 3, "ada"));
}

#[test]
fn a_switch_keeps_its_reason_and_its_end() {
    let body = r#"{"on":true,"why":"database","until":"2027-01-15T08:00:00Z"}"#;
    let Ok(Call::PutSwitch { switch, value, .. }) = Call::parse(&sent("PUT", "/__serin/switches/maintenance", body))
    else {
        panic!()
    };
    assert_eq!(switch, Switch::Maintenance);
    assert_eq!(value.as_deref(), Some(r#"{"reason":"database","until":"2027-01-15T08:00:00Z"}"#));
    let Ok(Call::PutSwitch { value, .. }) =
        Call::parse(&sent("PUT", "/__serin/switches/disable_canary", r#"{"on":false}"#))
    else {
        panic!()
    };
    assert_eq!(value, None);
}

#[test]
fn what_is_wrong_is_named() {
    for (method, path, body, status, field) in [
        ("GET", "/__serin/", "", 404, ""),
        ("GET", "/__serin/Status", "", 404, ""),
        ("POST", "/__serin/status", "", 405, ""),
        ("GET", "/__serin/halt", "", 405, ""),
        ("DELETE", "/__serin/state", "", 405, ""),
        ("PUT", "/__serin/switches/all", r#"{"on":true}"#, 404, ""),
        ("PUT", "/__serin/switches/maintenance", "{}", 422, "on"),
        ("PUT", "/__serin/switches/maintenance", r#"{"on":true,"until":"soon"}"#, 422, "until"),
        ("POST", "/__serin/halt", r#"{"wyh":"x"}"#, 422, "wyh"),
        ("POST", "/__serin/halt", r#"{"epoch":-1}"#, 422, "epoch"),
        ("POST", "/__serin/halt", r"[]", 422, "body"),
        ("POST", "/__serin/rollouts", r#"{"schedule":"custom","steps":[5,4,100]}"#, 422, "steps[1].percentage"),
        ("POST", "/__serin/rollouts", r#"{"schedule":"fast","analysis":{"alpha":9}}"#, 422, "analysis"),
        ("POST", "/__serin/rollouts/current/promote", r#"{"to":"50"}"#, 422, "to"),
        ("PUT", "/__serin/state", "{}", 422, "state"),
        ("PUT", "/__serin/state", r#"{"state":{"enabled":true,"percentage":101}}"#, 422, "percentage"),
        ("GET", "/__serin/audit?limit=0", "", 422, "limit"),
        ("GET", "/__serin/audit?until=0", "", 422, "until"),
    ] {
        assert_eq!(refused(&sent(method, path, body)), (status, field.to_owned()), "{method} {path} {body}");
    }
}

#[test]
fn a_form_of_another_site_is_no_order() {
    let form = Incoming { content_type: Some("text/plain"), ..sent("POST", "/__serin/halt", BY) };
    assert_eq!(refused(&form).0, 415);
    let long = format!(r#"{{"why":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(refused(&sent("POST", "/__serin/halt", &long)).0, 413);
}
