//! Errors as `application/problem+json` (RFC 9457).

use serde::Serialize;

use crate::policy::switches::{Setting, Switch};
use crate::timestamp::Timestamp;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// `Retry-After` of a switch without an end, in seconds: long enough not to hammer, short enough to come back soon.
const RETRY_AFTER: u64 = 30;

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable name of the kind of problem.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    switch: Option<&'static str>,
    /// Seconds, for the header of that name.
    #[serde(skip)]
    retry_after: Option<u64>,
    /// For the header of that name.
    #[serde(skip)]
    allow: Option<&'static str>,
}

// === impl Problem ===

impl Problem {
    const fn new(status: u16, kind: &'static str, title: &'static str) -> Self {
        Self { kind, title, status, detail: None, switch: None, retry_after: None, allow: None }
    }

    /// A kill switch keeps the service from answering.
    #[must_use]
    pub fn unavailable(switch: Switch, setting: &Setting, now: Timestamp) -> Self {
        let title = match switch {
            Switch::Maintenance => "Down for maintenance",
            Switch::DisableWrites => "Writes are disabled",
            Switch::DisableCanary => "The canary is disabled",
        };
        let left = setting.until.map(|until| until.since(now).as_secs().max(1));
        Self {
            detail: setting.reason.clone(),
            switch: Some(switch.key()),
            retry_after: Some(left.unwrap_or(RETRY_AFTER)),
            ..Self::new(503, "urn:serin:switched-off", title)
        }
    }

    /// The variant threw and nothing could stand in: it was stable, or the request must not be sent twice.
    #[must_use]
    pub const fn unanswered() -> Self {
        Self::new(502, "urn:serin:unanswered", "The service did not answer")
    }

    /// A method that this path does not have.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(405, "urn:serin:method-not-allowed", "Method not allowed") }
    }

    /// A path in Serin's own namespace that does not exist.
    #[must_use]
    pub const fn not_found() -> Self {
        Self::new(404, "urn:serin:not-found", "There is nothing here")
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Headers beside the content type, with their values.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let retry_after = self.retry_after.map(|seconds| ("Retry-After", seconds.to_string()));
        retry_after.into_iter().chain(self.allow.map(|methods| ("Allow", methods.to_owned())))
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serialising strings and numbers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_says_its_name_why_and_when_to_come_back() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let setting =
            Setting { on: true, reason: Some("migration".into()), until: Some(Timestamp::from_seconds(1_800_000_090)) };
        let problem = Problem::unavailable(Switch::DisableWrites, &setting, now);
        assert_eq!(
            problem.to_json(),
            r#"{"type":"urn:serin:switched-off","title":"Writes are disabled","status":503,"detail":"migration","switch":"ops:disable_writes"}"#
        );
        assert_eq!(problem.headers().collect::<Vec<_>>(), [("Retry-After", "90".to_owned())]);
    }

    #[test]
    fn a_switch_without_an_end_asks_to_come_back_soon() {
        let problem = Problem::unavailable(
            Switch::Maintenance,
            &Setting { on: true, ..Setting::default() },
            Timestamp::default(),
        );
        assert_eq!(problem.headers().collect::<Vec<_>>(), [("Retry-After", "30".to_owned())]);
    }
}
