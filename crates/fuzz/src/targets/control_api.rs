//! Authorized requests to the control API: refused by field, or parsed with every value in range. The first line is
//! method and path with query, the second the content type, the rest the body.

use serde_json::Value;
use serin_logic::api::{Actor, ApiRequest, Explanation, IncomingRequest, MAX_BODY, PREFIX};
use serin_logic::controller::Controller;
use serin_logic::policy::CanaryState;
use serin_logic::policy::switches::Setting;
use serin_logic::rollout::{Command, CommandRequest, Start};

use super::{KEY, NOW, SETUP, controller, good, is_a_value, line, plan, restarted, text};

/// Parses the input as a request.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (target, rest) = line(&text);
    let (content_type, body) = line(rest);
    let (method, target) = target.split_once(' ').unwrap_or((target, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let incoming = IncomingRequest { method, path, query, content_type: Some(content_type), identity: None, body };
    match ApiRequest::parse(&incoming, NOW) {
        Ok(request) => {
            let is_json =
                content_type.trim_start().get(..16).is_some_and(|it| it.eq_ignore_ascii_case("application/json"));
            assert!(path.starts_with(PREFIX) && body.len() <= MAX_BODY || request.is_query());
            assert!(request.is_query() || is_json || body.trim().is_empty(), "a form gave a command");
            // Other methods change nothing only as a dry run, which the query asks for.
            let is_read = ["GET", "HEAD"].contains(&method);
            let may_be_dry = ["POST", "PUT"].contains(&method) && !query.is_empty();
            assert!(if request.is_query() { is_read || may_be_dry } else { !is_read }, "{method} {target}");
            execute(request);
        }
        Err(problem) => {
            assert!((400..500).contains(&problem.status()));
            let json: Value = serde_json::from_str(&problem.to_json()).unwrap();
            assert!(problem.status() != 422 || json.get("field").is_some(), "{json} names no field");
            problem.headers().for_each(|(_, value)| is_a_value(&value));
        }
    }
}

fn execute(request: ApiRequest) {
    match request {
        ApiRequest::PutState { document, actor } => {
            is_named(&actor);
            assert!(CanaryState::parse(KEY, &document).is_ok());
        }
        ApiRequest::PutSwitch { value, actor, .. } => {
            is_named(&actor);
            if let Some(value) = value {
                let setting = Setting::parse(Some(&value));
                assert!(setting.on && setting.reason.is_some(), "{value}");
            }
        }
        ApiRequest::StartRollout { id, plan, reassign, actor, .. } => {
            plan::holds(&plan);
            let start = Start { id: id.unwrap_or_else(|| "r2".into()), plan: *plan, found: None, reassign };
            executed(Command::Abort { rollout: None }, Actor::default());
            executed(Command::Start(Box::new(start)), actor);
        }
        ApiRequest::Command { command, actor } => {
            is_named(&actor);
            executed(command, actor);
        }
        ApiRequest::Explain(query) => {
            assert!(!Explanation::new(&query, &good(), &SETUP, NOW).sentence.is_empty());
        }
        ApiRequest::Audit { limit, .. } => assert!((1..=1_000).contains(&limit)),
        ApiRequest::Series(query) => {
            let (first, last) = query.page();
            assert!(first <= last && (last - first) / query.step <= 500, "{query:?}");
        }
        ApiRequest::Rollouts { limit, .. }
        | ApiRequest::Rollout { limit, .. }
        | ApiRequest::Locations { limit, .. } => {
            assert!((1..=500).contains(&limit));
        }
        ApiRequest::Status | ApiRequest::State | ApiRequest::CurrentRollout | ApiRequest::Metrics => {}
    }
}

/// Executes a command: a start on a controller without a rollout, every other command on a controller with a running rollout.
fn executed(command: Command, Actor { name, claimed, reason, epoch }: Actor) {
    let mut controller = if matches!(command, Command::Start(_)) { Controller::default() } else { controller() };
    let before = controller.clone();
    match controller.execute(&CommandRequest { command, actor: name, claimed, reason, epoch }, NOW) {
        Ok((already, _)) => assert!(already || controller.state.epoch() > before.state.epoch()),
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            assert_eq!(controller, before, "a refused command changes nothing");
        }
    }
    let _ = restarted(&controller);
}

fn is_named(actor: &Actor) {
    let Actor { name, reason, .. } = actor;
    assert!(!name.is_empty() && name.chars().count().max(reason.chars().count()) <= 200, "{actor:?}");
}
