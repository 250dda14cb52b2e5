use super::*;
use crate::snapshot::KvValues;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const MAX_STALE: Duration = Duration::from_mins(5);

fn report(stable: Status, other: Status) -> Report {
    let part = |status| Component { status, ..Component::ok() };
    Report::detailed("1.2.1", vec![("build", Component::ok()), ("canary", part(other)), (STABLE, part(stable))])
}

#[test]
fn only_stable_takes_the_whole_down() {
    for (stable, other, whole, http) in [
        (Status::Ok, Status::Ok, Status::Ok, 200),
        (Status::Ok, Status::Down, Status::Degraded, 200),
        (Status::Ok, Status::Degraded, Status::Degraded, 200),
        (Status::Down, Status::Ok, Status::Down, 503),
    ] {
        let report = report(stable, other);
        assert_eq!((report.status, report.http_status()), (whole, http), "{stable:?} {other:?}");
    }
}

#[test]
fn the_short_answer_is_frozen() {
    // Monitoring compares this exact text.
    let brief = report(Status::Ok, Status::Ok).without_detail();
    assert_eq!(brief.to_json(), r#"{"status":"ok","version":"1.2.1"}"#);
}

#[test]
fn the_policy_shows_what_an_operator_needs() {
    let state =
        r#"{"enabled": true, "percentage": 12.5, "rolloutId": "r7", "generation": 3, "canaryWorker": "my-api-canary"}"#;
    let values = KvValues { canary_state: Some(state.to_owned()), ..KvValues::default() };
    let (snapshot, _) = Snapshot::default().apply_kv_values("canary-state", values, NOW);
    let shown = Component::policy(&snapshot, MAX_STALE, NOW.after(Duration::from_secs(7)));
    assert_eq!(
        serde_json::to_string(&shown).unwrap(),
        r#"{"status":"ok","ageSeconds":7,"enabled":true,"percentage":12.5,"effectivePercentage":12.5,"rolloutId":"r7","rules":0,"canaryWorker":"my-api-canary","generation":3,"warnings":[]}"#
    );
}

#[test]
fn a_rejected_document_is_named_with_its_field() {
    let values = KvValues { canary_state: Some(r#"{"enabled": 1}"#.to_owned()), ..KvValues::default() };
    let (snapshot, _) = Snapshot::default().apply_kv_values("canary-state", values, NOW);
    let shown = Component::policy(&snapshot, MAX_STALE, NOW);
    assert_eq!(shown.status(), Status::Degraded);
    assert_eq!(
        serde_json::to_string(&shown).unwrap(),
        r#"{"status":"degraded","message":"no valid policy was read yet: the canary is off","effectivePercentage":0,"stoppedBy":"there is no valid canary-state","warnings":[],"error":{"field":"enabled","message":"1 is not accepted, accepted: true or false"}}"#
    );
}

#[test]
fn a_switch_that_is_on_shows_its_reason_and_end() {
    let value = r#"{"reason": "migration", "until": "2027-01-16T00:00:00Z"}"#;
    let switches = Switch::ALL.map(|switch| (switch == Switch::DisableWrites).then(|| value.to_owned()));
    let (snapshot, _) =
        Snapshot::default().apply_kv_values("canary-state", KvValues { switches, ..KvValues::default() }, NOW);
    assert_eq!(
        serde_json::to_string(&Component::switches(&snapshot, NOW)).unwrap(),
        r#"{"status":"degraded","on":[{"name":"ops:disable_writes","reason":"migration","until":"2027-01-16T00:00:00Z","heldBy":"kv","since":"2027-01-15T08:00:00Z"}]}"#
    );
}
