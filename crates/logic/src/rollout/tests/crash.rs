//! A controller that is killed during any effect, performed or not, ends in the same state as one that is not killed.

use super::*;

/// Few analyses, so that there are few effects to be killed in.
const QUICK: &str = r#"{"schedule":"fast","lookEvery":"5m"}"#;

/// The results that must be equal. Times may differ by a retry.
#[derive(Debug, PartialEq)]
struct End {
    summary: RolloutSummary,
    kv: Option<PublishedState>,
    halted: bool,
    story: Vec<(Action, RolloutSummary, RolloutSummary)>,
    notified: Vec<Action>,
}

fn until_over(world: &mut World) {
    for _ in 0..2_000 {
        world.ring();
    }
    assert_eq!(world.alarm, None, "nothing is left to do");
}

fn healthy(world: &mut World) {
    world.execute(start_of("r1", QUICK)).unwrap();
    until_over(world);
}

fn turns_bad(world: &mut World) {
    world.execute(start_of("r1", QUICK)).unwrap();
    while world.state.summary().step < 2 {
        world.ring();
    }
    world.finding = fail(true);
    until_over(world);
}

fn steered(world: &mut World) {
    world.execute(start_of("r1", r#"{"schedule":"standard","lookEvery":"15m"}"#)).unwrap();
    let orders = [
        Command::Pause,
        Command::Resume,
        Command::Promote,
        Command::Halt,
        Command::ResumeCanary { percentage: None },
        Command::Resume,
        Command::PromoteFull,
        Command::Promote,
        Command::Undo,
        Command::Undo,
        Command::Resume,
        Command::Abort { rollout: None },
    ];
    for command in orders {
        world.run("20s");
        world.execute(command.clone()).unwrap();
        // A client that lost its answer asks again.
        assert_eq!(world.execute(command), Ok(true));
    }
    world.execute(start_of("r2", QUICK)).unwrap();
    until_over(world);
}

fn end(scenario: fn(&mut World), fault: Option<(usize, Fault)>) -> (End, usize) {
    let mut world = World { fault, ..World::new() };
    scenario(&mut world);
    assert!(world.state.outbox.is_empty(), "nothing is left to do");
    let story = world
        .audit
        .values()
        .filter(|entry| entry.action.is_notified())
        .map(|entry| (entry.action, entry.before.clone(), entry.after.clone()));
    let end = End {
        summary: world.state.summary(),
        kv: world.kv.clone(),
        halted: world.halted,
        story: story.collect(),
        notified: world.notified(),
    };
    (end, world.begun)
}

fn converges(scenario: fn(&mut World)) {
    let (undisturbed, effects) = end(scenario, None);
    for at in 0..effects {
        for fault in [Fault::NotPerformed, Fault::PerformedButReportedFailed] {
            let (killed, _) = end(scenario, Some((at, fault)));
            assert_eq!(killed, undisturbed, "killed in effect {at}, {fault:?}");
        }
    }
}

#[test]
fn a_healthy_rollout_survives_being_killed_anywhere() {
    converges(healthy);
}

#[test]
fn a_rollback_survives_being_killed_anywhere() {
    converges(turns_bad);
}

#[test]
fn commands_survive_being_killed_anywhere() {
    converges(steered);
}

#[test]
fn an_event_that_was_not_stored_is_repeated() {
    let mut world = World::started(r#"{"schedule":"fast"}"#);
    world.run("4m30s");
    // Killed during an analysis: nothing is stored, and the alarm that was set before fires again.
    let lost = step(&world.state, Event::Alarm, world.now.after(Span::from_secs(30)));
    let Some(Effect::SetAlarm(again)) = lost.effects.first() else {
        panic!("the alarm comes first: {:?}", lost.effects)
    };
    assert!(matches!(lost.effects.last(), Some(Effect::TakeLook(_))));
    world.alarm = Some(*again);
    world.ring();
    assert_eq!(world.kv(), 50);
}
