//! Rollouts as operators experience them.

use super::*;

#[test]
fn a_healthy_canary_completes_after_an_hour() {
    let mut world = World::started(STANDARD);
    assert_eq!((world.says().as_str(), world.kv()), ("progressing, step 1 of 4 at 5 %", 5));
    world.run("14m59s");
    assert_eq!(world.kv(), 5);
    world.run("1s");
    assert_eq!((world.says().as_str(), world.kv()), ("progressing, step 2 of 4 at 25 %", 25));
    world.run("30m");
    assert_eq!(world.says(), "baking, step 4 of 4 at 100 %");
    world.run("15m");
    assert_eq!((world.says().as_str(), world.kv()), ("completed, step 4 of 4 at 100 %", 100));
    assert_eq!(
        world.notified(),
        [Action::Started, Action::Stepped, Action::Stepped, Action::Stepped, Action::Completed]
    );
    let looks = world.audit.values().filter(|entry| entry.action == Action::Looked).count();
    assert_eq!(looks, 4 * 14, "a look a minute, of which every fifteenth is a step");
    world.run("1d");
    assert_eq!(world.alarm, None, "nothing is left to do");
}

#[test]
fn strong_evidence_takes_the_canary_out_in_one_transition() {
    let mut world = World::started(STANDARD);
    world.run("20m");
    let step = step(
        &world.state,
        Event::Look(Look { observation: world.state.observation().unwrap(), finding: fail(true), frozen_until: None }),
        world.now,
    );
    let kinds: Vec<_> = step.effects.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 5, "alarm, halt, write, audit, notice: {:?}", step.effects);
    world.take(step);
    assert_eq!((world.says().as_str(), world.kv(), world.halted), ("rolled back, step 2 of 4 at 0 %, halted", 0, true));
    assert_eq!(
        world.last_row(),
        "Rollout r1 rolled back by controller: progressing, step 2 of 4 at 25 % → rolled back, step 2 of 4 at 0 %, halted. \
         40 of 400 requests failed."
    );
    world.finding = pass();
    world.run("1d");
    assert_eq!(world.kv(), 0, "a rollback is for good");
}

#[test]
fn an_exceeded_threshold_rolls_back_after_three_looks_in_a_row() {
    let mut world = World::started(STANDARD);
    world.finding = fail(false);
    world.run("2m");
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %");
    world.finding = pass();
    world.run("1m");
    world.finding = fail(false);
    world.run("2m");
    assert_eq!(world.kv(), 5, "a pass in between restarts the count");
    world.run("1m");
    assert_eq!(world.says(), "rolled back, step 1 of 4 at 0 %, halted");
    assert!(
        world.last_row().ends_with("40 of 400 requests failed. Failed analyses in a row: 3, limit 3."),
        "{}",
        world.last_row()
    );
}

#[test]
fn looks_in_a_row_are_broken_by_an_incident_on_stable_but_not_by_a_lack_of_traffic() {
    for (between, after) in [(unsure(), "progressing"), (waiting(), "rolled back"), (error(), "rolled back")] {
        let mut world = World::started(STANDARD);
        for finding in [fail(false), fail(false), between, fail(false)] {
            world.finding = finding;
            world.run("1m");
        }
        assert!(world.says().starts_with(after), "{}", world.says());
    }
}

#[test]
fn lifting_the_halt_of_a_rollback_leaves_the_canary_at_zero() {
    for bad in [true, false] {
        let mut world = World::started(STANDARD);
        if bad {
            world.look(fail(true));
        } else {
            world.execute(Command::Abort { rollout: None }).unwrap();
        }
        world.execute(Command::ResumeCanary { percentage: None }).unwrap();
        world.run("1d");
        assert_eq!((world.kv(), world.halted), (0, false));
    }
}

#[test]
fn a_write_that_waits_does_not_overwrite_an_edit() {
    let mut world = World::new();
    world.state = execute(&world.state, &request(start_of("r1", STANDARD)), world.now).unwrap().step.next;
    let edited = PublishedState {
        enabled: true,
        percentage: Percentage::percent(1),
        rollout_id: "x".into(),
        generation: None,
        canary_version: None,
    };
    world.event(Event::Seen(None));
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %", "the key is absent as it was");
    world.event(Event::Seen(Some(edited)));
    assert_eq!(world.says(), "paused, step 1 of 4 at 1 %");
    assert!(!pending(&world.state, world.now).iter().any(|effect| matches!(effect, Effect::WriteState(_))));
}

#[test]
fn a_pause_does_not_count_time_before_the_state_was_written() {
    let mut world = World::new();
    world.state = execute(&world.state, &request(start_of("r1", STANDARD)), world.now).unwrap().step.next;
    world.now = world.now.after(Span::from_secs(3_600));
    world.execute(Command::Pause).unwrap();
    world.event(Event::Alarm);
    world.execute(Command::Resume).unwrap();
    world.run("14m");
    assert_eq!(world.kv(), 5);
    world.run("1m");
    assert_eq!(world.kv(), 25);
}

#[test]
fn inconclusive_looks_hold_and_then_pause() {
    let mut world = World::started(STANDARD);
    world.finding = unsure();
    world.run("9m");
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %");
    world.run("1m");
    assert_eq!((world.says().as_str(), world.kv()), ("paused, step 1 of 4 at 5 %", 5));
    assert!(world.last_row().ends_with("Inconclusive analyses in a row: 10, limit 10."), "{}", world.last_row());
    let entries = world.audit.len();
    world.run("1d");
    assert_eq!(world.audit.len(), entries, "a day's pause does not fill the audit");
    world.finding = pass();
    world.execute(Command::Resume).unwrap();
    world.run("5m");
    assert_eq!(world.kv(), 25, "ten minutes of the hold were done");
}

#[test]
fn waiting_for_traffic_never_pauses() {
    let mut world = World::started(STANDARD);
    world.finding = waiting();
    world.run("12h");
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %");
    world.finding = pass();
    world.run("1m");
    assert_eq!(world.kv(), 25);
}

#[test]
fn an_open_breaker_never_pauses_and_takes_no_step() {
    let mut world = World::started(STANDARD);
    world.finding = diverted();
    world.run("12h");
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %");
    world.finding = fail(true);
    world.run("1m");
    assert_eq!(world.says(), "rolled back, step 1 of 4 at 0 %, halted");
}

#[test]
fn a_failing_analysis_is_notified_once_and_does_not_fail_the_canary() {
    let mut world = World::started(STANDARD);
    world.finding = error();
    world.run("6h");
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %");
    assert_eq!(world.notified(), [Action::Started, Action::LookFailed]);
    assert_eq!(world.state.overdue(world.now), None, "the analysis runs");
    world.finding = pass();
    world.run("1m");
    assert_eq!(world.kv(), 25);
}

#[test]
fn a_canary_is_judged_while_paused() {
    let mut world = World::started(STANDARD);
    world.run("20m");
    world.execute(Command::Pause).unwrap();
    world.run("3h");
    assert_eq!(world.says(), "paused, step 2 of 4 at 25 %");
    world.finding = fail(true);
    world.run("1m");
    assert_eq!(world.says(), "rolled back, step 2 of 4 at 0 %, halted");
}

/// A start beside a canary with these visitors.
fn start_beside(enabled: bool, percent: u32, reassign: bool) -> World {
    let percentage = Percentage::percent(percent);
    let found =
        PublishedState { enabled, percentage, rollout_id: "spring".into(), generation: None, canary_version: None };
    let mut world = World::new();
    world.kv = Some(found.clone());
    let plan = Plan::preset(Schedule::Standard);
    world.execute(Command::Start(Box::new(Start { id: "r1".into(), plan, found: Some(found), reassign }))).unwrap();
    world
}

#[test]
fn a_start_beside_a_canary_with_visitors_keeps_its_salt() {
    for (enabled, percent, reassign, salt) in
        [(true, 5, false, "spring"), (true, 5, true, "r1"), (true, 0, false, "r1"), (false, 5, false, "r1")]
    {
        let mut world = start_beside(enabled, percent, reassign);
        let written = |world: &World| world.kv.as_ref().map(|document| document.rollout_id.clone());
        assert_eq!(written(&world).as_deref(), Some(salt), "{enabled} {percent} {reassign}");
        assert_eq!(world.state.desired_state().rollout_id, salt);
        assert_eq!(world.state.observation().unwrap().rollout_id, "r1", "counts are the rollout's own");
        world.run("1h");
        assert_eq!((written(&world).as_deref(), world.kv()), (Some(salt), 100), "at every step");
    }
}

#[test]
fn a_night_without_visitors_neither_counts_nor_pauses() {
    let mut world = World::started(STANDARD);
    world.run("5m");
    world.finding = waiting();
    world.run("12h");
    assert_eq!((world.says().as_str(), world.kv()), ("progressing, step 1 of 4 at 5 %", 5));
    world.finding = pass();
    world.run("1m");
    assert_eq!(world.kv(), 25, "the hold was over long ago");
}

#[test]
fn a_plan_may_limit_how_long_a_step_waits_for_traffic() {
    let mut world = World::started(r#"{"schedule":"standard","maxWait":"2h"}"#);
    world.run("5m");
    world.finding = waiting();
    world.run("1h");
    world.finding = pass();
    world.run("1m");
    world.finding = waiting();
    world.run("1h59m");
    assert!(world.says().starts_with("progressing"), "a look with traffic ends the wait: {}", world.says());
    world.run("2m");
    assert!(world.says().starts_with("paused"), "{}", world.says());
    assert!(world.last_row().contains("waited for traffic for 2h, the plan's maxWait"), "{}", world.last_row());
}

#[test]
fn a_plan_says_what_happens_when_the_traffic_does_not_come() {
    let after = |on_max_wait: &str, on_fail: &str, waits: &str| {
        let plan =
            format!(r#"{{"schedule":"standard","maxWait":"1h","onMaxWait":"{on_max_wait}","onFail":"{on_fail}"}}"#);
        let mut world = World::started(&plan);
        world.finding = waiting();
        world.run(waits);
        (world.says(), world.last_row())
    };
    assert_eq!(after("go-on", "roll-back", "1h").0, "progressing, step 1 of 4 at 5 %");
    let (says, row) = after("go-on", "roll-back", "1h1m");
    assert_eq!(says, "progressing, step 2 of 4 at 25 %");
    assert!(row.contains("for 1h, the plan's maxWait: the plan goes on"), "{row}");
    assert_eq!(after("go-on", "roll-back", "2h").0, "progressing, step 2 of 4 at 25 %", "each step has its own wait");
    let (says, row) = after("roll-back", "roll-back", "1h1m");
    assert!(says.starts_with("rolled back"), "{says}");
    assert!(row.contains("maxWait: the plan rolls back a canary without evidence"), "{row}");
    assert!(after("roll-back", "hold", "1h1m").0.starts_with("paused"));
    assert!(after("pause", "roll-back", "1h1m").0.starts_with("paused"));
}

#[test]
fn overdue_time_does_not_count_towards_the_hold() {
    let mut world = World::started(STANDARD);
    world.run("5m");
    let alarm = world.alarm.unwrap();
    world.now = alarm.after(Span::parse("4h").unwrap());
    assert_eq!(world.state.overdue(world.now).unwrap().to_string(), "4h", "/health shows it");
    world.ring();
    assert_eq!((world.says().as_str(), world.kv()), ("progressing, step 1 of 4 at 5 %", 5));
    assert!(world.notified().contains(&Action::Late));
    world.run("8m");
    assert_eq!(world.kv(), 5);
    world.run("1m");
    assert_eq!(world.kv(), 25, "the hold was made up for");
}

#[test]
fn a_halt_stops_at_once_and_its_end_starts_nothing_by_itself() {
    let mut world = World::started(STANDARD);
    world.run("20m");
    world.execute(Command::Halt).unwrap();
    assert_eq!((world.says().as_str(), world.kv(), world.halted), ("paused, step 2 of 4 at 0 %, halted", 0, true));
    assert!(matches!(world.execute(Command::Resume), Err(CommandError::Halted { .. })));
    world.execute(Command::ResumeCanary { percentage: None }).unwrap();
    assert_eq!((world.says().as_str(), world.kv(), world.halted), ("paused, step 2 of 4 at 25 %", 25, false));
    world.run("2h");
    assert_eq!(world.says(), "paused, step 2 of 4 at 25 %");
    world.execute(Command::Resume).unwrap();
    world.run("14m");
    assert_eq!(world.kv(), 25, "the step restarts");
    world.run("1m");
    assert_eq!(world.kv(), 50);
}

#[test]
fn lifting_a_halt_names_the_percentage_where_an_edit_has_raised_it() {
    let edited = |percent| PublishedState {
        enabled: true,
        percentage: Percentage::percent(percent),
        rollout_id: "r1".into(),
        generation: None,
        canary_version: None,
    };
    let resume = |percentage| Command::ResumeCanary { percentage };
    let mut world = World::started(STANDARD);
    world.execute(Command::Abort { rollout: None }).unwrap();
    world.run("5m");
    world.event(Event::Seen(Some(edited(100))));
    let Err(CommandError::Unconfirmed(resumed)) = world.execute(resume(None)) else { panic!() };
    assert_eq!((resumed.percentage, resumed.observed), (Percentage::FULL, Percentage::ZERO));
    assert!(world.halted, "nothing has changed");
    assert!(world.execute(resume(Some(Percentage::percent(5)))).is_err(), "another percentage is no confirmation");
    world.execute(resume(Some(Percentage::FULL))).unwrap();
    assert_eq!((world.halted, world.state.share()), (false, Percentage::FULL));

    let mut world = World::started(STANDARD);
    world.run("20m");
    world.execute(Command::Halt).unwrap();
    world.event(Event::Seen(Some(edited(10))));
    world.execute(resume(None)).unwrap();
    assert!(!world.halted, "25 % were observed");
}

#[test]
fn a_halt_needs_no_rollout() {
    let mut world = World::new();
    world.execute(Command::Halt).unwrap();
    assert!(world.halted && world.kv.is_none());
    assert_eq!(world.last_row(), "Canary halted by ada: no rollout → no rollout, halted. because");
    assert!(matches!(world.execute(start_of("r1", STANDARD)), Err(CommandError::Halted { .. })));
    world.execute(Command::ResumeCanary { percentage: None }).unwrap();
    world.execute(start_of("r1", STANDARD)).unwrap();
}

#[test]
fn a_completed_rollout_can_be_undone_within_its_window() {
    let mut world = World::started(r#"{"schedule":"blue-green"}"#);
    assert_eq!(world.says(), "baking, step 1 of 1 at 100 %");
    world.run("16m");
    assert_eq!(world.says(), "completed, step 1 of 1 at 100 %");
    let later = World { state: world.state.clone(), now: world.now.after(Span::parse("1h").unwrap()), ..World::new() };
    let refused = execute(&later.state, &request(Command::Undo), later.now).unwrap_err();
    assert_eq!(refused.to_string(), "cannot undo: rollout r1 ended 1h1m ago, and its undo window is 1h");
    world.execute(Command::Undo).unwrap();
    assert_eq!((world.says().as_str(), world.kv()), ("rolled back, step 1 of 1 at 0 %, halted", 0));
}

#[test]
fn a_false_alarm_can_be_undone_in_two_steps() {
    let mut world = World::started(STANDARD);
    world.run("20m");
    world.look(fail(true));
    world.execute(Command::Undo).unwrap();
    assert_eq!((world.says().as_str(), world.kv(), world.halted), ("paused, step 2 of 4 at 0 %", 0, false));
    assert_eq!(world.state.observation(), None, "nothing is served, nothing is judged");
    assert!(matches!(world.execute(Command::Promote), Err(CommandError::ResumeFirst { .. })));
    world.execute(Command::Resume).unwrap();
    assert_eq!(world.kv(), 25);
    let late = Observation { attempt: 0, ..world.state.observation().unwrap() };
    world.event(Event::Look(Look { observation: late, finding: fail(true), frozen_until: None }));
    assert_eq!(world.state.observation().unwrap().attempt, 1, "the analysis restarts, old evidence is void");
    world.run("50m");
    assert_eq!(world.says(), "completed, step 4 of 4 at 100 %");
}

#[test]
fn a_step_can_wait_for_approval_and_an_ab_test_stays_where_it_is() {
    let mut world = World::started(r#"{"steps":[{"percentage":50,"approval":true},100],"hold":"10m"}"#);
    world.run("10m");
    assert_eq!(world.says(), "paused, step 1 of 2 at 50 %");
    assert!(
        world.last_row().ends_with("The next step waits for an approval, `serin promote`."),
        "{}",
        world.last_row()
    );
    world.run("7d");
    assert_eq!(world.kv(), 50);
    world.execute(Command::Promote).unwrap();
    assert_eq!(world.says(), "baking, step 2 of 2 at 100 %");
}

#[test]
fn a_plan_can_hold_a_bad_canary_and_leave_the_decision_to_operators() {
    let mut world = World::started(r#"{"schedule":"standard","onFail":"hold"}"#);
    world.finding = fail(true);
    world.run("1m");
    assert_eq!((world.says().as_str(), world.kv()), ("paused, step 1 of 4 at 5 %", 5));
    for _ in 0..100 {
        world.look(fail(true));
    }
    assert_eq!(world.notified(), [Action::Started, Action::Paused], "and calls them once");
    world.execute(Command::Abort { rollout: Some("r1".into()) }).unwrap();
    assert_eq!(world.kv(), 0);
}

#[test]
fn a_step_begins_when_its_state_is_written() {
    let mut world = World::new();
    let step = execute(&world.state, &request(start_of("r1", STANDARD)), world.now).unwrap().step;
    world.state = step.next;
    // KV does not answer for an hour: the alarm retries every few seconds and analyses are made, but the rollout does not advance.
    for _ in 0..720 {
        world.now = world.now.after(Span::from_secs(5));
        let effects = pending(&world.state, world.now);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::WriteState(_))));
        world.look(pass());
    }
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %");
    world.event(Event::Alarm);
    world.run("14m59s");
    assert_eq!(world.kv(), 5);
    world.run("1s");
    assert_eq!(world.kv(), 25);
}

#[test]
fn a_ring_comes_first_and_keeps_its_percentage() {
    let plan = r#"{"steps":[{"percentage":20,"where":{"country":["NZ"]}},{"percentage":100,"where":{"country":["NZ"]}},25,100],
        "hold":"10m"}"#;
    let mut world = World::started(plan);
    let rings = |world: &World| {
        let target = world.state.desired_state().target.unwrap();
        (target.percentage.to_string(), target.rings.iter().map(|ring| ring.percentage.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(rings(&world), ("0".into(), vec!["20".into()]));
    assert_eq!(world.says(), "progressing, step 1 of 4 at 20 %");
    assert!(world.state.observation().is_some());
    world.run("10m");
    assert_eq!(rings(&world), ("0".into(), vec!["100".into()]));
    world.run("10m");
    assert_eq!(rings(&world), ("25".into(), vec!["100".into()]));
    world.run("10m");
    assert_eq!(rings(&world), ("100".into(), vec![]));
}
