//! Which answer of a pair is worse. The plan's rules come first, then the default: a failure is worse than a refusal (4xx), and a refusal is
//! worse than an answer (2xx, 3xx). Answers that say nothing of a version, such as 429, count for neither.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fallback::Answer;

/// Asks for fewer requests, of which the copy is one more.
const TOO_MANY_REQUESTS: u16 = 429;

/// Most rules of a plan.
pub const MAX_RULES: usize = 50;

/// What a pair of answers says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// The canary's answer is worse.
    AgainstCanary,
    /// Stable's answer is worse.
    AgainstStable,
    /// Neither is, or the pair says nothing.
    Neither,
}

/// The rules of a plan; the first that matches counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatusTable(Vec<StatusRule>);

/// A rule: how a pair of answers counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRule {
    /// Stable's answer.
    pub stable: StatusPattern,
    /// The canary's answer.
    pub canary: StatusPattern,
    /// How the pair counts.
    pub counts: Comparison,
}

/// Answers that a rule is about. In JSON a status, `"4xx"`, `"none"` or `"*"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusPattern {
    /// This status.
    Status(u16),
    /// All statuses with this first digit.
    Class(u16),
    /// No answer: an exception, or the deadline passed.
    NoAnswer,
    /// Any answer, and none.
    Any,
}

// === impl StatusTable ===

impl StatusTable {
    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of rules.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How a pair of answers counts.
    pub fn compare(&self, stable: Answer, canary: Answer) -> Comparison {
        let rule = self.0.iter().find(|rule| rule.stable.matches(stable) && rule.canary.matches(canary));
        rule.map_or_else(|| by_default(stable, canary), |rule| rule.counts)
    }
}

fn by_default(stable: Answer, canary: Answer) -> Comparison {
    match (Quality::of(stable), Quality::of(canary)) {
        (Some(stable), Some(canary)) if canary < stable => Comparison::AgainstCanary,
        (Some(stable), Some(canary)) if canary > stable => Comparison::AgainstStable,
        _ => Comparison::Neither,
    }
}

/// From worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Quality {
    Failed,
    Refused,
    Answered,
}

// === impl Quality ===

impl Quality {
    /// None where the answer says nothing of the version: 429, and 501, 505 and other
    /// statuses from 500 are answers about the request.
    fn of(answer: Answer) -> Option<Self> {
        match answer {
            _ if answer.is_failure() => Some(Self::Failed),
            Answer::Status(200..400) => Some(Self::Answered),
            Answer::Status(status @ 400..500) if status != TOO_MANY_REQUESTS => Some(Self::Refused),
            Answer::Status(_) | Answer::Exception => None,
        }
    }
}

// === impl StatusPattern ===

impl StatusPattern {
    const ACCEPTED: &'static str =
        "a status from 100 to 599, a class such as \"4xx\", \"none\" for no answer, or \"*\"";

    fn matches(self, answer: Answer) -> bool {
        match (self, answer) {
            (Self::Any, _) | (Self::NoAnswer, Answer::Exception) => true,
            (Self::Status(wanted), Answer::Status(status)) => wanted == status,
            (Self::Class(class), Answer::Status(status)) => status / 100 == class,
            (Self::NoAnswer, Answer::Status(_)) | (Self::Status(_) | Self::Class(_), Answer::Exception) => false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => Some(Self::Any),
            "none" => Some(Self::NoAnswer),
            "1xx" | "2xx" | "3xx" | "4xx" | "5xx" => text.get(..1)?.parse().ok().map(Self::Class),
            _ => Self::of_number(text.parse().ok()?),
        }
    }

    fn of_number(number: u64) -> Option<Self> {
        u16::try_from(number).ok().filter(|status| (100..600).contains(status)).map(Self::Status)
    }
}

impl Serialize for StatusPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Status(status) => serializer.serialize_u16(*status),
            Self::Class(class) => serializer.collect_str(&format_args!("{class}xx")),
            Self::NoAnswer => serializer.serialize_str("none"),
            Self::Any => serializer.serialize_str("*"),
        }
    }
}

impl<'de> Deserialize<'de> for StatusPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PatternVisitor)
    }
}

struct PatternVisitor;

impl Visitor<'_> for PatternVisitor {
    type Value = StatusPattern;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(StatusPattern::ACCEPTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<StatusPattern, E> {
        StatusPattern::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<StatusPattern, E> {
        StatusPattern::of_number(number).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer() -> impl Strategy<Value = Answer> {
        prop_oneof![(100_u16..600).prop_map(Answer::Status), Just(Answer::Exception)]
    }

    fn table(json: &str) -> Result<StatusTable, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn by_default_a_failure_is_worse_than_a_refusal_and_a_refusal_than_an_answer() {
        let table = StatusTable::default();
        for (stable, canary, counts) in [
            (200, 200, Comparison::Neither),
            (200, 304, Comparison::Neither),
            (200, 302, Comparison::Neither),
            (200, 404, Comparison::AgainstCanary),
            (404, 200, Comparison::AgainstStable),
            (404, 403, Comparison::Neither),
            (404, 500, Comparison::AgainstCanary),
            (503, 200, Comparison::AgainstStable),
            (500, 503, Comparison::Neither),
            (200, 429, Comparison::Neither),
            (200, 501, Comparison::Neither),
        ] {
            assert_eq!(table.compare(Answer::Status(stable), Answer::Status(canary)), counts, "{stable} {canary}");
        }
        assert_eq!(table.compare(Answer::Status(200), Answer::Exception), Comparison::AgainstCanary);
        assert_eq!(table.compare(Answer::Exception, Answer::Exception), Comparison::Neither);
    }

    #[test]
    fn the_first_rule_of_the_plan_counts() {
        let json = concat!(
            r#"[{"stable":404,"canary":"2xx","counts":"neither"},{"stable":"2xx","canary":304,"counts":"against-canary"},"#,
            r#"{"stable":"*","canary":"none","counts":"against-stable"}]"#
        );
        let table = table(json).unwrap();
        assert_eq!(serde_json::to_string(&table).unwrap(), json, "isolates of other versions read this form");
        assert_eq!(table.compare(Answer::Status(404), Answer::Status(204)), Comparison::Neither);
        assert_eq!(table.compare(Answer::Status(200), Answer::Status(304)), Comparison::AgainstCanary);
        assert_eq!(table.compare(Answer::Status(200), Answer::Exception), Comparison::AgainstStable);
        assert_eq!(table.compare(Answer::Status(200), Answer::Status(500)), Comparison::AgainstCanary);
    }

    #[test]
    fn what_is_no_answer_is_refused_with_what_is_accepted() {
        for wrong in ["600", r#""6xx""#, r#""ok""#, "-1", "null", "2.5"] {
            let error = table(&format!(r#"[{{"stable":{wrong},"canary":"*","counts":"neither"}}]"#)).unwrap_err();
            assert!(error.to_string().contains(StatusPattern::ACCEPTED), "{wrong}: {error}");
        }
        assert!(table(r#"[{"stable":"200","canary":"*","counts":"neither","x":1}]"#).is_err());
    }

    proptest! {
        #[test]
        fn without_rules_the_variants_are_judged_alike(stable in answer(), canary in answer()) {
            let table = StatusTable::default();
            let mirrored = match table.compare(canary, stable) {
                Comparison::AgainstCanary => Comparison::AgainstStable,
                Comparison::AgainstStable => Comparison::AgainstCanary,
                Comparison::Neither => Comparison::Neither,
            };
            prop_assert_eq!(table.compare(stable, canary), mirrored);
        }
    }
}
