//! Requests to the control API, whose sender has the token: refused by name, or a call whose values are all in range. The first line is
//! method and path with query, the second the content type, the rest the body.

use serde_json::Value;
use serin_logic::api::{By, Call, Incoming, MAX_BODY, PREFIX, explain};
use serin_logic::controller::Controller;
use serin_logic::policy::CanaryState;
use serin_logic::policy::switches::Setting;
use serin_logic::rollout::{Command, Order, Start};

use super::{KEY, NOW, SETUP, controller, good, is_a_value, line, plan, restarted, text};

/// Reads the input as a request.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (target, rest) = line(&text);
    let (content_type, body) = line(rest);
    let (method, target) = target.split_once(' ').unwrap_or((target, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let incoming = Incoming { method, path, query, content_type: Some(content_type), body };
    match Call::parse(&incoming) {
        Ok(call) => {
            let is_json =
                content_type.trim_start().get(..16).is_some_and(|it| it.eq_ignore_ascii_case("application/json"));
            assert!(path.starts_with(PREFIX) && body.len() <= MAX_BODY || call.is_reading());
            assert!(call.is_reading() || is_json || body.trim().is_empty(), "a form gave an order");
            assert_eq!(call.is_reading(), ["GET", "HEAD"].contains(&method), "{method} {target}");
            carry_out(call);
        }
        Err(problem) => {
            assert!((400..500).contains(&problem.status()));
            let json: Value = serde_json::from_str(&problem.to_json()).unwrap();
            assert!(problem.status() != 422 || json.get("field").is_some(), "{json} names no field");
            problem.headers().for_each(|(_, value)| is_a_value(&value));
        }
    }
}

fn carry_out(call: Call) {
    match call {
        Call::PutState { document, by } => {
            is_somebody(&by);
            assert!(CanaryState::parse(KEY, &document).is_ok());
        }
        Call::PutSwitch { value, by, .. } => {
            is_somebody(&by);
            if let Some(value) = value {
                let setting = Setting::parse(Some(&value));
                assert!(setting.on && setting.reason.is_some(), "{value}");
            }
        }
        Call::Start { id, plan, by } => {
            plan::holds(&plan);
            let start = Start { id: id.unwrap_or_else(|| "r2".into()), plan: *plan, found: None };
            ordered(Command::Abort { rollout: None }, By::default());
            ordered(Command::Start(Box::new(start)), by);
        }
        Call::Order { command, by } => {
            is_somebody(&by);
            ordered(command, by);
        }
        Call::Explain(question) => {
            assert!(explain(&question, &good(), &SETUP, NOW).is_object());
        }
        Call::Audit { limit, .. } => assert!((1..=1_000).contains(&limit)),
        Call::Status | Call::State | Call::Current | Call::Metrics => {}
    }
}

/// Carried out or refused; a start on a controller without a rollout, everything else in the middle of one.
fn ordered(command: Command, By { who, why, epoch }: By) {
    let mut controller = if matches!(command, Command::Start(_)) { Controller::default() } else { controller() };
    let before = controller.clone();
    match controller.execute(&Order { command, who, why, epoch }, NOW) {
        Ok((already, _)) => assert!(already || controller.state.epoch() > before.state.epoch()),
        Err(refused) => {
            assert!(!refused.to_string().is_empty());
            assert_eq!(controller, before, "what is refused changes nothing");
        }
    }
    let _ = restarted(&controller);
}

fn is_somebody(by: &By) {
    assert!(!by.who.is_empty() && by.who.chars().count().max(by.why.chars().count()) <= 200, "{by:?}");
}
