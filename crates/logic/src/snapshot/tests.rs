use super::*;

const KEY: &str = "canary-state";
const STALE: Duration = Duration::from_mins(5);
const GOOD: &str = r#"{"enabled": true, "percentage": 5}"#;
const BAD: &str = r#"{"enabled": true, "percentage": 500}"#;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn state(text: &str) -> KvValues {
    KvValues { canary_state: Some(text.to_owned()), ..KvValues::default() }
}

fn thrown(switch: Switch, value: &str) -> KvValues {
    let switches = Switch::ALL.map(|each| (each == switch).then(|| value.to_owned()));
    KvValues { switches, ..state(GOOD) }
}

fn words(events: &[LogEvent]) -> Vec<String> {
    let word =
        |event: &LogEvent| serde_json::from_str::<serde_json::Value>(&event.to_line()).unwrap()["event"].to_string();
    events.iter().map(word).collect()
}

fn is_current(snapshot: &Snapshot, now: Timestamp) -> bool {
    matches!(snapshot.freshness(STALE, now), PolicyFreshness::Current(_))
}

#[test]
fn without_a_valid_read_the_policy_is_unknown() {
    assert!(matches!(Snapshot::default().freshness(STALE, at(0)), PolicyFreshness::Unknown));
    let (garbage, _) = Snapshot::default().apply_kv_values(KEY, state(BAD), at(0));
    assert!(matches!(garbage.freshness(STALE, at(0)), PolicyFreshness::Unknown));
}

#[test]
fn a_policy_holds_until_it_was_not_readable_for_too_long() {
    let (mut snapshot, _) = Snapshot::default().apply_kv_values(KEY, state(GOOD), at(0));
    for second in [60, 120, 300] {
        snapshot = snapshot.record_read_error("KV is down".to_owned()).0;
        assert!(is_current(&snapshot, at(second)));
    }
    assert!(matches!(snapshot.freshness(STALE, at(301)), PolicyFreshness::Stale));
    let (recovered, events) = snapshot.apply_kv_values(KEY, state(GOOD), at(400));
    assert!(is_current(&recovered, at(700)));
    assert_eq!(words(&events), ["\"policy-recovered\""]);
}

#[test]
fn an_invalid_document_leaves_the_last_good_policy_to_age() {
    let (good, _) = Snapshot::default().apply_kv_values(KEY, state(GOOD), at(0));
    let (bad, events) = good.apply_kv_values(KEY, state(BAD), at(10));
    assert_eq!(words(&events), ["\"policy-rejected\""]);
    assert_eq!(bad.rejected().map(|error| error.field.as_str()), Some("percentage"));
    assert_eq!(bad.last_good().map(|state| state.percentage.to_string()), Some("5".to_owned()));
    // The same garbage again is no news, and no sign of life.
    let (still_bad, events) = bad.apply_kv_values(KEY, state(BAD), at(200));
    assert_eq!(events, []);
    assert!(matches!(still_bad.freshness(STALE, at(301)), PolicyFreshness::Stale));
    // The good one again is in force at once.
    let (good_again, events) = still_bad.apply_kv_values(KEY, state(GOOD), at(310));
    assert_eq!(events, []);
    assert!(good_again.rejected().is_none() && is_current(&good_again, at(600)));
}

#[test]
fn an_unchanged_document_stays_fresh_and_is_not_logged() {
    let (first, events) = Snapshot::default().apply_kv_values(KEY, state(GOOD), at(0));
    assert_eq!(words(&events), ["\"policy-changed\""]);
    let (second, events) = first.apply_kv_values(KEY, state(GOOD), at(200));
    assert_eq!(events, []);
    assert!(is_current(&second, at(500)));
}

#[test]
fn an_absent_key_turns_the_canary_off_at_once() {
    let (good, _) = Snapshot::default().apply_kv_values(KEY, state(GOOD), at(0));
    let (absent, events) = good.apply_kv_values(KEY, KvValues::default(), at(5));
    assert!(matches!(absent.freshness(STALE, at(5)), PolicyFreshness::Absent));
    assert_eq!(words(&events), ["\"policy-changed\""]);
    assert_eq!(absent.apply_kv_values(KEY, KvValues::default(), at(10)).1, []);
}

#[test]
fn a_switch_that_was_on_stays_on_while_kv_fails() {
    let (on, events) = Snapshot::default().apply_kv_values(KEY, thrown(Switch::Maintenance, "1"), at(0));
    assert_eq!(words(&events), ["\"policy-changed\"", "\"switch-thrown\""]);
    let (silent, _) = on.record_read_error("KV is down".to_owned());
    assert!(silent.switches().is_on(Switch::Maintenance, at(1_000_000)));
    let (off, events) = silent.apply_kv_values(KEY, state(GOOD), at(1_000_001));
    assert!(!off.switches().is_on(Switch::Maintenance, at(1_000_001)));
    assert_eq!(words(&events), ["\"policy-recovered\"", "\"switch-cleared\""]);
}

#[test]
fn a_failing_read_is_logged_once() {
    let (first, event) = Snapshot::default().record_read_error("down".to_owned());
    assert_eq!(event, Some(LogEvent::PolicyUnreadable { error: "down".to_owned() }));
    assert_eq!(first.record_read_error("still down".to_owned()).1, None);
}

#[test]
fn a_new_salt_or_a_disabled_canary_is_another_rollout() {
    let read = |text: &str| Snapshot::default().apply_kv_values(KEY, state(text), at(0)).0;
    let running = read(GOOD);
    assert!(read(r#"{"enabled": true, "percentage": 50}"#).continues(&running));
    assert!(!read(r#"{"enabled": true, "percentage": 5, "rolloutId": "2"}"#).continues(&running));
    assert!(!read(r#"{"enabled": false, "percentage": 5}"#).continues(&running));
}
