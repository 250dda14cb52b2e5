//! Tests that the plans of docs/rollouts.md behave as the page describes.

use super::*;

/// The plan under a heading.
fn plan(heading: &str) -> &'static str {
    let page = include_str!("../../../../../docs/rollouts.md");
    let (_, section) = page.split_once(&format!("### {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let (_, block) = section.split_once("```json\n").unwrap();
    block.split_once("\n```").unwrap().0
}

#[test]
fn blue_green_is_judged_for_fifteen_minutes_and_undone_within_an_hour() {
    let start = || World::started(plan("Blue-green"));
    let mut world = start();
    assert_eq!((world.says().as_str(), world.kv()), ("baking, step 1 of 1 at 100 %", 100));
    world.run("14m59s");
    assert_eq!(world.says(), "baking, step 1 of 1 at 100 %");
    world.run("1s");
    assert_eq!(world.says(), "completed, step 1 of 1 at 100 %");
    world.run("59m59s");
    world.execute(Command::Undo).unwrap();
    assert_eq!((world.says().as_str(), world.kv()), ("rolled back, step 1 of 1 at 0 %, halted", 0));

    // A threshold that is exceeded in three analyses in a row rolls back; one analysis does not.
    let mut world = start();
    world.finding = fail(false);
    world.run("2m");
    assert_eq!(world.kv(), 100);
    world.run("1m");
    assert_eq!((world.says().as_str(), world.kv()), ("rolled back, step 1 of 1 at 0 %, halted", 0));

    let mut world = start();
    world.run("1h15m1s");
    assert!(
        matches!(world.execute(Command::Undo), Err(CommandError::WindowOver { .. })),
        "an hour after the end is too late"
    );
}

#[test]
fn an_ab_test_stays_until_an_operator_promotes_or_aborts() {
    let start = || {
        let mut world = World::started(plan("A/B test"));
        world.run("30d");
        assert_eq!((world.says().as_str(), world.kv()), ("paused, step 1 of 2 at 50 %", 50));
        world
    };
    let mut for_canary = start();
    for_canary.execute(Command::Promote).unwrap();
    assert_eq!((for_canary.says().as_str(), for_canary.kv()), ("baking, step 2 of 2 at 100 %", 100));
    let mut for_stable = start();
    for_stable.execute(Command::Abort { rollout: None }).unwrap();
    assert_eq!((for_stable.says().as_str(), for_stable.kv()), ("aborted, step 1 of 2 at 0 %, halted", 0));
    let mut bad = start();
    bad.finding = fail(true);
    bad.run("1m");
    assert_eq!((bad.says().as_str(), bad.kv()), ("rolled back, step 1 of 2 at 0 %, halted", 0), "a test is judged too");
}

#[test]
fn a_step_waits_for_approval_after_its_hold_and_a_passed_look() {
    let mut world = World::started(plan("Approval"));
    world.run("15m");
    assert_eq!(world.says(), "progressing, step 2 of 3 at 25 %", "the first step needs none");
    world.run("14m");
    world.finding = waiting();
    world.run("10m");
    assert_eq!(world.says(), "progressing, step 2 of 3 at 25 %", "nobody is asked while it is not known");
    world.finding = pass();
    world.run("1m");
    assert_eq!(world.says(), "paused, step 2 of 3 at 25 %");
    assert!(
        world.last_row().ends_with("The next step waits for an approval, `serin promote`."),
        "{}",
        world.last_row()
    );
    world.run("7d");
    assert_eq!(world.kv(), 25);
    world.execute(Command::Promote).unwrap();
    assert_eq!((world.says().as_str(), world.kv()), ("baking, step 3 of 3 at 100 %", 100));
}

#[test]
fn on_fail_hold_pauses_and_operators_may_resume_or_abort() {
    for strong in [true, false] {
        let start = || {
            let mut world = World::started(plan("Freeze"));
            world.run("31m");
            world.finding = fail(strong);
            world.run("1d");
            assert_eq!((world.says().as_str(), world.kv(), world.halted), ("paused, step 2 of 6 at 10 %", 10, false));
            assert!(world.audit.values().any(|entry| entry.reason.ends_with("an operator must decide.")));
            world
        };
        let mut on = start();
        on.finding = pass();
        on.execute(Command::Resume).unwrap();
        on.run("30m");
        assert_eq!(on.says(), "progressing, step 3 of 6 at 25 %");
        let mut back = start();
        back.execute(Command::Abort { rollout: None }).unwrap();
        assert_eq!(back.kv(), 0);
    }
}

#[test]
fn windows_hold_a_step_and_end() {
    // The clock of this test begins on a Thursday, 1970-01-01, which is no date of the plan's.
    let mut world = World::started(plan("Windows"));
    world.run("4d");
    assert_eq!(world.says(), "completed, step 4 of 4 at 100 %");
    let stepped: Vec<String> = world
        .audit
        .values()
        .filter(|entry| matches!(entry.action, Action::Stepped | Action::Completed))
        .map(|entry| entry.when.to_string())
        .collect();
    assert_eq!(stepped.first().map(String::as_str), Some("1970-01-01T06:00:00Z"), "{stepped:?}");
}
