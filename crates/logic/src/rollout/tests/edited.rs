//! Documents that an operator edits by hand during a rollout.

use super::*;

#[test]
fn a_hand_edited_state_is_respected() {
    let mut world = World::started(STANDARD);
    world.run("20m");
    world.kv = Some(PublishedState {
        enabled: true,
        percentage: Percentage::percent(60),
        rollout_id: "r1".into(),
        generation: Some(2),
        canary_version: None,
    });
    world.event(Event::Seen(world.kv.clone()));
    assert_eq!(world.says(), "paused, step 2 of 4 at 60 %");
    assert_eq!(world.state.desired_state().target, None, "isolates go by the document");
    assert!(
        world
            .last_row()
            .ends_with(r#"canary-state says 60 %, salt "r1". The rollout did not write that, and leaves it as it is."#),
        "{}",
        world.last_row()
    );
    let again = step(&world.state, Event::Seen(world.kv.clone()), world.now);
    assert_eq!(again.next, world.state, "the same edit is notified once");
    world.run("3h");
    assert_eq!(world.kv(), 60);
    world.execute(Command::Resume).unwrap();
    assert_eq!((world.says().as_str(), world.kv()), ("progressing, step 2 of 4 at 25 %", 25));
}

#[test]
fn another_version_in_the_document_is_an_edit_and_voids_the_evidence() {
    let version = |id: &str| serde_json::from_value(id.into()).ok();
    let mut world = World::new();
    world.kv = Some(PublishedState {
        enabled: false,
        percentage: Percentage::ZERO,
        rollout_id: String::new(),
        generation: None,
        canary_version: version("blue"),
    });
    let (id, plan) = ("r1".into(), Plan::preset(Schedule::Standard));
    let found = world.kv.clone();
    world.execute(Command::Start(Box::new(Start { id, plan, found, reassign: false }))).unwrap();
    world.run("1m");
    world.event(Event::Seen(world.kv.clone()));
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %", "the rollout's own writes keep the version");

    let green = world.kv.clone().map(|document| PublishedState { canary_version: version("green"), ..document });
    world.kv.clone_from(&green);
    world.event(Event::Seen(green));
    assert_eq!(world.says(), "paused, step 1 of 4 at 5 %");
    assert!(world.last_row().contains(r#"says 5 %, salt "r1", canaryVersion green."#), "{}", world.last_row());
    assert_eq!(world.state.observation().unwrap().attempt, 1, "evidence about blue says nothing about green");
    let again = step(&world.state, Event::Seen(world.kv.clone()), world.now);
    assert_eq!(again.next, world.state, "the same edit is notified once");

    world.execute(Command::Resume).unwrap();
    world.run("1m");
    world.event(Event::Seen(world.kv.clone()));
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %", "the rollout goes on with green");
    let none = world.kv.clone().map(|document| PublishedState { canary_version: None, ..document });
    world.event(Event::Seen(none));
    assert!(world.last_row().contains("no canaryVersion"), "{}", world.last_row());
}

#[test]
fn a_stale_read_is_no_edit_but_putting_the_old_file_back_is_one() {
    let old = PublishedState {
        enabled: false,
        percentage: Percentage::ZERO,
        rollout_id: String::new(),
        generation: None,
        canary_version: None,
    };
    let mut world = World::new();
    world.kv = Some(old.clone());
    let plan = Plan::preset(Schedule::Standard);
    world
        .execute(Command::Start(Box::new(Start { id: "r1".into(), plan, found: Some(old.clone()), reassign: false })))
        .unwrap();
    let five = world.kv.clone();
    world.run("1m");
    world.event(Event::Seen(Some(old.clone())));
    assert_eq!(world.says(), "progressing, step 1 of 4 at 5 %", "KV may take a minute");
    world.run("14m");
    world.event(Event::Seen(five));
    assert_eq!(world.says(), "progressing, step 2 of 4 at 25 %");
    world.event(Event::Seen(Some(old)));
    assert_eq!(world.says(), "paused, step 2 of 4 at 0 %");
    assert!(world.last_row().contains("canary-state says that the canary is not enabled"), "{}", world.last_row());
}
