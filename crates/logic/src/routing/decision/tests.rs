use core::time::Duration;

use proptest::prelude::*;

use super::super::override_token::{self, OverrideKey};
use super::*;
use crate::request_attributes::samples::SampleRequest;
use crate::snapshot::KvValues;
use crate::visitor;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn config() -> RoutingConfig {
    RoutingConfig {
        canary_bound: true,
        has_versions: false,
        override_key: OverrideKey::new("secret"),
        max_stale: Duration::from_mins(5),
    }
}

/// A snapshot of a state, given as JSON, and of the switches that are on.
fn snapshot(state: Option<&str>, on: &[Switch]) -> Snapshot {
    let switches = Switch::ALL.map(|switch| on.contains(&switch).then(|| "1".to_owned()));
    let values = KvValues { canary_state: state.map(str::to_owned), switches };
    Snapshot::default().apply_kv_values("canary-state", values, NOW).0
}

fn forced(request: SampleRequest) -> SampleRequest {
    let token =
        OverrideKey::new("secret").unwrap().sign("shop.example", Variant::Canary, NOW.after(Duration::from_mins(5)));
    request.header(override_token::HEADER, &token)
}

fn decided(snapshot: &Snapshot, request: &SampleRequest) -> (Outcome, Reason) {
    let decision = decide(snapshot, &config(), request, NOW);
    (decision.outcome, decision.reason)
}

const STABLE: Outcome = Outcome::Serve(Variant::Stable);
const CANARY: Outcome = Outcome::Serve(Variant::Canary);
const ALL: &str = r#"{"enabled": true, "percentage": 100, "rules": [{"match": {"path": "/r*"}, "serve": "stable"}]}"#;
const NONE: &str = r#"{"enabled": true, "percentage": 0}"#;
const DISABLED: &str = r#"{"enabled": false, "percentage": 100}"#;

#[test]
fn each_reason_outranks_all_that_follow_it() {
    let post = forced(SampleRequest::get("/rule").method("POST"));
    let get = forced(SampleRequest::get("/rule"));
    let maintenance = (Outcome::Unavailable(Switch::Maintenance), Reason::Maintenance);
    let writes = (Outcome::Unavailable(Switch::DisableWrites), Reason::Writes);
    assert_eq!(decided(&snapshot(Some(ALL), &Switch::ALL), &post), maintenance);
    assert_eq!(decided(&snapshot(Some(ALL), &[Switch::DisableWrites, Switch::DisableCanary]), &post), writes);
    assert_eq!(
        decided(&snapshot(Some(ALL), &[Switch::DisableWrites, Switch::DisableCanary]), &get),
        (STABLE, Reason::Halted)
    );
    assert_eq!(decided(&snapshot(Some(DISABLED), &[]), &get), (STABLE, Reason::Disabled));
    assert_eq!(decided(&snapshot(None, &[]), &get), (STABLE, Reason::Missing));
    assert_eq!(decided(&snapshot(Some("garbage"), &[]), &get), (STABLE, Reason::Unknown));
    assert_eq!(decided(&snapshot(Some(ALL), &[]), &get), (CANARY, Reason::Override));
    assert_eq!(decided(&snapshot(Some(ALL), &[]), &SampleRequest::get("/rule")), (STABLE, Reason::Rule(RuleNumber(0))));
    assert_eq!(decided(&snapshot(Some(ALL), &[]), &SampleRequest::get("/")), (CANARY, Reason::Percentage));
}

#[test]
fn without_a_canary_every_request_goes_to_stable() {
    let alone = RoutingConfig { canary_bound: false, ..config() };
    let decision = decide(&snapshot(Some(ALL), &[]), &alone, &forced(SampleRequest::get("/")), NOW);
    assert_eq!((decision.outcome, decision.reason), (STABLE, Reason::Unbound));
}

#[test]
fn a_version_needs_the_name_of_its_worker_and_a_worker_its_binding() {
    const VERSION: &str = r#"{"enabled": true, "percentage": 100, "canaryVersion": "new"}"#;
    let decided = |state, canary_bound, has_versions| {
        let config = RoutingConfig { canary_bound, has_versions, ..config() };
        let decision = decide(&snapshot(Some(state), &[]), &config, &SampleRequest::get("/"), NOW);
        (decision.outcome, decision.reason)
    };
    for (state, canary_bound, has_versions) in [(VERSION, false, true), (VERSION, true, true), (ALL, true, true)] {
        assert_eq!(decided(state, canary_bound, has_versions), (CANARY, Reason::Percentage), "{state}");
    }
    for (state, canary_bound, has_versions) in [(VERSION, true, false), (VERSION, false, false), (ALL, false, true)] {
        assert_eq!(decided(state, canary_bound, has_versions), (STABLE, Reason::Unbound), "{state}");
    }
}

#[test]
fn the_canary_is_off_when_its_policy_was_not_readable_for_too_long() {
    let snapshot = snapshot(Some(ALL), &[]);
    let at = |seconds| decide(&snapshot, &config(), &SampleRequest::get("/"), NOW.after(Duration::from_secs(seconds)));
    assert_eq!(at(300).reason, Reason::Percentage);
    assert_eq!(at(301).reason, Reason::Stale);
    assert_eq!(at(301).outcome, STABLE);
}

#[test]
fn writes_are_what_is_not_a_safe_method() {
    let snapshot = snapshot(Some(NONE), &[Switch::DisableWrites]);
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        assert_eq!(decided(&snapshot, &SampleRequest::get("/").method(method)).0, STABLE, "{method}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE", "get"] {
        assert_eq!(decided(&snapshot, &SampleRequest::get("/").method(method)).1, Reason::Writes, "{method}");
    }
}

#[test]
fn the_override_works_at_0_percent() {
    assert_eq!(decided(&snapshot(Some(NONE), &[]), &forced(SampleRequest::get("/"))), (CANARY, Reason::Override));
}

#[test]
fn a_request_without_a_sticky_key_is_on_the_canary_only_at_100_percent() {
    let almost = r#"{"enabled": true, "percentage": 99.999}"#;
    assert_eq!(decided(&snapshot(Some(almost), &[]), &SampleRequest::get("/")).0, STABLE);
    assert_eq!(decided(&snapshot(Some(ALL), &[]), &SampleRequest::get("/")).0, CANARY);
}

#[test]
fn only_a_request_that_the_percentage_decides_gets_the_cookie() {
    let page = SampleRequest::get("/").header("accept", "text/html");
    let rule = SampleRequest::get("/rule").header("accept", "text/html");
    let cookie =
        |state, request: &SampleRequest| decide(&snapshot(Some(state), &[]), &config(), request, NOW).new_visitor;
    assert!(cookie(ALL, &page).is_some());
    assert!(cookie(NONE, &page).is_some());
    assert!(cookie(ALL, &rule).is_none());
    assert!(cookie(DISABLED, &page).is_none());
    let known = page.clone().cookie(visitor::COOKIE, VisitorId::from_random([3; 16]).as_str());
    assert!(cookie(ALL, &known).is_none());
}

#[test]
fn a_rule_may_have_a_percentage_of_its_own() {
    let state =
        r#"{"enabled": true, "percentage": 0, "rules": [{"match": {"path": "/beta"}, "serve": {"percentage": 100}}]}"#;
    assert_eq!(
        decided(&snapshot(Some(state), &[]), &SampleRequest::get("/beta")),
        (CANARY, Reason::Rule(RuleNumber(0)))
    );
    assert_eq!(decided(&snapshot(Some(state), &[]), &SampleRequest::get("/")), (STABLE, Reason::Percentage));
}

fn state_with(thousandths: u32, salt: &str) -> String {
    let percentage = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    format!(
        r#"{{"enabled": true, "percentage": {percentage}, "rolloutId": "{salt}", "stickiness": ["header:x-user"]}}"#
    )
}

proptest! {
    #[test]
    fn a_higher_percentage_never_moves_a_key_off_the_canary(
        low in 0..=100_000_u32, more in 0..=100_000_u32, salt in "[a-z]{0,6}", user in "[a-z0-9]{1,12}",
    ) {
        let high = low.saturating_add(more).min(100_000);
        let request = SampleRequest::get("/").header("x-user", &user);
        let at = |share| decided(&snapshot(Some(&state_with(share, &salt)), &[]), &request).0;
        prop_assert!(at(low) == STABLE || at(high) == CANARY);
    }

    #[test]
    fn a_thrown_switch_keeps_every_request_off_the_canary(path in "/[a-z]{0,4}", method in "GET|POST|PUT", switch in 0..3_usize) {
        let request = forced(SampleRequest::get(&path).method(&method)).header("accept", "text/html");
        let thrown = Switch::ALL[switch];
        let (outcome, _) = decided(&snapshot(Some(ALL), &[thrown]), &request);
        let safe = thrown == Switch::DisableWrites && method == "GET";
        prop_assert!(safe || outcome != CANARY);
    }
}

/// A snapshot in a step that mirrors, as the controller orders it.
fn mirroring(state: &str, mirror: &str, on: &[Switch]) -> Snapshot {
    let overlay = format!(
        r#"{{"revision":1,"rollout":{{"epoch":1,"observation":{{"rolloutId":"r1","attempt":0,"step":0}},"mirror":{mirror}}}}}"#
    );
    let overlay = crate::rollout::Overlay::parse(&overlay).unwrap().unwrap();
    snapshot(Some(state), on).apply_overlay("canary-state", overlay, NOW).0
}

fn may_be_copied(snapshot: &Snapshot, request: &SampleRequest) -> bool {
    let decision = decide(snapshot, &config(), request, NOW);
    assert_eq!(
        (decision.outcome, decision.observed),
        (STABLE, None),
        "nobody is on the canary, and nobody is compared"
    );
    decision.mirrored.is_some()
}

#[test]
fn what_the_percentage_decides_may_be_copied_and_what_a_rule_or_a_switch_decides_may_not() {
    let state = r#"{"enabled": true, "percentage": 0, "rules": [{"match": {"path": "/r*"}, "serve": "stable"}, {"match": {"path": "/p*"}, "serve": {"percentage": 0}}]}"#;
    let all = r#"{"percentage":100,"inFlight":8}"#;
    let on = mirroring(state, all, &[]);
    let get = |path: &str| SampleRequest::get(path).header("cf-connecting-ip", "203.0.113.7");
    assert!(may_be_copied(&on, &get("/a")));
    assert!(!may_be_copied(&on, &get("/rule")) && !may_be_copied(&on, &get("/part")));
    assert!(!may_be_copied(&mirroring(state, all, &[Switch::DisableCanary]), &get("/a")));
    let disabled = r#"{"enabled": false, "percentage": 0}"#;
    assert!(!may_be_copied(&mirroring(disabled, all, &[]), &get("/a")));
    assert!(!may_be_copied(&snapshot(Some(state), &[]), &get("/a")), "no step mirrors");
    let narrow = r#"{"percentage":100,"inFlight":8,"where":{"header":{"x-ring":"1"}},"paths":["/api/*"]}"#;
    let narrow = mirroring(state, narrow, &[]);
    assert!(may_be_copied(&narrow, &get("/api/x").header("x-ring", "1")));
    assert!(!may_be_copied(&narrow, &get("/api/x")) && !may_be_copied(&narrow, &get("/x").header("x-ring", "1")));
}
