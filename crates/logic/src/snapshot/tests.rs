use super::*;
use crate::policy::KvReading;

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

const WRITES: Switch = Switch::DisableWrites;
const ON: &str = r#"{"reason":"x"}"#;

fn read(snapshot: &Snapshot, value: Option<&str>, now: Timestamp) -> Snapshot {
    let values = value.map_or_else(|| state(GOOD), |value| thrown(WRITES, value));
    snapshot.apply_kv_values(KEY, values, now).0
}

/// The controller's overlay with an order on the switch for writes.
fn ordered(number: u64, value: Option<&str>, confirmed: bool, since: Timestamp) -> Overlay {
    let value = value.map(str::to_owned);
    let order = SwitchOrder { number, value, since, written_at: Some(since), confirmed, ..SwitchOrder::default() };
    let mut overlay = Overlay { revision: number, ..Overlay::default() };
    overlay.orders.insert(WRITES, order);
    overlay
}

fn told(snapshot: &Snapshot, overlay: Overlay, now: Timestamp) -> Snapshot {
    snapshot.apply_overlay(KEY, overlay, now).0
}

fn holder(snapshot: &Snapshot, now: Timestamp) -> Option<HeldBy> {
    let hold = snapshot.hold(WRITES, now);
    assert_eq!(hold.is_some(), snapshot.switches().is_on(WRITES, now));
    hold.map(|hold| hold.held_by)
}

#[test]
fn an_order_holds_until_kv_has_confirmed_it_once_and_then_kv_decides() {
    let day = 86_400;
    let mut snapshot = told(&read(&Snapshot::default(), None, at(0)), ordered(1, Some(ON), false, at(1)), at(1));
    for second in [2, 121, day] {
        snapshot = read(&snapshot, None, at(second));
        assert_eq!(holder(&snapshot, at(second)), Some(HeldBy::Controller), "KV lags {second} s");
        snapshot = snapshot.record_read_error("down".into()).0;
        snapshot = told(&snapshot, ordered(1, Some(ON), false, at(1)), at(second));
    }
    assert_eq!(snapshot.hold(WRITES, at(day)).unwrap().since, Some(at(1)));
    let told_before = told(&snapshot, ordered(1, Some(ON), false, at(1)), at(day));
    let confirmed = read(&told_before, Some(ON), at(day + 1));
    assert_eq!(holder(&confirmed, at(day + 1)), Some(HeldBy::Kv));
    assert_eq!(confirmed.hold(WRITES, at(day + 1)).unwrap().since, Some(at(1)));
    // The controller still sends the command, and an operator clears the key by hand.
    let still = told(&confirmed, ordered(1, Some(ON), false, at(1)), at(day + 2));
    assert_eq!(holder(&read(&still, None, at(day + 3)), at(day + 3)), None);
    let again = told(&still, ordered(2, Some("2"), false, at(day + 4)), at(day + 4));
    assert_eq!(holder(&read(&again, None, at(day + 5)), at(day + 5)), Some(HeldBy::Controller), "a new order holds");
}

#[test]
fn kv_and_the_controller_may_hold_a_switch_both() {
    let by_hand = read(&Snapshot::default(), Some("1"), at(0));
    assert_eq!((holder(&by_hand, at(5)), by_hand.hold(WRITES, at(5)).unwrap().since), (Some(HeldBy::Kv), Some(at(0))));
    let both = told(&read(&by_hand, Some("1"), at(9)), ordered(1, Some(ON), false, at(10)), at(10));
    assert_eq!((holder(&both, at(10)), both.hold(WRITES, at(10)).unwrap().since), (Some(HeldBy::Both), Some(at(10))));
    assert_eq!(by_hand.hold(Switch::Maintenance, at(5)), None);
}

#[test]
fn an_order_off_ends_a_switch_before_kv_does_and_never_hides_a_later_one() {
    let on = read(&Snapshot::default(), Some("1"), at(0));
    let off = told(&on, ordered(1, None, false, at(10)), at(10));
    assert_eq!(holder(&off, at(10)), None);
    assert_eq!(holder(&read(&off, Some("1"), at(100)), at(100)), None, "KV lags");
    assert_eq!(holder(&read(&off, Some("1"), at(131)), at(131)), Some(HeldBy::Kv), "it was turned on by hand");
    let seen = read(&off, None, at(20));
    assert_eq!(holder(&read(&seen, Some("1"), at(30)), at(30)), Some(HeldBy::Kv), "KV has confirmed it");
}

#[test]
fn a_new_isolate_goes_by_what_its_location_has_confirmed_and_read() {
    let held = told(&Snapshot::default(), ordered(1, Some(ON), false, at(0)), at(5));
    assert_eq!(holder(&held, at(5)), Some(HeldBy::Controller));
    let confirmed = told(&Snapshot::default(), ordered(1, Some(ON), true, at(0)), at(5));
    assert_eq!(holder(&confirmed, at(5)), Some(HeldBy::Controller), "nothing was read from KV");
    assert_eq!(holder(&read(&confirmed, None, at(6)), at(6)), None, "KV decides");

    let shared =
        |value| Overlay { reading: KvReading::new(&thrown(WRITES, value), at(4)), ..ordered(1, Some(ON), true, at(0)) };
    let informed = told(&Snapshot::default(), shared("1"), at(5));
    assert_eq!((holder(&informed, at(5)), informed.read_at()), (Some(HeldBy::Kv), Some(at(4))));
    assert!(is_current(&informed, at(5)));
    // What it has read itself of late counts more, and so does a clock that is right.
    for own in [read(&Snapshot::default(), None, at(0)), read(&Snapshot::default(), None, at(5))] {
        assert_eq!(holder(&told(&own, shared("1"), at(5)), at(5)), None);
    }
    assert_eq!(told(&Snapshot::default(), shared("1"), at(3)).read_at(), None);
    let idle = read(&Snapshot::default(), None, at(-26));
    assert_eq!(holder(&told(&idle, shared("1"), at(5)), at(5)), Some(HeldBy::Kv));
}

#[test]
fn an_isolate_that_holds_an_order_gives_its_own_reads_a_minute_to_confirm_it() {
    let held = told(&read(&Snapshot::default(), None, at(0)), ordered(1, Some(ON), false, at(1)), at(1));
    let told_so = told(&held, ordered(1, Some(ON), true, at(1)), at(5));
    assert_eq!(holder(&read(&told_so, None, at(10)), at(10)), Some(HeldBy::Controller), "its own cache lags");
    let later = told(&read(&told_so, None, at(10)), ordered(1, Some(ON), true, at(1)), at(64));
    assert_eq!(holder(&read(&later, None, at(64)), at(64)), Some(HeldBy::Controller));
    assert_eq!(holder(&read(&later, None, at(65)), at(65)), None, "it was cleared by hand since");
}

#[test]
fn a_controller_that_knows_no_orders_is_heard_as_before() {
    let switches = [(WRITES.key().to_owned(), "1".to_owned())].into();
    let old = Overlay { revision: 1, switches, ..Overlay::default() };
    let on = told(&read(&Snapshot::default(), None, at(0)), old, at(1));
    assert!(on.switches().is_on(WRITES, at(1)));
    let off = told(&on, Overlay { revision: 2, ..Overlay::default() }, at(2));
    assert!(!off.switches().is_on(WRITES, at(2)));
}

#[test]
fn requests_wait_for_a_policy_that_is_too_old_for_them() {
    let limits = AgeLimits { write: Duration::from_secs(30), read: STALE };
    let too_old = |snapshot: &Snapshot, is_write, now| snapshot.is_too_old(|| is_write, limits, now);
    assert!(too_old(&Snapshot::default(), true, at(0)) && too_old(&Snapshot::default(), false, at(0)));
    let (snapshot, _) = Snapshot::default().apply_kv_values(KEY, state(GOOD), at(0));
    for (second, write, read) in [
        (0, false, false),
        (29, false, false),
        (30, true, false),
        (299, true, false),
        (300, true, true),
        (-1, true, true),
    ] {
        assert_eq!(
            (too_old(&snapshot, true, at(second)), too_old(&snapshot, false, at(second))),
            (write, read),
            "{second}"
        );
    }
    let short = AgeLimits { read: Duration::from_secs(1), ..limits };
    assert!(snapshot.is_too_old(|| panic!("not asked"), short, at(2)));
}

#[test]
fn an_order_refuses_without_a_confirmation() {
    let ordered = told(&Snapshot::default(), ordered(1, Some(ON), false, at(0)), at(0));
    assert!(ordered.refuses_by_order(true, at(0)) && !ordered.refuses_by_order(false, at(0)));
    assert!(!read(&Snapshot::default(), Some("1"), at(0)).refuses_by_order(true, at(0)));
}
