use super::*;

const KEY: &str = "canary-state";
const STALE: Duration = Duration::from_mins(5);
const GOOD: &str = r#"{"enabled": true, "percentage": 5}"#;
const BAD: &str = r#"{"enabled": true, "percentage": 500}"#;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn state(text: &str) -> Documents {
    Documents { canary_state: Some(text.to_owned()), ..Documents::default() }
}

fn thrown(switch: Switch, value: &str) -> Documents {
    let switches = Switch::ALL.map(|each| (each == switch).then(|| value.to_owned()));
    Documents { switches, ..state(GOOD) }
}

fn words(notices: &[Notice]) -> Vec<String> {
    let word =
        |notice: &Notice| serde_json::from_str::<serde_json::Value>(&notice.to_line()).unwrap()["event"].to_string();
    notices.iter().map(word).collect()
}

fn is_current(snapshot: &Snapshot, now: Timestamp) -> bool {
    matches!(snapshot.standing(STALE, now), Standing::Current(_))
}

#[test]
fn nothing_read_is_nothing_known() {
    assert!(matches!(Snapshot::default().standing(STALE, at(0)), Standing::Unknown));
    let (garbage, _) = Snapshot::default().read(KEY, state(BAD), at(0));
    assert!(matches!(garbage.standing(STALE, at(0)), Standing::Unknown));
}

#[test]
fn a_policy_holds_until_it_was_not_readable_for_too_long() {
    let (mut snapshot, _) = Snapshot::default().read(KEY, state(GOOD), at(0));
    for second in [60, 120, 300] {
        snapshot = snapshot.unread("KV is down".to_owned()).0;
        assert!(is_current(&snapshot, at(second)));
    }
    assert!(matches!(snapshot.standing(STALE, at(301)), Standing::Stale));
    let (recovered, notices) = snapshot.read(KEY, state(GOOD), at(400));
    assert!(is_current(&recovered, at(700)));
    assert_eq!(words(&notices), ["\"policy-recovered\""]);
}

#[test]
fn garbage_leaves_the_last_good_policy_to_grow_old() {
    let (good, _) = Snapshot::default().read(KEY, state(GOOD), at(0));
    let (bad, notices) = good.read(KEY, state(BAD), at(10));
    assert_eq!(words(&notices), ["\"policy-rejected\""]);
    assert_eq!(bad.rejected().map(|error| error.field.as_str()), Some("percentage"));
    assert_eq!(bad.last_good().map(|state| state.percentage.to_string()), Some("5".to_owned()));
    // The same garbage again is no news, and no sign of life.
    let (still_bad, notices) = bad.read(KEY, state(BAD), at(200));
    assert_eq!(notices, []);
    assert!(matches!(still_bad.standing(STALE, at(301)), Standing::Stale));
    // The good one again is in force at once.
    let (good_again, notices) = still_bad.read(KEY, state(GOOD), at(310));
    assert_eq!(notices, []);
    assert!(good_again.rejected().is_none() && is_current(&good_again, at(600)));
}

#[test]
fn an_unchanged_document_stays_fresh_without_a_word() {
    let (first, notices) = Snapshot::default().read(KEY, state(GOOD), at(0));
    assert_eq!(words(&notices), ["\"policy-changed\""]);
    let (second, notices) = first.read(KEY, state(GOOD), at(200));
    assert_eq!(notices, []);
    assert!(is_current(&second, at(500)));
}

#[test]
fn an_absent_key_turns_the_canary_off_at_once() {
    let (good, _) = Snapshot::default().read(KEY, state(GOOD), at(0));
    let (absent, notices) = good.read(KEY, Documents::default(), at(5));
    assert!(matches!(absent.standing(STALE, at(5)), Standing::Absent));
    assert_eq!(words(&notices), ["\"policy-changed\""]);
    assert_eq!(absent.read(KEY, Documents::default(), at(10)).1, []);
}

#[test]
fn a_switch_that_was_on_stays_on_while_kv_is_silent() {
    let (on, notices) = Snapshot::default().read(KEY, thrown(Switch::Maintenance, "1"), at(0));
    assert_eq!(words(&notices), ["\"policy-changed\"", "\"switch-thrown\""]);
    let (silent, _) = on.unread("KV is down".to_owned());
    assert!(silent.switches().is_on(Switch::Maintenance, at(1_000_000)));
    let (off, notices) = silent.read(KEY, state(GOOD), at(1_000_001));
    assert!(!off.switches().is_on(Switch::Maintenance, at(1_000_001)));
    assert_eq!(words(&notices), ["\"policy-recovered\"", "\"switch-cleared\""]);
}

#[test]
fn silence_is_told_once() {
    let (first, notice) = Snapshot::default().unread("down".to_owned());
    assert_eq!(notice, Some(Notice::PolicyUnreadable { error: "down".to_owned() }));
    assert_eq!(first.unread("still down".to_owned()).1, None);
}

#[test]
fn a_new_salt_or_a_pause_ends_what_was_learnt_of_the_canary() {
    let read = |text: &str| Snapshot::default().read(KEY, state(text), at(0)).0;
    let running = read(GOOD);
    assert!(read(r#"{"enabled": true, "percentage": 50}"#).continues(&running));
    assert!(!read(r#"{"enabled": true, "percentage": 5, "rolloutId": "2"}"#).continues(&running));
    assert!(!read(r#"{"enabled": false, "percentage": 5}"#).continues(&running));
}
