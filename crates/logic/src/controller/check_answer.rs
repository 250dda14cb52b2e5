//! What a step's check answers, and what becomes of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::quote;
use crate::rollout::Check;

/// Longest message of a check, in characters. The audit and the webhook carry it.
const MAX_MESSAGE: usize = 200;

/// The verdict of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckVerdict {
    /// Nothing speaks against the canary.
    Pass,
    /// The canary is bad.
    Fail,
    /// It is too early to tell.
    Wait,
    /// There is no verdict: the check cannot be asked, or its answer is none. This says nothing about the canary.
    Error,
}

/// A verdict with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnswer {
    /// The verdict.
    pub verdict: CheckVerdict,
    /// The check's own words, or why there is no verdict. On one line, without characters that steer a terminal.
    pub message: String,
}

// === impl CheckVerdict ===

impl CheckVerdict {
    /// The verdict's name in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Wait => "wait",
            Self::Error => "error",
        }
    }
}

// === impl CheckAnswer ===

impl CheckAnswer {
    /// Reads an answer. JSON with a `status` of `pass`, `fail` or `wait` is a verdict; without it the HTTP status is compared with the one
    /// that the plan expects. A verdict of `fail` counts with any HTTP status, as health checks answer 503 with it; `pass` and `wait` need
    /// a good one.
    pub fn read(check: &Check, http_status: u16, body: &str) -> Self {
        let is_expected = http_status == check.expect;
        let is_good = is_expected || (200..300).contains(&http_status);
        let fields = match serde_json::from_str(body) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let message = fields.get("message").and_then(Value::as_str).unwrap_or_default();
        match fields.get("status") {
            // A redirect is not followed, so that server has not judged.
            _ if (300..400).contains(&http_status) && !is_expected => {
                Self::error(&format!("it answered {http_status}, and redirects are not followed"))
            }
            Some(Value::String(status)) if status == "fail" => Self::new(CheckVerdict::Fail, message),
            Some(Value::String(status)) if status == "pass" && is_good => Self::new(CheckVerdict::Pass, message),
            Some(Value::String(status)) if status == "wait" && is_good => Self::new(CheckVerdict::Wait, message),
            Some(status) => {
                let status = quote(status);
                Self::error(&format!(
                    "it answered {http_status} with the status {status}, accepted: pass, fail or wait"
                ))
            }
            None if is_expected => Self::new(CheckVerdict::Pass, &format!("it answered {http_status}")),
            // These say that the question was not answered.
            None if matches!(http_status, 300..=399 | 401 | 403 | 404 | 407 | 408 | 429 | 500..) => {
                Self::error(&format!("it answered {http_status}"))
            }
            None => {
                let expected = check.expect;
                Self::new(CheckVerdict::Fail, &format!("it answered {http_status}, expected {expected}"))
            }
        }
    }

    /// There is no answer. `why` may quote the URL, whose query may hold a secret: what comes after a question mark is left out.
    pub fn error(why: &str) -> Self {
        Self::new(CheckVerdict::Error, why.split('?').next().unwrap_or_default())
    }

    fn new(verdict: CheckVerdict, message: &str) -> Self {
        let is_visible = |c: char| {
            c.is_ascii_graphic() || matches!(c, '"' | '\'' | '\\') || (!c.is_ascii() && c.escape_debug().count() == 1)
        };
        let mut plain: String =
            message.chars().take(MAX_MESSAGE + 1).map(|c| if is_visible(c) { c } else { ' ' }).collect();
        if plain.chars().count() > MAX_MESSAGE {
            plain.pop();
            plain.push('…');
        }
        Self { verdict, message: plain.trim().trim_end_matches('.').to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(expect: u16) -> Check {
        let plan = format!(
            r#"{{"steps":[{{"percentage":5,"check":{{"url":"https://a.example/x","expect":{expect}}}}},100]}}"#
        );
        crate::rollout::Plan::parse(&plan).unwrap().steps()[0].check.clone().unwrap()
    }

    fn said(expect: u16, status: u16, body: &str) -> (CheckVerdict, String) {
        let CheckAnswer { verdict, message } = CheckAnswer::read(&check(expect), status, body);
        (verdict, message)
    }

    #[test]
    fn a_status_in_json_is_the_verdict() {
        use CheckVerdict::{Error, Fail, Pass, Wait};
        for (status, body, verdict, message) in [
            (200, r#"{"status":"pass","message":"p99 is 180 ms"}"#, Pass, "p99 is 180 ms"),
            (200, r#"{"status":"wait","message":"load test at 60 %."}"#, Wait, "load test at 60 %"),
            (200, r#"{"status":"fail","message":"carts are empty"}"#, Fail, "carts are empty"),
            (200, r#"{"status":"pass"}"#, Pass, ""),
            (200, r#"{"status":"fail","message":7}"#, Fail, ""),
            (503, r#"{"status":"fail","message":"down"}"#, Fail, "down"),
            (
                503,
                r#"{"status":"pass"}"#,
                Error,
                r#"it answered 503 with the status "pass", accepted: pass, fail or wait"#,
            ),
            (
                200,
                r#"{"status":"success","data":{}}"#,
                Error,
                r#"it answered 200 with the status "success", accepted: pass, fail or wait"#,
            ),
            (200, r#"{"status":1}"#, Error, "it answered 200 with the status 1, accepted: pass, fail or wait"),
            (302, r#"{"status":"fail"}"#, Error, "it answered 302, and redirects are not followed"),
        ] {
            assert_eq!(said(200, status, body), (verdict, message.to_owned()), "{status} {body}");
        }
    }

    #[test]
    fn without_json_the_expected_status_passes_and_what_is_no_answer_is_an_error() {
        use CheckVerdict::{Error, Fail, Pass};
        for body in ["", "ok", "[]", r#"{"ok":true}"#, "{"] {
            assert_eq!(said(200, 200, body).0, Pass, "{body}");
            assert_eq!(said(204, 200, body), (Fail, "it answered 200, expected 204".to_owned()), "{body}");
        }
        assert_eq!((said(204, 204, "").0, said(503, 503, "").0, said(302, 302, "").0), (Pass, Pass, Pass));
        assert_eq!((said(200, 409, "").0, said(200, 418, "").0), (Fail, Fail));
        for status in [301, 401, 403, 404, 408, 429, 500, 502, 503, 504, 530] {
            assert_eq!(said(200, status, "").0, Error, "{status}");
        }
    }

    #[test]
    fn a_message_is_one_short_line_and_an_error_has_no_query() {
        let (_, message) = said(200, 200, r#"{"status":"fail","message":"a\u001b[31m\nb\u202ec"}"#);
        assert_eq!(message, "a [31m b c");
        let long = format!(r#"{{"status":"wait","message":"{}"}}"#, "é".repeat(5_000));
        assert_eq!(said(200, 200, &long).1, format!("{}…", "é".repeat(200)));
        assert_eq!(
            CheckAnswer::error("cannot load https://a.example/x?token=s3cret").message,
            "cannot load https://a.example/x"
        );
    }

    proptest! {
        #[test]
        fn any_answer_has_a_verdict_and_a_short_line(expect in 200_u16..600, status in 100_u16..1_000, body in ".{0,300}", message in ".{0,300}") {
            for body in [body, serde_json::json!({"status": "fail", "message": message}).to_string()] {
                let (_, message) = said(expect, status, &body);
                prop_assert!(message.chars().count() <= MAX_MESSAGE + 1 && !message.chars().any(char::is_control));
            }
        }
    }
}
