//! One health check of a server: the response, and complaints about it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::GET;
use crate::client::{Client, Reply};
use crate::commands::health::{Condition, HealthView, summary};
use crate::exit::Failure;

/// Expected health of a server.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct Health {
    /// Path of the health check, with its query.
    pub(in crate::commands) path: String,
    /// Checks only this part of the splitter's report, whose state the splitter knows through its binding.
    pub(in crate::commands) part: Option<&'static str>,
    /// The version of a Worker that must answer for the part, where the variants are versions.
    pub(in crate::commands) part_version: Option<String>,
    /// Expected version.
    pub(in crate::commands) version: Option<String>,
    /// Checks each part of the report.
    pub(in crate::commands) parts: bool,
    /// Treats degraded as unhealthy.
    pub(in crate::commands) strict: bool,
}

/// Result of one check.
#[derive(Clone, Debug, Default)]
pub(in crate::commands) struct CheckResult {
    /// Name of the check.
    pub(in crate::commands) what: String,
    /// HTTP status, or `None` without a response.
    pub(in crate::commands) status: Option<u16>,
    /// Version in the response.
    pub(in crate::commands) version: Option<String>,
    /// Duration of the request, or `None` without a response.
    pub(in crate::commands) took: Option<Duration>,
    /// Complaints; empty if the check passed.
    pub(in crate::commands) complaints: Vec<String>,
}

// === impl Health ===

impl Health {
    /// Sends the health request and judges the response.
    pub(in crate::commands) fn check(&self, client: &Client) -> CheckResult {
        let what = match self.part {
            Some(part) => format!("{part} in {}", self.path),
            None => format!("GET {}", self.path),
        };
        CheckResult::of(what, client.send(&GET, &self.path, &[], None), |reply| self.judge(reply))
    }

    fn judge(&self, reply: &Reply) -> Vec<String> {
        let health: HealthView = serde_json::from_str(&reply.text).unwrap_or_default();
        if let Some(part) = self.part {
            let found = health.components.as_ref().and_then(|parts| parts.get(part));
            return match found {
                None => vec![format!("{} without the component {part}", summary(reply))],
                Some(fields) => self.judge_part(part, fields),
            };
        }
        let mut complaints = match Condition::of(reply) {
            Condition::Ok => vec![],
            Condition::Degraded if !self.strict => vec![],
            _ => vec![format!("answered {}", summary(reply))],
        };
        if let Some(expected) = self.version.as_ref().filter(|expected| health.version.as_ref() != Some(*expected)) {
            complaints
                .push(format!("version is {}, not {expected}", health.version.as_deref().unwrap_or("not reported")));
        }
        if self.parts {
            match &health.components {
                None => complaints.push("it reports no components; set SERIN_TOKEN if details need a token".into()),
                Some(parts) => {
                    complaints.extend(parts.iter().filter_map(|(name, part)| {
                        complaint(name, part.get("status"), part.get("message"), self.strict)
                    }));
                }
            }
        }
        complaints
    }

    fn judge_part(&self, part: &str, fields: &BTreeMap<String, Value>) -> Vec<String> {
        let complaint = complaint(part, fields.get("status"), fields.get("message"), true);
        let Some(expected) = &self.part_version else { return complaint.into_iter().collect() };
        // Stable is degraded while it is the version that the policy calls the canary, which is what a promotion makes it.
        let is_expected = fields.get("version").is_some_and(|version| version == expected.as_str());
        let is_down = fields.get("status").is_none_or(|status| status == "down");
        let complaint = complaint.filter(|_| is_down || !is_expected);
        complaint.into_iter().chain(of_another_version(part, fields, expected)).collect()
    }
}

/// The complaint that a part is not sent to the expected version yet, or that another one answers.
fn of_another_version(part: &str, fields: &BTreeMap<String, Value>, expected: &str) -> Option<String> {
    let text = |name| fields.get(name).and_then(Value::as_str);
    match (text("askedVersion"), text("version")) {
        (Some(asked), _) if asked != expected => Some(format!("the splitter asks version {asked}, not {expected} yet")),
        (_, Some(version)) if version != expected => Some(format!("{part} is version {version}, not {expected}")),
        (None, None) if part == "canary" => Some(format!("the splitter does not ask version {expected} yet")),
        _ => None,
    }
}

// === impl CheckResult ===

impl CheckResult {
    /// The result of a response, with the complaints of `judge`.
    pub(super) fn of(what: String, reply: Result<Reply, Failure>, judge: impl FnOnce(&Reply) -> Vec<String>) -> Self {
        match reply {
            Err(failure) => Self { what, complaints: vec![failure.to_string()], ..Self::default() },
            Ok(reply) => {
                let version = serde_json::from_str::<HealthView>(&reply.text).unwrap_or_default().version;
                let complaints = judge(&reply);
                Self { what, status: Some(reply.status), version, took: Some(reply.took), complaints }
            }
        }
    }

    /// Whether the check passed.
    pub(in crate::commands) const fn is_well(&self) -> bool {
        self.complaints.is_empty()
    }

    pub(super) fn json(&self, number: u32) -> Value {
        let took = self.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        json!({
            "try": number, "check": self.what, "status": self.status, "version": self.version, "tookMs": took,
            "complaints": self.complaints,
        })
    }
}

/// Complaints about a part. A part that is down always counts; a degraded part counts in strict mode.
fn complaint(part: &str, status: Option<&Value>, message: Option<&Value>, strict: bool) -> Option<String> {
    let word = status.and_then(Value::as_str).unwrap_or("not reported");
    if word == "ok" || (word == "degraded" && !strict) {
        return None;
    }
    let message = message.and_then(Value::as_str).map(|message| format!(": {message}")).unwrap_or_default();
    Some(format!("{part} is {word}{message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(health: &Health, status: u16, body: &Value) -> Vec<String> {
        health.judge(&Reply { status, headers: vec![], text: body.to_string(), took: Duration::ZERO })
    }

    #[test]
    fn the_status_the_word_and_the_version_count() {
        let health = Health { version: Some("2".into()), ..Health::default() };
        assert!(complaints(&health, 200, &json!({"status": "ok", "version": "2"})).is_empty());
        assert_eq!(complaints(&health, 200, &json!({"status": "ok", "version": "1"})), ["version is 1, not 2"]);
        assert_eq!(complaints(&health, 503, &json!({"status": "down", "version": "2"})), ["answered 503 down"]);
        assert_eq!(complaints(&health, 302, &json!(null)), ["answered 302", "version is not reported, not 2"]);
        assert!(complaints(&Health::default(), 204, &json!(null)).is_empty());
    }

    #[test]
    fn degraded_passes_unless_the_check_is_strict() {
        let body = json!({"status": "degraded"});
        assert!(complaints(&Health::default(), 200, &body).is_empty());
        assert_eq!(complaints(&Health { strict: true, ..Health::default() }, 200, &body), ["answered 200 degraded"]);
    }

    #[test]
    fn parts_count_where_they_are_wanted() {
        let body = json!({"status": "degraded", "components": {
            "canary": {"status": "down", "message": "threw"}, "kv": {"status": "degraded"}, "stable": {"status": "ok"}}});
        assert!(complaints(&Health::default(), 200, &body).is_empty());
        assert_eq!(complaints(&Health { parts: true, ..Health::default() }, 200, &body), ["canary is down: threw"]);
        let part = |part| complaints(&Health { part: Some(part), ..Health::default() }, 200, &body);
        assert_eq!(part("canary"), ["canary is down: threw"]);
        assert!(part("stable").is_empty());
        assert_eq!(part("controller"), ["200 degraded without the component controller"]);
    }
}
