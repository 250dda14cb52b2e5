//! Policies of any size, as documents and as an isolate's snapshot of them.

use core::time::Duration;
use std::fmt::Write as _;

use serin_logic::Timestamp;
use serin_logic::routing::decision::RoutingConfig;
use serin_logic::routing::override_token::OverrideKey;
use serin_logic::snapshot::{KvValues, Snapshot};

/// When every request of a benchmark comes.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A document with this `stickiness` and these `rules`, both JSON lists.
pub(crate) fn document(stickiness: &str, rules: &str) -> String {
    format!(
        r#"{{"enabled": true, "percentage": 25, "rolloutId": "bench", "stickiness": {stickiness}, "rules": {rules}}}"#
    )
}

/// A document for visitors, with these rules.
pub(crate) fn for_visitors(rules: &str) -> String {
    document(r#"["visitor"]"#, rules)
}

/// So many rules, each for a path of its own.
pub(crate) fn path_rules(count: usize) -> String {
    listed(count, |text, number| write!(text, r#"{{"match": {{"path": "/section-{number}/*"}}, "serve": "stable"}}"#))
}

/// One rule with so many values where `matcher` says `LIST`, each written by `value`.
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

/// What an isolate holds once it has read the document.
pub(crate) fn snapshot_of(document: String) -> Snapshot {
    let values = KvValues { canary_state: Some(document), ..KvValues::default() };
    let (snapshot, _) = Snapshot::default().apply_kv_values("canary-state", values, NOW);
    assert!(snapshot.rejected().is_none(), "{:?}", snapshot.rejected());
    snapshot
}

/// A Worker with a canary, and with QA's override.
pub(crate) fn setup() -> RoutingConfig {
    RoutingConfig {
        canary_bound: true,
        override_key: OverrideKey::new("a secret of QA's"),
        max_stale: Duration::from_mins(5),
    }
}
