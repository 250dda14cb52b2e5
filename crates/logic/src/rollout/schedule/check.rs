//! A step's check: an HTTP endpoint of the operator's own, which the controller asks whether the step may end.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};

use super::document::{CountUpTo, HOUR, SECOND, SpanWithin};
use crate::span::Span;

/// Longest URL of a check.
const MAX_URL: usize = 2_048;

/// What a URL of a check is.
const ACCEPTED_URL: &str =
    "https:// and the name of a host, or http:// and localhost; no user, password or #; up to 2048 characters";

/// A step's check. Its stored form is a document that a plan accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Address that is asked by POST.
    pub url: CheckUrl,
    /// Status that passes where the answer has no verdict of its own; 200, 200 to 599.
    pub expect: u16,
    /// Time from one question to the next; 60 s, 100ms to 1h.
    pub every: Span,
    /// Time that an answer may take; 10 s, 100ms to 30s.
    pub timeout: Span,
    /// Answers in a row that say `fail` until the canary is rolled back; the plan's `failureLimit`, 1 to 100.
    pub failure_limit: u32,
}

/// The address of a check: HTTPS and the name of a host, or the same machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CheckUrl(String);

/// A check as an operator writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CheckDocument {
    url: CheckUrl,
    #[serde(default)]
    expect: Status,
    every: Option<SpanWithin<100, HOUR>>,
    timeout: Option<SpanWithin<100, { 30 * SECOND }>>,
    failure_limit: Option<CountUpTo<100>>,
}

/// An HTTP status that ends a request.
struct Status(u16);

// === impl Check ===

impl CheckDocument {
    /// The check, where the plan permits so many failures in a row.
    pub(super) fn with_limit(self, failure_limit: u32) -> Check {
        Check {
            url: self.url,
            expect: self.expect.0,
            every: self.every.map_or(Span::from_secs(60), |every| every.0),
            timeout: self.timeout.map_or(Span::from_secs(10), |timeout| timeout.0),
            failure_limit: self.failure_limit.map_or(failure_limit, |limit| limit.0),
        }
    }
}

// === impl CheckUrl ===

impl CheckUrl {
    /// The whole address. Its query may hold a secret.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and path: what people are shown.
    pub fn place(&self) -> &str {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.split_once('?').map_or(rest, |(place, _)| place)
    }
}

impl<'de> Deserialize<'de> for CheckUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        if is_accepted(&url) {
            Ok(Self(url))
        } else {
            Err(D::Error::invalid_value(Unexpected::Str(&url), &ACCEPTED_URL))
        }
    }
}

/// Whether a URL leads to a host with a name, or to this machine. The characters are those that the URL standard leaves as they are in a
/// host, so that the runtime asks the host that is checked here. A name may still lead to any address.
fn is_accepted(url: &str) -> bool {
    let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#'));
    if url.len() > MAX_URL || !is_plain {
        return false;
    }
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse().is_ok_and(|port: u16| port > 0);
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    port.is_none_or(is_port) && (is_local && matches!(scheme, "http" | "https") || scheme == "https" && is_name(host))
}

/// Whether a host is a name with a domain. A last label that begins with a digit would be an IP address.
fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && host.split('.').all(is_label) && last.starts_with(|first: char| first.is_ascii_alphabetic())
}

// === impl Status ===

impl Default for Status {
    fn default() -> Self {
        Self(200)
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let status = u16::deserialize(deserializer).ok().filter(|status| (200..=599).contains(status));
        status.map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Other("status"), &"200..=599"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Plan;
    use super::*;

    fn plan(check: &str) -> Result<Plan, String> {
        let json = format!(r#"{{"steps":[{{"percentage":5,"check":{check}}},100],"failureLimit":4}}"#);
        Plan::parse(&json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_check_needs_a_url_and_the_rest_has_defaults() {
        let parsed = plan(r#"{"url":"https://gate.example/slo?token=s3cret"}"#).unwrap();
        let check = parsed.steps()[0].check.clone().unwrap();
        assert_eq!((check.expect, check.every, check.timeout), (200, Span::from_secs(60), Span::from_secs(10)));
        assert_eq!((check.failure_limit, check.url.place()), (4, "gate.example/slo"));
        let whole = r#"{"url":"https://gate.example/slo","expect":204,"every":"5m","timeout":2,"failureLimit":1}"#;
        let check = plan(whole).unwrap().steps()[0].check.clone().unwrap();
        assert_eq!((check.expect, check.every, check.timeout), (204, Span::from_secs(300), Span::from_secs(2)));
        assert_eq!((check.failure_limit, plan(whole).unwrap().steps()[1].check.is_none()), (1, true));
    }

    #[test]
    fn a_bad_check_is_explained_with_its_path() {
        let url = |url: &str| format!(r#"steps[0].check.url: "{url}" is not accepted, accepted: {ACCEPTED_URL}"#);
        for (check, said) in [
            (r"{}".into(), "steps[0].check.url: missing".into()),
            (r#"{"url":"http://gate.example/"}"#.into(), url("http://gate.example/")),
            (
                r#"{"url":"https://a.example","every":"10ms"}"#.into(),
                r#"steps[0].check.every: "10ms" is not accepted, accepted: 100ms..=1h"#.into(),
            ),
            (
                r#"{"url":"https://a.example","timeout":"1m"}"#.into(),
                r#"steps[0].check.timeout: "1m" is not accepted, accepted: 100ms..=30s"#.into(),
            ),
            (
                r#"{"url":"https://a.example","expect":100}"#.into(),
                "steps[0].check.expect: 100 is not accepted, accepted: 200..=599".into(),
            ),
            (
                r#"{"url":"https://a.example","failureLimit":0}"#.into(),
                "steps[0].check.failureLimit: 0 is not accepted, accepted: 1..=100".into(),
            ),
            (r#"{"url":"https://a.example","method":"GET"}"#.into(), "steps[0].check".to_owned()),
            (format!(r#"{{"url":"https://a.example/{}"}}"#, "x".repeat(2_100)), "steps[0].check.url: ".to_owned()),
        ] {
            let error = plan(&check).unwrap_err();
            assert!(error.starts_with::<&str>(&said), "{check}: {error}");
        }
    }

    #[test]
    fn only_https_to_a_name_and_the_own_machine_are_asked() {
        for url in [
            "https://a.example",
            "https://a-b.example:8443/x?y=1&z=@",
            "http://localhost:8787/",
            "http://127.0.0.1:1/x",
            "http://[::1]:9/",
            "https://[::1]",
            "https://_x.example/",
        ] {
            assert!(is_accepted(url), "{url}");
        }
        for url in [
            "http://a.example",
            "ftp://a.example",
            "//a.example",
            "a.example",
            "HTTPS://a.example",
            "https://",
            "https:///x",
            "https://a",
            "https://user@a.example",
            "https://user:pass@a.example/",
            "https://a.example:0/",
            "https://a.example:70000",
            "https://a.example:",
            "https://a.example:80:80",
            "https://a.example/#x",
            "https://a.example\\@b.example",
            "https://a.example/ x",
            "https://a.exämple",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest",
            "https://2130706433/",
            "https://0x7f.0.0.0x1",
            "https://1.2.3",
            "https://[fd00::1]/",
            "https://a..example",
            "https://.example",
            "https://a.example./",
            "http://localhost.example/",
            "http://localhost@a.example/",
            "http://127.0.0.2/",
            "http://0/",
            "http://[::ffff:10.0.0.1]/",
            "https://%61.example/",
            "https://a.example%2f",
        ] {
            assert!(!is_accepted(url), "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_accepted_or_not(url in "(https?://)?[a-z0-9.:@/?#\\[\\]\\\\%-]{0,40}") {
            if is_accepted(&url) {
                let host_end = url.split("://").nth(1).unwrap().split(['/', '?']).next().unwrap();
                prop_assert!(!host_end.contains('@') && !url.contains('#'), "{}", url);
                prop_assert!(url.starts_with("https://") || host_end.starts_with("localhost") || host_end.starts_with("127.0.0.1") || host_end.starts_with("[::1]"), "{}", url);
            }
        }

        #[test]
        fn a_plan_that_is_stored_is_a_plan_that_can_be_sent(every in 100_u64..3_600_000, timeout in 100_u64..30_000, expect in 200_u16..600, limit in 1_u32..=100) {
            let check = format!(r#"{{"url":"https://a.example/x","every":"{every}ms","timeout":"{timeout}ms","expect":{expect},"failureLimit":{limit}}}"#);
            let parsed = plan(&check).unwrap();
            let stored = serde_json::to_string(&parsed).unwrap();
            prop_assert_eq!(&Plan::parse(&stored).unwrap(), &parsed);
            prop_assert_eq!(&serde_json::from_str::<Plan>(&stored).unwrap(), &parsed);
        }
    }
}
