//! Why a sticky key gets its variant: the decision on a request that the query describes, with everything that led to it.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::audit::word;
use crate::bucket::{BUCKETS, Bucket};
use crate::document::{InvalidDocument, shown};
use crate::matcher::pattern::encoded_path;
use crate::percentage::Percentage;
use crate::policy::Switch;
use crate::problem::Problem;
use crate::request_attributes::RequestAttributes;
use crate::routing::decision::RoutingConfig;
use crate::routing::{Outcome, Reason, decide};
use crate::snapshot::Snapshot;
use crate::timestamp::Timestamp;
use crate::variant::Variant;
use crate::visitor::VisitorId;

const ACCEPTED: &str =
    "is not known, accepted: key, path, method, host, country, continent, colo, asn, header.NAME, cookie.NAME";

/// Description of a request, from the query of `GET explain`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainQuery {
    key: Option<String>,
    path: String,
    method: String,
    host: String,
    country: Option<Rc<str>>,
    continent: Option<Rc<str>>,
    colo: Option<Rc<str>>,
    asn: Option<u64>,
    headers: Vec<(String, Rc<str>)>,
    cookies: Vec<(String, String)>,
}

/// Answer of `GET explain`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Explanation {
    /// The sticky key; none if the request has none.
    pub key: Option<String>,
    /// Source of the sticky key.
    pub key_from: Option<String>,
    /// Salt of the split.
    pub salt: Option<String>,
    /// Bucket of the sticky key.
    pub bucket: Option<u32>,
    /// Variant that answers; none if a switch refuses the request.
    pub variant: Option<String>,
    /// Reason of the decision, in one word.
    pub reason: String,
    /// Number of the rule that matches, if the decision follows from one.
    pub rule: Option<usize>,
    /// Percentage that the bucket is held against.
    pub percentage: Option<Percentage>,
    /// The smallest percentage at which this key is on the canary.
    pub changes_at: Option<f64>,
    /// Keys of the switches that are on.
    pub switches: Vec<String>,
    /// `canary` or `control`, if the request counts in the current rollout.
    pub measured_as: Option<String>,
    /// The decision as a sentence.
    pub sentence: String,
}

// === impl ExplainQuery ===

impl ExplainQuery {
    /// From a query string.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let mut query = Self { path: "/".into(), method: "GET".into(), ..Self::default() };
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "key" => query.key = Some(value),
                "path" => query.path = encoded_path(&value),
                "method" => query.method = value,
                "host" => query.host = value,
                "country" => query.country = Some(value.into()),
                "continent" => query.continent = Some(value.into()),
                "colo" => query.colo = Some(value.into()),
                "asn" => {
                    let asn = value.parse().map_err(|_| InvalidDocument::new("asn", &value, "a number"))?;
                    query.asn = Some(asn);
                }
                other => match (other.strip_prefix("header."), other.strip_prefix("cookie.")) {
                    (Some(header), _) => query.headers.push((header.to_ascii_lowercase(), value.into())),
                    (_, Some(cookie)) => query.cookies.push((cookie.to_owned(), value)),
                    _ => return Err(Problem::invalid(&shown(other), ACCEPTED)),
                },
            }
        }
        if !query.path.starts_with('/') {
            return Err(InvalidDocument::new("path", &query.path, "a path from /").into());
        }
        Ok(query)
    }
}

/// The described request gets no new visitor's id, because a random key explains nothing.
impl RequestAttributes for ExplainQuery {
    fn method(&self) -> Rc<str> {
        self.method.as_str().into()
    }
    fn host(&self) -> &str {
        &self.host
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
    fn header(&self, name: &str) -> Option<Rc<str>> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }
    fn country(&self) -> Option<Rc<str>> {
        self.country.clone()
    }
    fn continent(&self) -> Option<Rc<str>> {
        self.continent.clone()
    }
    fn colo(&self) -> Option<Rc<str>> {
        self.colo.clone()
    }
    fn asn(&self) -> Option<u64> {
        self.asn
    }
    fn draw_visitor(&self) -> Option<VisitorId> {
        None
    }
    fn given_key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

// === impl Explanation ===

impl Explanation {
    /// Decides the described request as a real one is decided.
    pub fn new(query: &ExplainQuery, snapshot: &Snapshot, setup: &RoutingConfig, now: Timestamp) -> Self {
        let decision = decide(snapshot, setup, query, now);
        let state = snapshot.last_good();
        let key = state.and_then(|state| state.stickiness.key_of(query));
        let salt = state.map(|state| state.rollout_id.as_str());
        let bucket = key.as_ref().zip(salt).map(|(key, salt)| Bucket::of(salt, key.as_str()));
        let variant = match decision.outcome {
            Outcome::Serve(variant) => Some(variant),
            Outcome::Unavailable(_) => None,
        };
        let switches = Switch::ALL.into_iter().filter(|switch| snapshot.switches().is_on(*switch, now));
        let (rule, percentage) = match decision.reason {
            Reason::Rule(number) => (Some(number.0), state.and_then(|state| state.rules.percentage_of(number))),
            _ => (None, state.map(|state| state.percentage)),
        };
        let measured_as = decision.observed.map(|observed| match observed.variant {
            Variant::Canary => "canary",
            Variant::Stable => "control",
        });
        Self {
            key: key.as_ref().map(|key| key.as_str().to_owned()),
            key_from: key.as_ref().map(|key| word(&key.kind())),
            salt: salt.map(str::to_owned),
            bucket: bucket.map(Bucket::index),
            variant: variant.map(|variant| variant.as_str().to_owned()),
            reason: decision.reason.as_str().to_owned(),
            rule,
            percentage,
            changes_at: bucket.map(changes_at),
            switches: switches.map(|switch| switch.key().to_owned()).collect(),
            measured_as: measured_as.map(str::to_owned),
            sentence: sentence(variant, decision.reason, bucket, percentage),
        }
    }
}

/// The smallest percentage at which the canary owns a bucket: the double nearest to the decimal, so that it is written as the decimal.
fn changes_at(bucket: Bucket) -> f64 {
    f64::from(bucket.index() + 1) / f64::from(BUCKETS / 100)
}

fn sentence(
    variant: Option<Variant>,
    reason: Reason,
    bucket: Option<Bucket>,
    percentage: Option<Percentage>,
) -> String {
    let Some(variant) = variant.map(Variant::as_str) else { return "A switch refuses the request: 503.".into() };
    let share = || match (bucket, percentage) {
        (Some(bucket), Some(percentage)) => {
            format!("bucket {} of {BUCKETS}, and the canary has the lowest {percentage} %", bucket.index())
        }
        _ => "the request has no sticky key: it is on the canary only at 100 %".into(),
    };
    match reason {
        Reason::Maintenance | Reason::Writes => "A switch refuses the request: 503.".into(),
        Reason::Unbound => "stable: no canary is bound to the Worker.".into(),
        Reason::Halted => "stable: the canary is halted, by the controller or by ops:disable_canary.".into(),
        Reason::Disabled => "stable: canary-state says enabled: false.".into(),
        Reason::Missing => "stable: there is no canary-state.".into(),
        Reason::Unknown => "stable: no valid canary-state was ever read.".into(),
        Reason::Stale => "stable: canary-state could not be read for too long.".into(),
        Reason::Override => format!("{variant}: the signed override names it."),
        Reason::Rule(number) if percentage.is_some() => format!("{variant}: rules[{}] matches; {}.", number.0, share()),
        Reason::Rule(number) => format!("{variant}: rules[{}] matches.", number.0),
        Reason::Percentage => format!("{variant}: {}.", share()),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::snapshot::KvValues;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn explained(state: &str, query: &str) -> Explanation {
        let documents = KvValues { canary_state: Some(state.to_owned()), ..KvValues::default() };
        let snapshot = Snapshot::default().apply_kv_values("canary-state", documents, NOW).0;
        let setup = RoutingConfig {
            canary_bound: true,
            has_versions: false,
            override_key: None,
            max_stale: Duration::from_mins(5),
        };
        Explanation::new(&ExplainQuery::parse(query).unwrap(), &snapshot, &setup, NOW)
    }

    #[test]
    fn a_key_changes_variants_exactly_at_the_percentage_of_the_answer() {
        for key in ["ada", "grace", "margaret", "katherine"] {
            let state = |percentage: f64| format!(r#"{{"enabled":true,"percentage":{percentage},"rolloutId":"r1"}}"#);
            let at = |percentage: f64| explained(&state(percentage), &format!("key={key}&path=/")).variant;
            let changes_at = explained(&state(50.0), &format!("key={key}")).changes_at.unwrap();
            let changes_at = (changes_at * 1e3).round() / 1e3;
            assert_eq!(at(changes_at).unwrap(), "canary");
            assert_eq!(at(((changes_at - 0.001) * 1e3).round() / 1e3).unwrap(), "stable");
        }
    }

    #[test]
    fn the_percentage_at_which_a_key_changes_is_a_percentage_and_written_as_one() {
        for hash in (0..=u32::MAX).step_by(20_011) {
            let changes_at = changes_at(Bucket::from_hash(hash));
            assert!(Percentage::try_from(changes_at).is_ok(), "{changes_at}");
            assert!(changes_at.to_string().len() <= "99.999".len(), "{changes_at}");
        }
    }

    #[test]
    fn an_answer_has_the_rule_the_source_of_the_key_and_the_reason() {
        let state = r#"{"enabled":true,"percentage":0,"stickiness":["header:x-id"],
            "rules":[{"match":{"path":"/a/*","country":["NZ"]},"serve":"canary"}]}"#;
        let answer = explained(state, "path=/a/b&country=NZ&header.X-Id=7");
        assert_eq!((answer.variant.as_deref(), answer.reason.as_str(), answer.rule), (Some("canary"), "rule", Some(0)));
        assert_eq!((answer.key.as_deref(), answer.key_from.as_deref()), (Some("7"), Some("header")));
        let answer = explained(state, "path=/a/b");
        assert_eq!((answer.variant.as_deref(), answer.key), (Some("stable"), None));
        assert!(answer.sentence.contains("no sticky key"), "{}", answer.sentence);
    }

    #[test]
    fn a_path_is_matched_in_any_encoding() {
        let state = r#"{"enabled":true,"percentage":0,"rules":[{"match":{"path":"/café/*"},"serve":"canary"}]}"#;
        for path in ["/café/x", "/caf%25C3%25A9/x", "/c%2561fé/x"] {
            assert_eq!(explained(state, &format!("path={path}")).rule, Some(0), "{path}");
        }
    }

    #[test]
    fn a_question_that_is_not_understood_names_what_is_wrong() {
        for (query, field) in [("kye=1", "kye"), ("asn=x", "asn"), ("path=a", "path")] {
            assert!(
                ExplainQuery::parse(query).unwrap_err().to_json().contains(&format!(r#""field":"{field}""#)),
                "{query}"
            );
        }
    }
}
