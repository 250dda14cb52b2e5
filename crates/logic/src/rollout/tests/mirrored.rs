//! Steps that mirror: the canary is judged, and no visitor is on it.

use super::*;

const PLAN: &str = r#"{"steps":[{"mirror":10,"hold":"10m","where":{"country":"NZ"}},{"mirror":50,"hold":"5m"},{"percentage":50,"where":{"country":"NZ"}},5,100],"hold":"10m"}"#;

fn mirrored(world: &World) -> Option<String> {
    world.state.desired_state().mirror.map(|order| order.percentage.to_string())
}

#[test]
fn steps_that_mirror_are_judged_at_zero_percent_and_lead_to_the_first_visitors() {
    let mut world = World::started(PLAN);
    assert_eq!((world.says().as_str(), world.kv()), ("progressing, step 1 of 5 at 0 %", 0));
    let desired = world.state.desired_state();
    assert_eq!(desired.observation, world.state.observation(), "looks are taken");
    assert!(desired.observation.is_some() && desired.ring.is_none());
    assert!(desired.mirror.as_ref().is_some_and(|order| order.ring.is_some()));
    world.run("10m");
    assert_eq!((world.says().as_str(), mirrored(&world).as_deref()), ("progressing, step 2 of 5 at 0 %", Some("50")));
    world.run("5m");
    assert_eq!((world.says().as_str(), mirrored(&world)), ("progressing, step 3 of 5 at 50 %", None));
    world.run("10m");
    assert_eq!((world.says().as_str(), world.kv()), ("progressing, step 4 of 5 at 5 %", 5));
}

#[test]
fn a_canary_that_answers_worse_is_rolled_back_before_it_has_a_visitor() {
    let mut world = World::started(PLAN);
    world.finding = fail(true);
    world.run("2m");
    assert_eq!((world.says().as_str(), world.kv()), ("rolled back, step 1 of 5 at 0 %, halted", 0));
    assert_eq!(mirrored(&world), None);
    world.execute(Command::Undo).unwrap();
    assert_eq!(mirrored(&world), None, "a rollback that is undone is on hold");
    world.execute(Command::Resume).unwrap();
    assert_eq!(mirrored(&world).as_deref(), Some("10"));
}

#[test]
fn whatever_stops_the_canary_stops_the_copies() {
    for command in [Command::Halt, Command::Abort { rollout: None }] {
        let mut world = World::started(PLAN);
        world.execute(command.clone()).unwrap();
        assert_eq!((mirrored(&world), world.state.observation()), (None, None), "{command:?}");
    }
    let mut world = World::started(PLAN);
    world.execute(Command::Pause).unwrap();
    assert_eq!(mirrored(&world).as_deref(), Some("10"), "a pause stays at its step");
    let edited = PublishedState {
        enabled: false,
        percentage: Percentage::ZERO,
        rollout_id: "x".into(),
        generation: None,
        canary_version: None,
    };
    let state = step(&world.state, Event::Seen(Some(edited)), world.now).next;
    assert_eq!(state.desired_state().mirror, None, "an edit by hand counts");
}

#[test]
fn the_plans_of_the_page_are_plans() {
    let page = include_str!("../../../../../docs/mirroring.md");
    let blocks: Vec<&str> = page.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert!(blocks.len() >= 2);
    for block in blocks {
        let plan = Plan::parse(block).unwrap_or_else(|error| panic!("{error}: {block}"));
        assert!(plan.mirror_order(0).is_some(), "{block}");
    }
}
