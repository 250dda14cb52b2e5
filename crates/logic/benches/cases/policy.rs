//! Policies of any size: their documents, and an isolate's snapshot of them.

use core::time::Duration;
use std::fmt::Write as _;

use serin_logic::Timestamp;
use serin_logic::routing::decision::RoutingConfig;
use serin_logic::routing::override_token::OverrideKey;
use serin_logic::snapshot::{KvValues, Snapshot};

/// Time of every request in a benchmark.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A document with this `stickiness` and these `rules`, which are JSON lists.
pub(crate) fn document(stickiness: &str, rules: &str) -> String {
    format!(
        r#"{{"enabled": true, "percentage": 25, "rolloutId": "bench", "stickiness": {stickiness}, "rules": {rules}}}"#
    )
}

/// A document with visitor stickiness and these rules.
pub(crate) fn for_visitors(rules: &str) -> String {
    document(r#"["visitor"]"#, rules)
}

/// The given number of rules, each for its own path.
pub(crate) fn path_rules(count: usize) -> String {
    listed(count, |text, number| write!(text, r#"{{"match": {{"path": "/section-{number}/*"}}, "serve": "stable"}}"#))
}

/// One rule in which the given number of values, each formatted by `value`, replaces `LIST` in `matcher`.
pub(crate) fn list_rule(matcher: &str, count: usize, value: impl Fn(usize) -> String) -> String {
    let values = listed(count, |text, number| text.write_str(&value(number)));
    format!(r#"[{{"match": {}, "serve": "stable"}}]"#, matcher.replace("LIST", &values))
}

fn listed(count: usize, write: impl Fn(&mut String, usize) -> std::fmt::Result) -> String {
    let mut text = String::from("[");
    for number in 0..count {
        text.push_str(if number == 0 { "" } else { ", " });
        write(&mut text, number).unwrap();
    }
    text.push(']');
    text
}

/// The snapshot of an isolate that has read the document.
pub(crate) fn snapshot_of(document: String) -> Snapshot {
    let values = KvValues { canary_state: Some(document), ..KvValues::default() };
    let (snapshot, _) = Snapshot::default().apply_kv_values("canary-state", values, NOW);
    assert!(snapshot.rejected().is_none(), "{:?}", snapshot.rejected());
    snapshot
}

/// A Worker with a canary and with QA's override.
pub(crate) fn setup() -> RoutingConfig {
    RoutingConfig {
        canary_bound: true,
        has_versions: false,
        override_key: OverrideKey::new("a secret of QA's"),
        max_stale: Duration::from_mins(5),
    }
}
