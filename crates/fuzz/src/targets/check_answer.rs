//! Answers of a plan's check: whatever it says, there is a verdict and one short line, and only `fail` or an unexpected status is a failure.

use serin_logic::controller::{CheckAnswer, CheckVerdict};
use serin_logic::rollout::Plan;

use super::{line, text};

/// Reads the first line as the HTTP status, and the rest as the body.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (status, body) = line(&text);
    let plan = Plan::parse(r#"{"steps":[{"percentage":5,"check":{"url":"https://a.example/"}},100]}"#).unwrap();
    let check = plan.steps().first().and_then(|step| step.check.as_ref()).unwrap();
    let status = status.trim().parse().unwrap_or(200);
    let CheckAnswer { verdict, message } = CheckAnswer::read(check, status, body);
    assert!(message.chars().count() <= 201 && !message.contains(char::is_control), "{message:?}");
    let is_json = serde_json::from_str::<serde_json::Value>(body).is_ok_and(|json| json.get("status").is_some());
    match verdict {
        CheckVerdict::Fail => assert!(is_json || status != check.expect, "{status} {body}"),
        CheckVerdict::Pass | CheckVerdict::Wait => assert!((200..300).contains(&status), "{status} {body}"),
        CheckVerdict::Error => {}
    }
    assert!(!CheckAnswer::error(&text).message.contains('?'));
}
