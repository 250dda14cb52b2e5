//! Commands that are repeated, late, concurrent, or sent without knowledge of the current state.

use super::*;

const PLAN: &str = r#"{"schedule":"standard"}"#;

fn with_epoch(command: Command, epoch: u64) -> CommandRequest {
    CommandRequest { epoch: Some(epoch), ..request(command) }
}

#[test]
fn two_starts_at_once_give_one_rollout_and_a_clear_conflict() {
    let mut world = World::new();
    world.execute(start_of("r1", PLAN)).unwrap();
    let refused = world.execute(start_of("r2", PLAN)).unwrap_err();
    assert_eq!(refused.to_string(), "rollout r1 is progressing: wait for its end, or abort it, before r2 starts");
    assert_eq!(world.execute(start_of("r1", PLAN)), Ok(true), "the same start again is no second one");
    let other_plan = world.execute(start_of("r1", r#"{"schedule":"fast"}"#)).unwrap_err();
    assert!(matches!(other_plan, CommandError::Running { .. }));
    let refused = execute(&world.state, &with_epoch(start_of("r2", PLAN), 0), world.now).unwrap_err();
    assert_eq!(refused, CommandError::Conflict { expected: 0, actual: 1 });
    assert_eq!(refused.to_string(), "the epoch is 1, not 0: the rollout has changed");
}

#[test]
fn an_id_is_used_once() {
    let mut world = World::started(PLAN);
    world.execute(Command::Abort { rollout: None }).unwrap();
    assert_eq!(world.execute(start_of("r1", PLAN)), Err(CommandError::IdUsed { id: "r1".into() }));
    world.execute(start_of("r2", PLAN)).unwrap();
    assert_eq!(world.state.halted(), None, "a new rollout lifts the old one's halt");
    world.execute(Command::Abort { rollout: None }).unwrap();
    assert_eq!(world.execute(start_of("r1", PLAN)), Err(CommandError::IdUsed { id: "r1".into() }));
    for id in ["", "a b", "ä", &"x".repeat(65)] {
        assert!(matches!(world.execute(start_of(id, PLAN)), Err(CommandError::InvalidId { .. })), "{id}");
    }
}

#[test]
fn a_second_click_on_promote_is_one_step() {
    let mut world = World::started(PLAN);
    assert_eq!(world.execute(Command::Promote), Ok(false));
    assert_eq!(world.execute(Command::Promote), Ok(true));
    assert_eq!(world.says(), "progressing, step 2 of 4 at 25 %");
    world.run("11s");
    assert_eq!(world.execute(Command::Promote), Ok(false), "later it is meant");
    assert_eq!(world.says(), "progressing, step 3 of 4 at 50 %");
}

#[test]
fn a_retry_with_its_epoch_is_recognised_until_the_state_changes() {
    let mut world = World::started(PLAN);
    let promote = with_epoch(Command::Promote, world.state.epoch());
    let outcome = execute(&world.state, &promote, world.now).unwrap();
    world.take(outcome.step);
    world.run("5m");
    assert!(execute(&world.state, &promote, world.now).unwrap().already);
    let of_another = CommandRequest { actor: "bob".into(), ..promote.clone() };
    assert_eq!(execute(&world.state, &of_another, world.now), Err(CommandError::Conflict { expected: 1, actual: 2 }));
    world.execute(Command::Pause).unwrap();
    assert_eq!(execute(&world.state, &promote, world.now), Err(CommandError::Conflict { expected: 1, actual: 3 }));
}

#[test]
fn abort_and_halt_ignore_the_epoch() {
    for command in [Command::Abort { rollout: None }, Command::Halt] {
        let mut world = World::started(PLAN);
        world.run("20m");
        let outcome = execute(&world.state, &with_epoch(command, 1), world.now).unwrap();
        world.take(outcome.step);
        assert_eq!(world.kv(), 0);
    }
}

#[test]
fn a_late_abort_does_not_hit_the_next_rollout() {
    let mut world = World::started(PLAN);
    world.execute(Command::Abort { rollout: Some("r1".into()) }).unwrap();
    world.execute(start_of("r2", PLAN)).unwrap();
    let refused = world.execute(Command::Abort { rollout: Some("r1".into()) }).unwrap_err();
    assert_eq!(refused.to_string(), "the current rollout is r2, not r1");
}

#[test]
fn the_audit_log_has_actor_and_reason_of_a_command() {
    let mut world = World::started(PLAN);
    world.execute(Command::Pause).unwrap();
    let entry = world.audit.values().last().unwrap();
    assert_eq!((entry.actor.as_str(), entry.action, entry.reason.as_str()), ("ada", Action::Paused, "because"));
    assert_eq!(
        entry.to_string(),
        "Rollout r1 paused by ada: progressing, step 1 of 4 at 5 % → paused, step 1 of 4 at 5 %. because"
    );
}

#[test]
fn a_refusal_names_its_reason() {
    let mut world = World::new();
    assert_eq!(world.execute(Command::Pause).unwrap_err().to_string(), "there is no rollout to pause");
    world.execute(start_of("r1", PLAN)).unwrap();
    assert_eq!(world.execute(Command::Undo).unwrap_err().to_string(), "cannot undo: rollout r1 is progressing");
    world.execute(Command::Halt).unwrap();
    assert_eq!(
        world.execute(Command::Promote).unwrap_err().to_string(),
        "cannot promote: ada halted the canary (because); run `serin resume-canary` first"
    );
}

#[test]
fn the_generation_exceeds_that_of_the_published_state() {
    let document = |generation| PublishedState {
        enabled: true,
        percentage: Percentage::ZERO,
        rollout_id: String::new(),
        generation: Some(generation),
        canary_version: None,
    };
    let start = |generation| {
        let plan = Plan::preset(Schedule::Fast);
        request(Command::Start(Box::new(Start {
            id: "r1".into(),
            plan,
            found: Some(document(generation)),
            reassign: false,
        })))
    };
    let state = State::default();
    let now = Timestamp::from_millis(1);
    assert_eq!(execute(&state, &start(41), now).unwrap().step.next.desired_state().generation, 42);
    let refused = execute(&state, &start(u64::MAX), now).unwrap_err();
    assert!(matches!(refused, CommandError::InvalidGeneration { generation: u64::MAX }));
}

#[test]
fn a_document_of_the_control_api_is_audited_under_its_writers_name_and_only_where_it_changes_a_rollout() {
    let write = |percent| {
        let document = PublishedState {
            enabled: percent > 0,
            percentage: Percentage::percent(percent),
            rollout_id: "r1".into(),
            generation: None,
            canary_version: None,
        };
        Event::Replaced(Replacement { document, actor: "bob".into(), claimed: true })
    };
    let mut world = World::started(PLAN);
    world.event(write(60));
    let entry = world.audit.values().last().unwrap().clone();
    assert_eq!((entry.action, entry.actor.as_str(), entry.claimed), (Action::HandEdited, "bob", true), "{entry}");
    assert!(entry.reason.contains("canary-state says 60 %") && entry.reason.contains("changed by bob"), "{entry}");

    world.execute(Command::Abort { rollout: None }).unwrap();
    let (rows, epoch) = (world.audit.len(), world.state.epoch());
    world.event(write(0));
    assert_eq!(world.audit.len(), rows, "the rollout is over: the writer's own row says it all");
    assert!(world.state.epoch() > epoch, "isolates learn it");
    world.event(write(0));
    assert_eq!(world.audit.len(), rows);
}
