//! What an operator must hear of: one structured line each, never one per request.

use serde::Serialize;

use crate::breaker::Transition;
use crate::json;
use crate::percentage::Percentage;
use crate::policy::CanaryState;
use crate::policy::switches::{Setting, Switch};
use crate::timestamp::Timestamp;

/// A line for the log. The field names are an interface: alerts match on them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Notice {
    /// Another policy is in force.
    PolicyChanged {
        /// The policy before; absent where there was none.
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Gist>,
        /// The policy now; absent where the key is gone.
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Gist>,
    },
    /// The document in KV is not valid: the last good policy stays.
    PolicyRejected {
        /// The offending field.
        field: String,
        /// Its value and what would be accepted.
        message: String,
    },
    /// KV did not answer: the last good policy stays.
    PolicyUnreadable {
        /// What went wrong.
        error: String,
    },
    /// KV answers again.
    PolicyRecovered,
    /// A kill switch was thrown.
    SwitchThrown {
        /// Its key.
        switch: &'static str,
        /// Why, when the operator said so.
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
    /// Stable answered for a failed canary, since the last such line.
    Fallback {
        /// How often.
        count: u32,
        /// The last failure: a status, or the exception's text.
        cause: String,
    },
    /// A variant threw and nothing could stand in: clients got 502, since the last such line.
    Unanswered {
        /// How often.
        count: u32,
        /// The last exception's text.
        cause: String,
    },
    /// The isolate's breaker changed its state.
    Breaker(Transition),
    /// A part of the control plane does not work; traffic does.
    ControlTrouble {
        /// Which part.
        part: &'static str,
        /// What went wrong.
        why: String,
    },
    /// The Worker itself is configured wrongly.
    Misconfigured {
        /// The variable or binding.
        name: &'static str,
        /// Its value and what would be accepted.
        message: String,
    },
}

/// A policy in one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gist {
    enabled: bool,
    percentage: Percentage,
    rollout_id: String,
    rules: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_by: Option<String>,
}

// === impl Notice ===

impl Notice {
    pub(crate) fn thrown(switch: Switch, setting: &Setting) -> Self {
        Self::SwitchThrown { switch: switch.key(), reason: setting.reason.clone(), until: setting.until }
    }

    pub(crate) fn policy_changed(before: Option<&CanaryState>, after: Option<&CanaryState>) -> Self {
        Self::PolicyChanged { before: before.map(Gist::of), after: after.map(Gist::of) }
    }

    /// A policy that the controller changed, if it did.
    pub(crate) fn share_changed(before: Option<&CanaryState>, after: Option<&CanaryState>) -> Option<Self> {
        let (before, after) = (before.map(Gist::of), after.map(Gist::of));
        (before != after).then_some(Self::PolicyChanged { before, after })
    }

    /// The line as JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        one_line(&json::text(self))
    }
}

/// Escapes what JSON leaves as it is and some readers of logs take for the end of a line: it can stand in strings only.
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

// === impl Gist ===

impl Gist {
    fn of(state: &CanaryState) -> Self {
        Self {
            enabled: state.enabled,
            percentage: state.percentage,
            rollout_id: state.rollout_id.clone(),
            rules: state.rules.len(),
            generation: state.notes.generation,
            updated_by: state.notes.updated_by.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_ends_a_line_somewhere_is_escaped() {
        let error = "a\r\nb\u{85}c\u{2028}d\u{2029}e\0".to_owned();
        let line = Notice::PolicyUnreadable { error: error.clone() }.to_line();
        assert_eq!(line, r#"{"event":"policy-unreadable","error":"a\r\nb\u0085c\u2028d\u2029e\u0000"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["error"], error);
    }
}
