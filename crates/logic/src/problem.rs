//! Error responses as `application/problem+json` (RFC 9457).

use serde::Serialize;

use crate::access::AccessError;
use crate::percentage::Percentage;
use crate::policy::switches::{Setting, Switch};
use crate::timestamp::Timestamp;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// `Retry-After` of a switch without an end, in seconds.
const RETRY_AFTER: u32 = 30;

/// An error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable name for the kind of problem.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    switch: Option<&'static str>,
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Box<str>>,
    /// The percentage to confirm.
    #[serde(skip_serializing_if = "Option::is_none")]
    percentage: Option<Percentage>,
    /// The `Retry-After` header, in seconds.
    #[serde(skip)]
    retry_after: Option<u32>,
    /// The `Allow` header.
    #[serde(skip)]
    allow: Option<&'static str>,
}

// === impl Problem ===

impl Problem {
    const fn new(status: u16, kind: &'static str, title: &'static str) -> Self {
        Self {
            kind,
            title,
            status,
            detail: None,
            switch: None,
            field: None,
            percentage: None,
            retry_after: None,
            allow: None,
        }
    }

    /// A kill switch refuses the request.
    pub fn unavailable(switch: Switch, setting: &Setting, now: Timestamp) -> Self {
        let title = match switch {
            Switch::Maintenance => "Down for maintenance",
            Switch::DisableWrites => "Writes are disabled",
            Switch::DisableCanary => "The canary is disabled",
        };
        let left = setting.until.map(|until| u32::try_from(until.since(now).as_secs()).unwrap_or(u32::MAX).max(1));
        Self {
            detail: setting.reason.as_deref().map(Box::from),
            switch: Some(switch.key()),
            retry_after: Some(left.unwrap_or(RETRY_AFTER)),
            ..Self::new(503, "urn:serin:switched-off", title)
        }
    }

    /// The variant threw an exception and no other variant could answer, because the variant was stable or the request cannot be retried.
    pub const fn unanswered() -> Self {
        Self::new(502, "urn:serin:unanswered", "The service did not answer")
    }

    /// The canary's deadline passed, and the request cannot be retried.
    pub const fn late() -> Self {
        Self::new(504, "urn:serin:late", "The service did not answer in time")
    }

    /// The `Host` header and the path are no URL (RFC 9112 §3.2).
    pub fn no_url() -> Self {
        let detail = Some("accepted: a Host header that is a host name or an address, with or without a port".into());
        Self { detail, ..Self::new(400, "urn:serin:no-url", "The URL is not valid") }
    }

    /// The path does not support the method.
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(405, "urn:serin:method-not-allowed", "Method not allowed") }
    }

    /// The path is in Serin's own namespace but does not exist.
    pub const fn not_found() -> Self {
        Self::new(404, "urn:serin:not-found", "No such path")
    }

    /// A field of the request is not valid. `message` contains its value and the accepted values.
    pub fn invalid(field: &str, message: &str) -> Self {
        Self {
            detail: Some(format!("{field}: {message}").into()),
            field: Some(field.into()),
            ..Self::new(422, "urn:serin:invalid", "The request is not valid")
        }
    }

    /// The body is longer than `most` bytes.
    pub fn too_large(most: usize) -> Self {
        let detail = Some(format!("accepted: a body of up to {most} bytes").into());
        Self { detail, ..Self::new(413, "urn:serin:too-large", "The body is too large") }
    }

    /// The body's type is not JSON's.
    pub fn not_json() -> Self {
        let detail = Some("accepted: Content-Type: application/json".into());
        Self { detail, ..Self::new(415, "urn:serin:not-json", "The body is not JSON") }
    }

    /// The token is missing or wrong.
    pub fn unauthorized() -> Self {
        let detail = "accepted: Authorization: Bearer TOKEN, with the value of the secret ADMIN_TOKEN, or of VIEWER_TOKEN to read";
        let detail = Some(detail.into());
        Self { detail, ..Self::new(401, "urn:serin:unauthorized", "The token is missing or wrong") }
    }

    /// No token is configured, so that the control API is closed.
    pub fn forbidden() -> Self {
        let detail = "no ADMIN_TOKEN is set: run `npx wrangler secret put ADMIN_TOKEN`, or on your own machine write \
            `ADMIN_TOKEN=…` into .dev.vars and start again";
        Self { detail: Some(detail.into()), ..Self::new(403, "urn:serin:forbidden", "The control API is closed") }
    }

    /// A call by cookie that changes something, and does not come from the console's page.
    pub fn foreign_origin() -> Self {
        let detail = "accepted: calls of the console's own page, with its Origin and the header serin-console: 1; other clients send \
            Authorization: Bearer";
        Self {
            detail: Some(detail.into()),
            ..Self::new(403, "urn:serin:foreign-origin", "The call is not the console's own")
        }
    }

    /// The token only reads, and the request does more.
    pub fn read_only() -> Self {
        let detail = "VIEWER_TOKEN reads status, audit, metrics, explain, series, locations and rollouts, and checks plans \
            (POST rollouts?dryRun=true); this request needs ADMIN_TOKEN";
        Self { detail: Some(detail.into()), ..Self::new(403, "urn:serin:read-only", "The token is read-only") }
    }

    /// Cloudflare Access names no identity.
    pub fn no_identity(error: &AccessError) -> Self {
        let detail = Some(format!("{error}; send the request to the host that the Access application protects").into());
        Self { detail, ..Self::new(401, "urn:serin:no-identity", "No identity from Cloudflare Access") }
    }

    /// The variables of Cloudflare Access are not complete, so that the control API is closed.
    pub fn no_access(message: &str) -> Self {
        Self { detail: Some(message.into()), ..Self::new(403, "urn:serin:forbidden", "The control API is closed") }
    }

    /// The command is not valid in the present state of the rollout.
    pub fn conflict(why: String) -> Self {
        Self { detail: Some(why.into()), ..Self::new(409, "urn:serin:conflict", "The command is not possible now") }
    }

    /// The command puts this percentage of visitors on the canary, which the request has to confirm.
    pub fn unconfirmed(percentage: Percentage, why: String) -> Self {
        let unconfirmed = Self::new(409, "urn:serin:unconfirmed", "Confirm the percentage");
        Self { detail: Some(why.into()), field: Some("percentage".into()), percentage: Some(percentage), ..unconfirmed }
    }

    /// The Worker has no controller, which rollouts need.
    pub fn unbound() -> Self {
        let detail =
            Some("bind ROLLOUT and METRICS as in wrangler.toml; until then only KV controls the canary".into());
        Self { detail, ..Self::new(501, "urn:serin:unbound", "There is no rollout controller") }
    }

    /// A service that the control API needs did not answer.
    pub fn unreachable(what: &str, why: &str) -> Self {
        Self {
            detail: Some(format!("{what}: {why}; it is safe to send the request again").into()),
            retry_after: Some(1),
            ..Self::new(503, "urn:serin:unavailable", "The control plane did not answer")
        }
    }

    /// Why this is a problem; empty where the title says it all.
    pub fn detail(&self) -> &str {
        self.detail.as_deref().unwrap_or_default()
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Headers besides the content type, with their values.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let retry_after = self.retry_after.map(|seconds| ("Retry-After", seconds.to_string()));
        retry_after.into_iter().chain(self.allow.map(|methods| ("Allow", methods.to_owned())))
    }

    /// The response body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_switch_its_reason_and_retry_after() {
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
    fn a_switch_without_an_end_has_the_default_retry_after() {
        let problem = Problem::unavailable(
            Switch::Maintenance,
            &Setting { on: true, ..Setting::default() },
            Timestamp::default(),
        );
        assert_eq!(problem.headers().collect::<Vec<_>>(), [("Retry-After", "30".to_owned())]);
    }
}
