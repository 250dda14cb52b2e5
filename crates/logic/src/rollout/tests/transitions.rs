//! The transition table from outside: every command and every finding in every phase.

use super::*;

const PLAN: &str = r#"{"schedule":"standard"}"#;

/// A world in each phase.
fn world_in(phase: &str) -> World {
    let mut world = World::started(PLAN);
    world.run("20m");
    match phase {
        "progressing" => {}
        "paused" => drop(world.execute(Command::Pause)),
        "baking" => drop(world.execute(Command::PromoteFull)),
        "completed" => world.run("1h"),
        "rolled back" => world.look(fail(true)),
        "aborted" => drop(world.execute(Command::Abort { rollout: None })),
        other => panic!("no phase {other}"),
    }
    // After the time in which a repeated command is a second click, and a minute before the next analysis.
    world.run("11s");
    assert!(world.says().starts_with(phase), "{}", world.says());
    world
}

fn after(phase: &str, action: &str) -> String {
    let mut world = world_in(phase);
    let ordered = |world: &mut World, command| match world.execute(command) {
        Ok(true) => "already".to_owned(),
        Ok(false) => String::new(),
        Err(_) => "refused".to_owned(),
    };
    let due = |world: &mut World, finding, times| {
        world.finding = finding;
        for _ in 0..times {
            world.run("1m");
        }
        String::new()
    };
    let said = match action {
        "one pass" => due(&mut world, pass(), 1),
        "hold over" => due(&mut world, pass(), 15),
        "strong fail" => due(&mut world, fail(true), 1),
        "weak fail" => due(&mut world, fail(false), 1),
        "3 weak fails" => due(&mut world, fail(false), 3),
        "inconclusive" => due(&mut world, unsure(), 1),
        "10 inconclusive" => due(&mut world, unsure(), 10),
        "100 waiting" => due(&mut world, waiting(), 100),
        "100 errors" => due(&mut world, error(), 100),
        "edit" => {
            world.event(Event::Seen(None));
            String::new()
        }
        "start" => ordered(&mut world, start_of("r2", PLAN)),
        "pause" => ordered(&mut world, Command::Pause),
        "resume" => ordered(&mut world, Command::Resume),
        "promote" => ordered(&mut world, Command::Promote),
        "promote full" => ordered(&mut world, Command::PromoteFull),
        "halt" => ordered(&mut world, Command::Halt),
        "undo" => ordered(&mut world, Command::Undo),
        "abort" => ordered(&mut world, Command::Abort { rollout: None }),
        other => panic!("no event {other}"),
    };
    let RolloutSummary { phase, step, .. } = world.state.summary();
    if said.is_empty() { format!("{} {step}", phase.unwrap()) } else { said }
}

#[test]
#[rustfmt::skip]
fn every_event_in_every_phase() {
    let phases = ["progressing", "paused", "baking", "completed", "rolled back", "aborted"];
    let table = [
        //                   progressing 2     paused 2          baking 4         completed 4      rolled back 2    aborted 2
        ("one pass",        ["progressing 2",  "paused 2",       "baking 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("hold over",       ["progressing 3",  "paused 2",       "completed 4",   "completed 4",   "rolled back 2", "aborted 2"]),
        ("strong fail",     ["rolled back 2",  "rolled back 2",  "rolled back 4", "completed 4",   "rolled back 2", "aborted 2"]),
        ("weak fail",       ["progressing 2",  "paused 2",       "baking 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("3 weak fails",    ["rolled back 2",  "rolled back 2",  "rolled back 4", "completed 4",   "rolled back 2", "aborted 2"]),
        ("inconclusive",    ["progressing 2",  "paused 2",       "baking 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("10 inconclusive", ["paused 2",       "paused 2",       "paused 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("100 waiting",     ["progressing 2",  "paused 2",       "baking 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("100 errors",      ["progressing 2",  "paused 2",       "baking 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("edit",            ["paused 2",       "paused 2",       "paused 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("start",           ["refused",        "refused",        "refused",       "progressing 1", "progressing 1", "progressing 1"]),
        ("pause",           ["paused 2",       "already",        "paused 4",      "refused",       "refused",       "refused"]),
        ("resume",          ["already",        "progressing 2",  "already",       "refused",       "refused",       "refused"]),
        ("promote",         ["progressing 3",  "progressing 3",  "completed 4",   "already",       "refused",       "refused"]),
        ("promote full",    ["baking 4",       "baking 4",       "already",       "already",       "refused",       "refused"]),
        ("halt",            ["paused 2",       "paused 2",       "paused 4",      "completed 4",   "rolled back 2", "aborted 2"]),
        ("undo",            ["refused",        "refused",        "refused",       "rolled back 4", "paused 2",      "refused"]),
        ("abort",           ["aborted 2",      "aborted 2",      "aborted 4",     "aborted 4",     "aborted 2",     "already"]),
    ];
    for (action, expected) in table {
        for (phase, expected) in phases.into_iter().zip(expected) {
            assert_eq!(after(phase, action), expected, "{action} while {phase}");
        }
    }
}

#[test]
fn the_canary_has_nothing_after_a_halt_an_abort_or_a_rollback_in_every_phase() {
    for phase in ["progressing", "paused", "baking", "completed", "rolled back", "aborted"] {
        for command in [Command::Halt, Command::Abort { rollout: None }] {
            let mut world = world_in(phase);
            world.execute(command).unwrap();
            assert!(world.halted && world.kv.as_ref().unwrap().percentage == Percentage::ZERO, "{phase}");
            assert!(world.state.desired_state().halted);
        }
    }
}
