use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::document::InvalidDocument;
use crate::rollout::schedule::Plan;

/// Clocks that are put forward at two, at midnight, by half an hour, in autumn of the north; one that is never; one across the date line.
const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/Santiago",
    "Australia/Lord_Howe",
    "America/New_York",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "UTC",
];

fn offset(zone: &str, at: Timestamp) -> Option<i32> {
    let moment = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap();
    TimeZone::get(zone).ok().map(|zone| zone.to_offset(moment).seconds() / 60)
}

fn plan(freeze: &serde_json::Value) -> Result<Plan, InvalidDocument> {
    Plan::parse(&json!({"schedule": "fast", "freeze": freeze}).to_string())
}

fn freeze(freeze: &serde_json::Value) -> Freeze {
    plan(freeze).unwrap().freeze().unwrap().clone()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn end(of: &Freeze, now: &str) -> Option<String> {
    of.end(offset, at(now)).unwrap().map(|end| end.to_string())
}

#[test]
fn nights_and_the_weekend_are_one_window() {
    let of = freeze(&json!({"timeZone": "Europe/Berlin", "days": ["sat", "sun"], "hours": ["22:00-06:00"]}));
    assert_eq!(end(&of, "2026-11-20T20:59:59Z"), None, "Friday, a second before ten");
    for now in ["2026-11-20T21:00:00Z", "2026-11-21T12:34:56Z", "2026-11-22T23:30:00Z", "2026-11-23T04:59:59Z"] {
        assert_eq!(end(&of, now).as_deref(), Some("2026-11-23T05:00:00Z"), "{now}: Monday at six");
    }
    assert_eq!(end(&of, "2026-11-23T05:00:00Z"), None);
}

#[test]
fn local_time_counts_when_the_clock_is_put_forward_and_back() {
    let weekend = freeze(&json!({"timeZone": "Europe/Berlin", "days": ["sun"]}));
    assert_eq!(end(&weekend, "2027-03-28T00:00:00Z").as_deref(), Some("2027-03-28T22:00:00Z"));
    assert_eq!(end(&weekend, "2026-10-25T00:00:00Z").as_deref(), Some("2026-10-25T23:00:00Z"));
    let night = freeze(&json!({"timeZone": "Europe/Berlin", "hours": ["22:00-02:30"]}));
    // At two it is three: half past two does not come.
    assert_eq!(end(&night, "2027-03-28T00:30:00Z").as_deref(), Some("2027-03-28T01:00:00Z"));
    // At three it is two again: half past two comes twice, and what lies before it as well.
    assert_eq!(end(&night, "2026-10-24T23:00:00Z").as_deref(), Some("2026-10-25T00:30:00Z"));
    assert_eq!(end(&night, "2026-10-25T01:10:00Z").as_deref(), Some("2026-10-25T01:30:00Z"));
    // Here midnight itself does not come.
    let santiago = freeze(&json!({"timeZone": "America/Santiago", "dates": ["2026-09-05"]}));
    assert_eq!(end(&santiago, "2026-09-06T03:00:00Z").as_deref(), Some("2026-09-06T04:00:00Z"));
}

#[test]
fn dates_are_whole_days_and_stretches_include_both_ends() {
    let of = freeze(&json!({"timeZone": "UTC", "dates": ["2026-12-24", "2026-12-31..2027-01-02"]}));
    assert_eq!(end(&of, "2026-12-24T00:00:00Z").as_deref(), Some("2026-12-25T00:00:00Z"));
    assert_eq!(end(&of, "2026-12-25T00:00:00Z"), None);
    assert_eq!(end(&of, "2026-12-31T00:00:00Z").as_deref(), Some("2027-01-03T00:00:00Z"));
    let until_midnight = freeze(&json!({"timeZone": "UTC", "hours": ["20:00-00:00"]}));
    assert_eq!(end(&until_midnight, "2026-12-24T21:00:00Z").as_deref(), Some("2026-12-25T00:00:00Z"));
}

#[test]
fn an_unknown_zone_is_refused() {
    let of = freeze(&json!({"timeZone": "Europe/Berlim", "days": ["sun"]}));
    let expected = UnknownZone("Europe/Berlim".into());
    assert_eq!(of.check_zone(offset, at("2026-12-24T00:00:00Z")), Err(expected.clone()));
    assert_eq!(of.end(offset, at("2026-12-24T00:00:00Z")), Err(expected.clone()));
    assert_eq!(
        expected.to_string(),
        r#"freeze.timeZone: "Europe/Berlim" is not accepted, accepted: a name of the IANA time zone database such as Europe/Berlin, or UTC"#
    );
}

#[test]
fn a_refused_freeze_is_explained_with_path_value_and_accepted_values() {
    let hours = "hours such as 22:00-06:00, from 00:00 to 24:00";
    let dates = "dates such as 2026-12-24 or 2026-12-24..2027-01-02, at most 366 days";
    let days = "one of mon, tue, wed, thu, fri, sat, sun";
    let some = r#"an object such as {"timeZone":"Europe/Berlin","days":["sat","sun"]} with days, hours or dates"#;
    let week = "days and hours that leave some time of the week for steps";
    for (wrong, expected) in [
        (
            json!("weekends"),
            r#"freeze: "weekends" is not accepted, accepted: an object such as {"timeZone":"Europe/Berlin","days":["sat","sun"]}"#.to_string(),
        ),
        (json!({"timeZone": "UTC"}), format!(r#"freeze: {{"timeZone":"UTC"}} is not accepted, accepted: {some}"#)),
        (json!({"days": ["sat"]}), "freeze.timeZone: missing, needed: a string".to_string()),
        (
            json!({"timeZone": "a b", "days": ["sat"]}),
            format!(r#"freeze.timeZone: "a b" is not accepted, accepted: {ACCEPTED_ZONE}"#),
        ),
        (
            json!({"timezone": "UTC"}),
            r"freeze.timezone: is not known, accepted: one of timeZone, days, hours, dates".into(),
        ),
        (json!({"timeZone": "UTC", "days": "sat"}), r#"freeze.days: "sat" is not accepted, accepted: a list"#.to_string()),
        (
            json!({"timeZone": "UTC", "days": ["sat", "Sun"]}),
            format!(r#"freeze.days[1]: "Sun" is not accepted, accepted: {days}"#),
        ),
        (
            json!({"timeZone": "UTC", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}),
            format!(
                r#"freeze: {{"days":["mon","tue","wed","thu","fri","sat","sun"],"timeZone":"UTC"}} is not accepted, accepted: {week}"#
            ),
        ),
        (
            json!({"timeZone": "UTC", "hours": ["08:00-20:00", "20:00-08:00"]}),
            format!(
                r#"freeze: {{"hours":["08:00-20:00","20:00-08:00"],"timeZone":"UTC"}} is not accepted, accepted: {week}"#
            ),
        ),
    ] {
        assert_eq!(plan(&wrong).unwrap_err().to_string(), expected);
    }
    for wrong in
        ["22-06", "22:00", "24:00-06:00", "6:00-08:00", "06:00-06:00", "22:60-23:00", "00:00-24:01", "+1:00-02:00"]
    {
        let said = plan(&json!({"timeZone": "UTC", "hours": [wrong]})).unwrap_err().to_string();
        assert_eq!(said, format!(r#"freeze.hours[0]: "{wrong}" is not accepted, accepted: {hours}"#));
    }
    for wrong in
        ["2026-02-29", "2026-2-01", "26-02-01", "2026-12-24..2026-12-23", "2026-01-01..2027-01-02", "2026-01-01-", "x"]
    {
        let said = plan(&json!({"timeZone": "UTC", "dates": [wrong]})).unwrap_err().to_string();
        assert_eq!(said, format!(r#"freeze.dates[0]: "{wrong}" is not accepted, accepted: {dates}"#));
    }
}

#[test]
fn a_plan_with_a_freeze_is_stored_and_read_back() {
    let stored = json!({"timeZone": "Europe/Berlin", "days": ["sat", "sun"], "hours": ["22:00-06:00", "12:00-24:00"],
        "dates": ["2026-12-24", "2026-12-31..2027-01-02"]});
    let plan = plan(&stored).unwrap();
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["freeze"], stored);
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan);
    let without = serde_json::to_value(Plan::parse(r#"{"schedule":"fast"}"#).unwrap()).unwrap();
    assert_eq!(without.get("freeze"), None, "plans without one are stored as they were before there was any");
}

/// Whether the clock on the wall is in a window, by another way.
fn is_frozen(of: &serde_json::Value, now: Timestamp) -> bool {
    let zone = TimeZone::get(of["timeZone"].as_str().unwrap()).unwrap();
    let wall = zone.to_datetime(jiff::Timestamp::from_millisecond(now.as_millis()).unwrap());
    let list = |name: &str| of[name].as_array().cloned().unwrap_or_default();
    let day = match wall.weekday() {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    };
    let (date, clock) = (wall.date().to_string(), wall.time().strftime("%H:%M").to_string());
    // Times and dates of fixed width are ordered as texts are.
    let in_hours = |hours: &str| {
        let (start, end) = hours.split_once('-').unwrap();
        if start < end {
            start <= clock.as_str() && clock.as_str() < end
        } else {
            start <= clock.as_str() || clock.as_str() < end
        }
    };
    let in_dates = |dates: &str| {
        let (from, to) = dates.split_once("..").unwrap_or((dates, dates));
        from <= date.as_str() && date.as_str() <= to
    };
    list("days").contains(&json!(day))
        || list("hours").iter().any(|hours| in_hours(hours.as_str().unwrap()))
        || list("dates").iter().any(|dates| in_dates(dates.as_str().unwrap()))
}

prop_compose! {
    fn freezes()(
        zone in 0..ZONES.len(),
        days in proptest::sample::subsequence(vec!["mon", "tue", "wed", "thu", "fri", "sat", "sun"], 0..4),
        hours in proptest::collection::vec((0..48_u32, 0..48_u32).prop_filter("some", |(start, end)| start != end), 0..3),
        dates in proptest::collection::vec((1..29_u32, 0..9_u32, 0..3_u32), 0..3),
    ) -> serde_json::Value {
        let clock = |half: u32| format!("{:02}:{:02}", half / 2, half % 2 * 30);
        let month = |place: u32| ["2026-10", "2027-03", "2027-04"][place as usize];
        json!({
            "timeZone": ZONES[zone],
            "days": days,
            "hours": hours.iter().map(|(start, end)| format!("{}-{}", clock(*start), clock(*end))).collect::<Vec<_>>(),
            "dates": dates.iter().map(|(day, more, place)| {
                format!("{m}-{day:02}..{m}-{:02}", (day + more).min(28), m = month(*place))
            }).collect::<Vec<_>>(),
        })
    }
}

proptest! {
    #[test]
    fn a_window_ends_at_the_first_minute_that_is_in_none(
        of in freezes(),
        // From the middle of September 2026 until the end of May 2027: both changes of the clock, on both sides of the equator.
        now in 1_789_500_000_000_i64..1_811_700_000_000,
    ) {
        let Ok(plan) = plan(&of) else { return Ok(()) };
        let end = plan.freeze().unwrap().end(offset, Timestamp::from_millis(now)).unwrap();
        let mut minute = now;
        while is_frozen(&of, Timestamp::from_millis(minute)) {
            minute = (minute / 60_000 + 1) * 60_000;
        }
        prop_assert_eq!(end.map_or(now, Timestamp::as_millis), minute, "{}", of);
    }
}
