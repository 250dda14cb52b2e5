use super::*;

/// 2027-01-14T08:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_799_913_600_000);

fn parse(request: &IncomingRequest<'_>) -> Result<ApiRequest, Problem> {
    ApiRequest::parse(request, NOW)
}

fn sent<'a>(method: &'a str, path: &'a str, body: &'a str) -> IncomingRequest<'a> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    IncomingRequest { method, path, query, content_type: Some("application/json; charset=utf-8"), identity: None, body }
}

fn refused(request: &IncomingRequest<'_>) -> (u16, String) {
    let problem = parse(request).unwrap_err();
    let json: Value = serde_json::from_str(&problem.to_json()).unwrap();
    (problem.status(), json["field"].as_str().unwrap_or_default().to_owned())
}

fn ada() -> Actor {
    Actor { name: "ada".into(), claimed: true, reason: "calm".into(), epoch: Some(7) }
}

const ACTOR: &str = r#"{"actor":"ada","reason":"calm","epoch":7}"#;

#[test]
fn every_line_of_the_page_is_a_request() {
    for (method, path, expected) in [
        ("GET", "/__serin/status", ApiRequest::Status),
        ("HEAD", "/__serin/status", ApiRequest::Status),
        ("GET", "/__serin/state", ApiRequest::State),
        ("GET", "/__serin/rollouts/current", ApiRequest::CurrentRollout),
        ("GET", "/__serin/metrics", ApiRequest::Metrics),
        ("GET", "/__serin/audit", ApiRequest::Audit { before: None, limit: 100 }),
        ("GET", "/__serin/audit?before=9&limit=2", ApiRequest::Audit { before: Some(9), limit: 2 }),
        ("POST", "/__serin/rollouts/current/pause", ApiRequest::Command { command: Command::Pause, actor: ada() }),
        ("POST", "/__serin/rollouts/current/resume", ApiRequest::Command { command: Command::Resume, actor: ada() }),
        ("POST", "/__serin/rollouts/current/undo", ApiRequest::Command { command: Command::Undo, actor: ada() }),
        ("POST", "/__serin/rollouts/current/promote", ApiRequest::Command { command: Command::Promote, actor: ada() }),
        (
            "POST",
            "/__serin/rollouts/current/abort",
            ApiRequest::Command { command: Command::Abort { rollout: None }, actor: ada() },
        ),
        ("POST", "/__serin/halt", ApiRequest::Command { command: Command::Halt, actor: ada() }),
        (
            "POST",
            "/__serin/resume-canary",
            ApiRequest::Command { command: Command::ResumeCanary { percentage: None }, actor: ada() },
        ),
    ] {
        let body = if method == "POST" { ACTOR } else { "" };
        assert_eq!(parse(&sent(method, path, body)), Ok(expected), "{method} {path}");
    }
}

#[test]
fn a_start_takes_the_plan_and_its_name() {
    let body = r#"{"id":"r7","schedule":"fast","actor":"ada"}"#;
    let Ok(ApiRequest::StartRollout {
        id,
        plan,
        actor,
        reassign: false,
        anyway: false,
        percentage: None,
        dry_run: false,
    }) = parse(&sent("POST", "/__serin/rollouts", body))
    else {
        panic!()
    };
    assert_eq!((id.as_deref(), plan.steps().len(), actor.name.as_str()), (Some("r7"), 3, "ada"));
}

#[test]
fn an_id_of_another_form_is_refused_and_names_its_field() {
    for id in ["", "a b", "r/1", "é", "id\n", &"x".repeat(65)] {
        let body = serde_json::json!({"schedule": "fast", "id": id}).to_string();
        assert_eq!(refused(&sent("POST", "/__serin/rollouts", &body)), (422, "id".into()), "{id:?}");
        let body = serde_json::json!({"rolloutId": id}).to_string();
        assert_eq!(
            refused(&sent("POST", "/__serin/rollouts/current/abort", &body)),
            (422, "rolloutId".into()),
            "{id:?}"
        );
    }
}

#[test]
fn a_dry_run_changes_nothing_and_a_start_does() {
    for (path, expected) in [("/__serin/rollouts?dryRun=true", true), ("/__serin/rollouts", false)] {
        let request = parse(&sent("POST", path, r#"{"schedule":"fast"}"#)).unwrap();
        assert_eq!(request.is_query(), expected, "{path}");
    }
    let document = r#"{"state":{"enabled":true,"percentage":5}}"#;
    assert_eq!(parse(&sent("PUT", "/__serin/state?dryRun=true", document)).unwrap(), ApiRequest::State);
    let invalid = sent("PUT", "/__serin/state?dryRun=true", r#"{"state":{"enabled":true,"percentage":101}}"#);
    assert_eq!(refused(&invalid), (422, "percentage".into()));
    assert_eq!(
        refused(&sent("POST", "/__serin/rollouts?dryRun=yes", r#"{"schedule":"fast"}"#)),
        (422, "dryRun".into())
    );
}

#[test]
fn the_verified_identity_is_the_actor_and_a_name_in_the_body_is_not() {
    for (method, path, body) in [
        ("POST", "/__serin/rollouts", r#"{"schedule":"fast","actor":"ada"}"#),
        ("POST", "/__serin/halt", ACTOR),
        ("POST", "/__serin/rollouts/current/abort", ACTOR),
        ("POST", "/__serin/rollouts/current/promote", ACTOR),
        ("PUT", "/__serin/state", r#"{"state":{"enabled":true,"percentage":5},"actor":"ada"}"#),
        ("PUT", "/__serin/switches/maintenance", r#"{"on":true,"actor":"ada"}"#),
    ] {
        let request = IncomingRequest { identity: Some("bob@example.com"), ..sent(method, path, body) };
        let (ApiRequest::StartRollout { actor, .. }
        | ApiRequest::Command { actor, .. }
        | ApiRequest::PutState { actor, .. }
        | ApiRequest::PutSwitch { actor, .. }) = parse(&request).unwrap()
        else {
            panic!("{path} is a query")
        };
        assert_eq!((actor.name.as_str(), actor.claimed), ("bob@example.com", false), "{path}");
    }
}

#[test]
fn a_switch_keeps_its_reason_and_its_end() {
    let body = r#"{"on":true,"reason":"database","until":"2027-01-15T08:00:00Z"}"#;
    let Ok(ApiRequest::PutSwitch { switch, value, .. }) = parse(&sent("PUT", "/__serin/switches/maintenance", body))
    else {
        panic!()
    };
    assert_eq!(switch, Switch::Maintenance);
    assert_eq!(value.as_deref(), Some(r#"{"reason":"database","until":"2027-01-15T08:00:00Z"}"#));
    let Ok(ApiRequest::PutSwitch { value, .. }) =
        parse(&sent("PUT", "/__serin/switches/disable_canary", r#"{"on":false}"#))
    else {
        panic!()
    };
    assert_eq!(value, None);
}

#[test]
fn a_wrong_value_is_named() {
    for (method, path, body, status, field) in [
        ("GET", "/__serin/", "", 404, ""),
        ("GET", "/__serin/Status", "", 404, ""),
        ("POST", "/__serin/status", "", 405, ""),
        ("GET", "/__serin/halt", "", 405, ""),
        ("DELETE", "/__serin/state", "", 405, ""),
        ("PUT", "/__serin/switches/all", r#"{"on":true}"#, 404, ""),
        ("PUT", "/__serin/switches/maintenance", "{}", 422, "on"),
        ("PUT", "/__serin/switches/maintenance", r#"{"on":true,"until":"soon"}"#, 422, "until"),
        ("POST", "/__serin/halt", r#"{"raeson":"x"}"#, 422, "raeson"),
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
fn a_form_of_another_site_is_no_command() {
    let form = IncomingRequest { content_type: Some("text/plain"), ..sent("POST", "/__serin/halt", ACTOR) };
    assert_eq!(refused(&form).0, 415);
    let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(refused(&sent("POST", "/__serin/halt", &long)).0, 413);
}

#[test]
fn a_switch_that_would_be_off_at_once_is_refused() {
    for until in ["2027-01-14T08:00:00Z", "2026-11-21T00:00:00Z", "1970-01-01T00:00:00Z"] {
        let body = format!(r#"{{"on":true,"reason":"database","until":"{until}"}}"#);
        let refused = refused(&sent("PUT", "/__serin/switches/maintenance", &body));
        assert_eq!(refused, (422, "until".to_owned()), "{until}");
    }
}
