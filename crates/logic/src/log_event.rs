//! Events for the Worker's log, one structured line each. There is never one per request.

use serde::{Serialize, Serializer};

use crate::breaker::Transition;
use crate::percentage::Percentage;
use crate::policy::CanaryState;
use crate::policy::switches::{Setting, Switch};
use crate::timestamp::Timestamp;

/// An event for the log. The field names are an interface, because alerts match on them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum LogEvent {
    /// Another policy is in force.
    PolicyChanged {
        /// The policy before; absent where there was none.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<PolicySummary>,
        /// The policy now; absent where the key is gone.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<PolicySummary>,
    },
    /// The document in KV is not valid. The last good policy stays in force.
    PolicyRejected {
        /// The offending field.
        field: String,
        /// Its value and the values that are accepted.
        message: String,
    },
    /// KV did not answer. The last good policy stays in force.
    PolicyUnreadable {
        /// The cause.
        #[serde(serialize_with = "without_query")]
        error: String,
    },
    /// KV answers again.
    PolicyRecovered,
    /// A kill switch was turned on.
    SwitchThrown {
        /// Its key.
        switch: &'static str,
        /// The operator's reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// When it clears itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A kill switch was cleared.
    SwitchCleared {
        /// Its key.
        switch: &'static str,
    },
    /// The controller halted the canary.
    Halted,
    /// The controller lifted the halt.
    HaltLifted,
    /// The canary does not get the percentage that `canary-state` gives it.
    CanaryStopped {
        /// The percentage that `canary-state` gives.
        configured: Percentage,
        /// The percentage in force.
        effective: Percentage,
        /// Both, and what keeps the canary from its percentage.
        message: String,
    },
    /// The canary gets its configured percentage again.
    CanaryServes {
        /// The percentage in force.
        effective: Percentage,
    },
    /// Stable answered for the failed canary since the last event of this kind.
    Fallback {
        /// The number of requests.
        count: u32,
        /// The last failure: a status, or the exception's text.
        #[serde(serialize_with = "without_query")]
        cause: String,
    },
    /// A variant threw and no other could answer, so that clients got 502, since the last event of this kind.
    Unanswered {
        /// The number of requests.
        count: u32,
        /// The last exception's text.
        #[serde(serialize_with = "without_query")]
        cause: String,
    },
    /// The isolate's breaker changed its state.
    Breaker(Transition),
    /// A part of the control plane does not work. Traffic is not affected.
    ControlTrouble {
        /// The part.
        part: &'static str,
        /// The cause.
        #[serde(serialize_with = "without_query")]
        why: String,
    },
    /// The Worker itself is configured wrongly.
    Misconfigured {
        /// The variable or binding.
        name: &'static str,
        /// Its value and the values that are accepted.
        message: String,
    },
}

/// The fields of a policy that identify it in the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicySummary {
    enabled: bool,
    percentage: Percentage,
    rollout_id: String,
    rules: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<String>,
}

// === impl LogEvent ===

impl LogEvent {
    pub(crate) fn thrown(switch: Switch, setting: &Setting) -> Self {
        Self::SwitchThrown { switch: switch.key(), reason: setting.reason.clone(), until: setting.until }
    }

    pub(crate) fn policy_changed(before: Option<&CanaryState>, after: Option<&CanaryState>) -> Self {
        Self::PolicyChanged { before: before.map(PolicySummary::of), after: after.map(PolicySummary::of) }
    }

    /// The event of a policy that the overlay changed, if it did.
    pub(crate) fn percentage_changed(before: Option<&CanaryState>, after: Option<&CanaryState>) -> Option<Self> {
        let (before, after) = (before.map(PolicySummary::of), after.map(PolicySummary::of));
        (before != after).then_some(Self::PolicyChanged { before, after })
    }

    /// The line as JSON.
    pub fn to_line(&self) -> String {
        one_line(&serde_json::to_string(self).unwrap_or_default())
    }
}

/// Escapes characters that JSON allows in strings and that some log readers take for the end of a line.
fn one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\u{85}' => line.push_str("\\u0085"),
            '\u{2028}' => line.push_str("\\u2028"),
            '\u{2029}' => line.push_str("\\u2029"),
            other => line.push(other),
        }
    }
    line
}

/// Writes a text that Serin did not write, up to its first question mark: an exception's text may quote a URL, and a query may hold
/// secrets.
fn without_query<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match text.split_once('?') {
        Some((before, _)) => serializer.collect_str(&format_args!("{before}?…")),
        None => serializer.serialize_str(text),
    }
}

// === impl PolicySummary ===

impl PolicySummary {
    fn of(state: &CanaryState) -> Self {
        Self {
            enabled: state.enabled,
            percentage: state.percentage,
            rollout_id: state.rollout_id.clone(),
            rules: state.rules.len(),
            generation: state.metadata.generation,
            updated_by: state.metadata.updated_by.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_end_a_line_are_escaped() {
        let error = "a\r\nb\u{85}c\u{2028}d\u{2029}e\0".to_owned();
        let line = LogEvent::PolicyUnreadable { error: error.clone() }.to_line();
        assert_eq!(line, r#"{"event":"policy-unreadable","error":"a\r\nb\u0085c\u2028d\u2029e\u0000"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["error"], error);
    }

    #[test]
    fn no_text_of_others_shows_a_query() {
        let text = || "TypeError: http://shop.example/a?token=needle b=needle#needle failed?".to_owned();
        for event in [
            LogEvent::PolicyUnreadable { error: text() },
            LogEvent::Fallback { count: 1, cause: text() },
            LogEvent::Unanswered { count: 1, cause: text() },
            LogEvent::ControlTrouble { part: "KV", why: text() },
        ] {
            let line = event.to_line();
            assert!(line.contains("http://shop.example/a?…") && !line.contains("needle"), "{line}");
        }
    }
}
