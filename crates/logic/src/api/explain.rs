//! Why a key gets the variant it gets: the same decision as for a request, spelled out.

use std::rc::Rc;

use serde_json::Value;

use crate::bucket::{BUCKETS, Bucket};
use crate::policy::document::shown;
use crate::policy::{Snapshot, Switch};
use crate::problem::Problem;
use crate::quoted::Quoted;
use crate::routing::decision::Setup;
use crate::routing::sticky_key::StickyKey;
use crate::routing::{Facts, Outcome, Reason, VisitorId, decide};
use crate::timestamp::Timestamp;
use crate::variant::Variant;
use crate::{json, object};

const ACCEPTED: &str =
    "is not known, accepted: key, path, method, host, country, continent, colo, asn, header.NAME, cookie.NAME";

/// A request that somebody wonders about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
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

// === impl Question ===

impl Question {
    /// From a query string.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let mut question = Self { path: "/".into(), method: "GET".into(), ..Self::default() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = || value.clone().into_owned();
            match &*name {
                "key" => question.key = Some(value()),
                "path" => question.path = value(),
                "method" => question.method = value(),
                "host" => question.host = value(),
                "country" => question.country = Some(value().into()),
                "continent" => question.continent = Some(value().into()),
                "colo" => question.colo = Some(value().into()),
                "asn" => {
                    let invalid = || {
                        Problem::invalid("asn", &format!("{} is not accepted, accepted: a number", Quoted(&value())))
                    };
                    question.asn = Some(value().parse().map_err(|_| invalid())?);
                }
                other => match (other.strip_prefix("header."), other.strip_prefix("cookie.")) {
                    (Some(header), _) => question.headers.push((header.to_ascii_lowercase(), value().into())),
                    (_, Some(cookie)) => question.cookies.push((cookie.to_owned(), value())),
                    _ => return Err(Problem::invalid(&shown(other), ACCEPTED)),
                },
            }
        }
        if !question.path.starts_with('/') {
            return Err(Problem::invalid(
                "path",
                &format!("{} is not accepted, accepted: a path from /", Quoted(&question.path)),
            ));
        }
        Ok(question)
    }
}

/// A question is a request of which somebody wrote the facts down. It gets no new visitor's id: that would explain nothing.
impl Facts for Question {
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

/// The answer, as JSON.
pub fn explain(question: &Question, snapshot: &Snapshot, setup: &Setup, now: Timestamp) -> Value {
    let decision = decide(snapshot, setup, question, now);
    let state = snapshot.last_good();
    let key = state.and_then(|state| state.stickiness.key_of(question));
    let salt = state.map(|state| state.rollout_id.as_str());
    let bucket = key.as_ref().zip(salt).map(|(key, salt)| Bucket::of(salt, key.as_str()));
    let variant = match decision.outcome {
        Outcome::Serve(variant) => Some(variant),
        Outcome::Unavailable(_) => None,
    };
    let switches: Vec<&str> =
        Switch::ALL.into_iter().filter(|switch| snapshot.switches().is_on(*switch, now)).map(Switch::key).collect();
    let rule = match decision.reason {
        Reason::Rule(number) => Some(number.0),
        _ => None,
    };
    let percentage = match decision.reason {
        Reason::Rule(number) => state.and_then(|state| state.rules.share_of(number)),
        _ => state.map(|state| state.percentage),
    };
    let arm = decision.observed.map(|observed| match observed.variant {
        Variant::Canary => "canary",
        Variant::Stable => "control",
    });
    object!({
        "key": key.as_ref().map(StickyKey::as_str),
        "keyFrom": key.as_ref().map(|key| json::value(&key.kind())),
        "salt": salt,
        "bucket": bucket.map(Bucket::index),
        "variant": variant.map(Variant::as_str),
        "reason": decision.reason.word(),
        "rule": rule,
        "percentage": percentage.map(|share| json::value(&share)),
        "changesAt": bucket.map(|bucket| f64::from(bucket.index() + 1) / f64::from(BUCKETS) * 100.0),
        "switches": switches,
        "arm": arm,
        "sentence": sentence(variant, decision.reason, bucket, percentage.map(|share| share.to_string()).as_deref()),
    })
}

fn sentence(variant: Option<Variant>, reason: Reason, bucket: Option<Bucket>, percentage: Option<&str>) -> String {
    let Some(variant) = variant.map(Variant::as_str) else { return "A switch keeps everybody out: 503.".into() };
    let share = || match (bucket, percentage) {
        (Some(bucket), Some(percentage)) => {
            format!("bucket {} of {BUCKETS}, and the canary has the lowest {percentage} %", bucket.index())
        }
        _ => "nothing identifies the request: it is on the canary only at 100 %".into(),
    };
    match reason {
        Reason::Maintenance | Reason::Writes => "A switch keeps everybody out: 503.".into(),
        Reason::Unbound => "stable: no canary is bound to the Worker.".into(),
        Reason::Halted => "stable: the canary is halted, by the controller or by ops:disable_canary.".into(),
        Reason::Disabled => "stable: canary-state says enabled: false.".into(),
        Reason::Missing => "stable: there is no canary-state.".into(),
        Reason::Unknown => "stable: no valid canary-state was ever read.".into(),
        Reason::Stale => "stable: canary-state has not been readable for too long.".into(),
        Reason::Override => format!("{variant}: QA's token says so."),
        Reason::Rule(number) if percentage.is_some() => format!("{variant}: rules[{}] matches; {}.", number.0, share()),
        Reason::Rule(number) => format!("{variant}: rules[{}] matches.", number.0),
        Reason::Percentage => format!("{variant}: {}.", share()),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::policy::snapshot::Documents;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn explained(state: &str, query: &str) -> Value {
        let documents = Documents { canary_state: Some(state.to_owned()), ..Documents::default() };
        let snapshot = Snapshot::default().read("canary-state", documents, NOW).0;
        let setup = Setup { canary_bound: true, override_key: None, max_stale: Duration::from_mins(5) };
        explain(&Question::parse(query).unwrap(), &snapshot, &setup, NOW)
    }

    #[test]
    fn a_key_changes_sides_exactly_at_the_percentage_that_is_told() {
        for key in ["ada", "grace", "margaret", "katherine"] {
            let state = |percentage: f64| format!(r#"{{"enabled":true,"percentage":{percentage},"rolloutId":"r1"}}"#);
            let at = |percentage: f64| explained(&state(percentage), &format!("key={key}&path=/"))["variant"].clone();
            let changes_at = explained(&state(50.0), &format!("key={key}"))["changesAt"].as_f64().unwrap();
            let changes_at = (changes_at * 1e3).round() / 1e3;
            assert_eq!(at(changes_at), "canary");
            assert_eq!(at(((changes_at - 0.001) * 1e3).round() / 1e3), "stable");
        }
    }

    #[test]
    fn the_rule_the_source_of_the_key_and_the_reason_are_told() {
        let state = r#"{"enabled":true,"percentage":0,"stickiness":["header:x-id"],
            "rules":[{"match":{"path":"/a/*","country":["NZ"]},"serve":"canary"}]}"#;
        let answer = explained(state, "path=/a/b&country=NZ&header.X-Id=7");
        assert_eq!(
            (&answer["variant"], &answer["reason"], &answer["rule"]),
            (&json!("canary"), &json!("rule"), &json!(0))
        );
        assert_eq!((&answer["key"], &answer["keyFrom"]), (&json!("7"), &json!("header")));
        let answer = explained(state, "path=/a/b");
        assert_eq!((&answer["variant"], &answer["key"]), (&json!("stable"), &Value::Null));
        assert!(answer["sentence"].as_str().unwrap().contains("nothing identifies"), "{answer}");
    }

    #[test]
    fn a_question_that_is_not_understood_names_what_is_wrong() {
        for (query, field) in [("kye=1", "kye"), ("asn=x", "asn"), ("path=a", "path")] {
            assert!(
                Question::parse(query).unwrap_err().to_json().contains(&format!(r#""field":"{field}""#)),
                "{query}"
            );
        }
    }
}
