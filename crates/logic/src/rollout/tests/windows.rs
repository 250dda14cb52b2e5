//! Windows in which no step is taken.

use proptest::prelude::*;

use super::*;

/// Steps of an hour, from eight to five on weekdays.
const OFFICE: &str = r#"{"steps":[5,50,100],"hold":"1h","freeze":{"timeZone":"Europe/Berlin","days":["sat","sun"],"hours":["17:00-08:00"]}}"#;

/// A world at this time, in a zone an hour ahead of UTC.
fn started_at(moment: &str, plan: &str) -> World {
    let mut world = World { offset: |_, _| Some(60), ..World::new() };
    world.now = at(moment);
    world.execute(start_of("r1", plan)).unwrap();
    world
}

fn at(moment: &str) -> Timestamp {
    Timestamp::parse(moment).unwrap()
}

fn entries(world: &World, action: Action) -> Vec<String> {
    let entries = world.audit.values().filter(|entry| entry.action == action);
    entries.map(|entry| entry.when.to_string()).collect()
}

#[test]
fn a_step_whose_hold_ends_on_friday_night_is_taken_on_monday_morning() {
    let mut world = started_at("2026-11-20T15:30:00Z", OFFICE);
    world.run("1h");
    assert_eq!(world.says(), "progressing, step 1 of 3 at 5 %", "it is half past five");
    let monday = at("2026-11-23T07:00:00Z");
    assert_eq!(world.state.rollout().unwrap().frozen_until, Some(monday));
    world.run("2d14h29m");
    assert_eq!(world.kv(), 5);
    world.run("1m");
    assert_eq!((world.now, world.says().as_str()), (monday, "progressing, step 2 of 3 at 50 %"));
    assert_eq!(world.state.rollout().unwrap().frozen_until, None);
    world.run("1d");
    assert_eq!(world.says(), "completed, step 3 of 3 at 100 %");
}

#[test]
fn waiting_for_a_window_is_audited_and_notified_once() {
    let mut world = started_at("2026-11-20T15:30:00Z", OFFICE);
    world.run("2d");
    let notified: Vec<_> = world.audit.values().filter(|entry| entry.reason.contains("Frozen")).collect();
    let [entry] = notified.as_slice() else { panic!("{notified:?}") };
    assert_eq!(
        entry.reason,
        "0 of 400 requests failed. Frozen by the plan (Europe/Berlin) until 2026-11-23T07:00:00Z."
    );
    assert_eq!(world.notified(), [Action::Started, Action::Looked]);
}

#[test]
fn completion_waits_too() {
    let mut world = started_at(
        "2026-11-20T15:30:00Z",
        r#"{"schedule":"blue-green","bake":"1h","freeze":{"timeZone":"UTC","days":["fri"]}}"#,
    );
    world.run("7h29m");
    assert_eq!(world.says(), "baking, step 1 of 1 at 100 %");
    world.run("1m");
    assert_eq!(entries(&world, Action::Completed), ["2026-11-20T23:00:00Z"]);
}

#[test]
fn a_bad_canary_is_taken_out_during_a_window() {
    for strong in [true, false] {
        let mut world = started_at("2026-11-20T15:30:00Z", OFFICE);
        world.run("5h");
        world.finding = fail(strong);
        world.run("3m");
        assert_eq!(world.says(), "rolled back, step 1 of 3 at 0 %, halted");
        assert_eq!(world.state.rollout().unwrap().frozen_until, None);
    }
}

#[test]
fn operators_may_promote_pause_and_resume_in_a_window() {
    let mut world = started_at("2026-11-20T15:30:00Z", OFFICE);
    world.run("2h");
    world.execute(Command::Promote).unwrap();
    assert_eq!(world.says(), "progressing, step 2 of 3 at 50 %");
    assert_eq!(world.state.rollout().unwrap().frozen_until, None, "the new step has its hold first");
    world.run("2h");
    assert!(world.state.rollout().unwrap().frozen_until.is_some());
    world.execute(Command::Pause).unwrap();
    assert_eq!(world.state.rollout().unwrap().frozen_until, None, "now it waits for an operator");
    world.execute(Command::Resume).unwrap();
    world.run("1h");
    assert_eq!(world.says(), "progressing, step 2 of 3 at 50 %");
}

/// A few hours of each day but Wednesday.
const SHORT_DAYS: &str = r#"{"steps":[5,20,50,100],"hold":"30m","lookEvery":"10m","freeze":{"timeZone":"Z","days":["wed"],"hours":["10:30-06:15","07:00-08:00"]}}"#;

/// Zones without summer time: behind UTC, at UTC and ahead of it.
const OFFSETS: [UtcOffset; 3] = [|_, _| Some(-570), |_, _| Some(0), |_, _| Some(330)];

proptest! {
    #[test]
    fn no_step_is_taken_in_a_window_and_each_is_taken_at_its_end(start in 0..10_080_u64, zone in 0..OFFSETS.len()) {
        let offset = OFFSETS[zone];
        let mut world = World { offset, ..World::new() };
        world.now = at("2026-11-16T00:00:00Z").after(Span::from_secs(start * 60));
        world.execute(start_of("r1", SHORT_DAYS)).unwrap();
        let freeze = world.state.rollout().unwrap().plan.freeze().unwrap().clone();
        let mut entered = world.now;
        while world.state.summary().phase != Some(PhaseKind::Completed) {
            let due = entered.after(Span::from_secs(1_800));
            let step = world.state.summary().step;
            while world.state.summary().step == step && world.state.summary().phase != Some(PhaseKind::Completed) {
                world.ring();
                prop_assert!(world.now.since(entered) < Span::from_secs(3 * 86_400).into(), "it must go on");
            }
            prop_assert_eq!(freeze.end(offset, world.now).unwrap(), None, "a step in a window");
            prop_assert_eq!(world.now, freeze.end(offset, due).unwrap().unwrap_or(due), "late or early");
            entered = world.now;
        }
    }
}

#[test]
fn a_clock_beyond_every_calendar_is_in_no_window() {
    let plan = Plan::parse(OFFICE).unwrap();
    for at in [i64::MAX, i64::MAX / 2, i64::MIN] {
        for offset in [|_: &str, _| Some(i32::MAX), |_: &str, _| Some(i32::MIN)] {
            assert_eq!(plan.freeze().unwrap().end(offset, Timestamp::from_millis(at)), Ok(None), "{at}");
        }
    }
}
