//! Rows of the audit as they are stored and shown, but for their `seq`.

use serde_json::Value;

use super::call::By;
use crate::rollout::{PhaseKind, Row, Standing};
use crate::timestamp::Timestamp;
use crate::{json, object};

/// A transition or a look of the rollout.
pub fn rollout_row(row: &Row) -> Value {
    object!({
        "at": Timestamp::from(row.when).to_rfc3339(),
        "who": row.who.as_str(),
        "what": json::value(&row.what),
        "rolloutId": row.rollout_id.as_deref(),
        "before": standing(&row.before),
        "after": standing(&row.after),
        "why": row.why.as_str(),
        "sentence": row.to_string(),
    })
}

fn standing(standing: &Standing) -> Value {
    let Standing { phase, step, of, percentage, halted, epoch } = *standing;
    object!({
        "phase": phase.map(PhaseKind::word), "step": step, "of": of, "percentage": percentage, "halted": halted, "epoch": epoch,
    })
}

/// A change of what is in KV under `key`: its text before and after, where there is one.
pub fn change_row(key: &str, by: &By, before: Option<&str>, after: Option<&str>, now: Timestamp) -> Value {
    let done = if after.is_some() { "written" } else { "cleared" };
    let mut sentence = format!("{key} {done} by {}", by.who);
    if !by.why.is_empty() {
        sentence = format!("{sentence}: {}", by.why);
    }
    object!({
        "at": now.to_rfc3339(),
        "who": by.who.as_str(),
        "what": done,
        "rolloutId": Value::Null,
        "before": before,
        "after": after,
        "why": by.why.as_str(),
        "sentence": sentence,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_says_who_why_and_what_was_there() {
        let by = By { who: "ada".into(), why: "database".into(), epoch: None };
        let row = change_row("maintenance", &by, None, Some("1"), Timestamp::from_seconds(1_800_000_000));
        assert_eq!(row["sentence"], "maintenance written by ada: database");
        assert_eq!(
            (&row["before"], &row["after"], &row["at"]),
            (&Value::Null, &json!("1"), &json!("2027-01-15T08:00:00.000Z"))
        );
        let row = change_row("maintenance", &By { why: String::new(), ..by }, Some("1"), None, Timestamp::default());
        assert_eq!(row["sentence"], "maintenance cleared by ada");
    }
}
