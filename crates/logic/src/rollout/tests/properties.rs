//! Invariants for events in any order. To test more of them: `PROPTEST_CASES=100000 cargo test --release`.

use proptest::prelude::*;

use super::*;

const PLANS: [&str; 5] = [
    r#"{"schedule":"standard"}"#,
    r#"{"steps":[1,10,{"percentage":40,"approval":true},100],"hold":"3m","settle":"10s","lookEvery":"20s","failureLimit":2,"maxInconclusive":3}"#,
    r#"{"schedule":"fast","onFail":"hold","settle":0,"undoWindow":"10m"}"#,
    r#"{"steps":[{"percentage":50,"where":{"country":["NZ"]}},20,100],"hold":"2m"}"#,
    // Nothing but the first ten minutes of an hour.
    r#"{"steps":[5,50,100],"hold":"3m","freeze":{"timeZone":"UTC","hours":["00:10-01:00","01:10-02:00","02:10-00:00"]}}"#,
];

/// A happening, independent of the state in which it occurs.
#[derive(Clone, Debug)]
enum Happens {
    /// Time passes and the alarm fires: when due, twice or spuriously.
    Alarm {
        after_ms: u64,
        times: usize,
    },
    Look(Finding),
    /// An analysis of an observation of that many steps ago.
    OldLook(usize, Finding),
    /// The document has this percentage and this version.
    Edit(u32, Option<&'static str>),
    StaleRead,
    CommandRequest(Command, Option<u64>),
    Start(usize, usize),
    /// The clock is set back.
    Back(u64),
}

fn findings() -> impl Strategy<Value = Finding> {
    prop_oneof![8 => Just(pass()), 1 => Just(fail(true)), 2 => Just(fail(false)), 2 => Just(unsure()), 1 => Just(waiting()), 1 => Just(error())]
}

fn commands() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => Just(Command::Pause),
        4 => Just(Command::Resume),
        4 => Just(Command::Promote),
        1 => Just(Command::PromoteFull),
        1 => Just(Command::Abort { rollout: None }),
        1 => Just(Command::Halt),
        3 => Just(Command::ResumeCanary { percentage: None }),
        2 => Just(Command::Undo),
    ]
}

fn happenings() -> impl Strategy<Value = Vec<Happens>> {
    let one = prop_oneof![
        8 => (0..1_200_000_u64, 1..3_usize).prop_map(|(after_ms, times)| Happens::Alarm { after_ms, times }),
        6 => findings().prop_map(Happens::Look),
        2 => (0..6_usize, findings()).prop_map(|(ago, finding)| Happens::OldLook(ago, finding)),
        1 => (0..100_u32, proptest::option::of(Just("green"))).prop_map(|(percent, version)| Happens::Edit(percent, version)),
        1 => Just(Happens::StaleRead),
        4 => (commands(), proptest::option::of(0..20_u64)).prop_map(|(command, epoch)| Happens::CommandRequest(command, epoch)),
        2 => (0..6_usize, 0..PLANS.len()).prop_map(|(id, plan)| Happens::Start(id, plan)),
        1 => (0..300_000_u64).prop_map(Happens::Back),
    ];
    proptest::collection::vec(one, 1..60)
}

/// The event it is in `world`, if it can be one.
fn event(happens: &Happens, world: &World, observations: &[Observation]) -> Option<Event> {
    let look = |observation: &Observation, finding: &Finding| {
        let frozen_until = world.frozen_until();
        Event::Look(Look { observation: observation.clone(), finding: finding.clone(), frozen_until })
    };
    match happens {
        Happens::Alarm { .. } => Some(Event::Alarm),
        Happens::Look(finding) => world.state.observation().map(|observation| look(&observation, finding)),
        Happens::OldLook(ago, finding) => {
            observations.iter().rev().nth(*ago).map(|observation| look(observation, finding))
        }
        Happens::Edit(percent, version) => Some(Event::Seen(Some(PublishedState {
            enabled: true,
            percentage: Percentage::percent(*percent),
            rollout_id: "by hand".into(),
            generation: None,
            canary_version: version.and_then(|id| serde_json::from_value(id.into()).ok()),
        }))),
        Happens::StaleRead => Some(Event::Seen(world.kv.clone())),
        Happens::CommandRequest(command, epoch) => {
            Some(Event::Command(CommandRequest { epoch: *epoch, ..request(command.clone()) }))
        }
        Happens::Start(id, plan) => Some(Event::Command(request(Command::Start(Box::new(Start {
            id: format!("r{id}"),
            plan: Plan::parse(PLANS[*plan]).unwrap(),
            found: world.kv.clone(),
            reassign: false,
        }))))),
        Happens::Back(_) => None,
    }
}

/// Checks the invariants of one step.
fn check(before: &State, event: &Event, after: &Step, now: Timestamp) {
    let Step { next, effects } = after;
    let (was, is) = (before.summary(), next.summary());
    assert!(next.epoch() >= before.epoch(), "epochs only grow");
    assert!(next.desired_state().generation >= before.desired_state().generation, "generations only grow");

    let json = serde_json::to_string(next).unwrap();
    assert_eq!(serde_json::from_str::<State>(&json).unwrap(), *next, "the state reloads identically");

    // The percentage is one of the plan's or nothing, and what is written is what the overlay says.
    let same = before.rollout().map(|rollout| &rollout.id) == next.rollout().map(|rollout| &rollout.id);
    for effect in effects {
        if let Effect::WriteState(write) = effect {
            let plan = &next.rollout().unwrap().plan;
            let step = &plan.steps()[is.step - 1];
            let share = write.target.rings.iter().map(|ring| ring.percentage).fold(write.target.percentage, Ord::max);
            let rings = plan.steps().iter().take(is.step).map(|step| step.percentage).max().unwrap();
            assert!(
                share <= rings && (step.ring.is_some() || write.target.percentage <= step.percentage),
                "within [0, step]"
            );
            assert_eq!(next.desired_state().target.as_ref(), Some(&write.target));
            assert_eq!(next.desired_state().generation, write.generation);
        }
    }

    // Only a passed analysis or an operator may raise the percentage.
    let share = |state: &State| {
        state.desired_state().target.filter(|_| !state.desired_state().halted).unwrap_or_default().percentage
    };
    let edited = before.rollout().is_some_and(|rollout| rollout.edited.is_some());
    if same && !edited && share(next) > share(before) {
        let passed = matches!(event, Event::Look(Look { finding: Finding::Pass { .. }, .. }));
        assert!(passed || matches!(event, Event::Command(_)), "{event:?} raised {was} to {is}");
        let frozen = matches!(event, Event::Look(Look { frozen_until: Some(_), .. }));
        assert!(!frozen, "{event:?} raised {was} to {is} in a window");
        if passed {
            assert_eq!(was.step + 1, is.step, "no step is skipped");
            let held = before.rollout().unwrap();
            let Phase::Progressing { since, step } = held.phase else { panic!("{was} stepped") };
            assert!(now.since(since) >= held.plan.steps()[step].hold.into(), "no promotion before the hold is over");
        }
    }

    // Only an operator undoes a rollback or an abort.
    if was.phase.is_some_and(|phase| matches!(phase, PhaseKind::RolledBack | PhaseKind::Aborted))
        && is.phase != was.phase
    {
        let Event::Command(CommandRequest { command, .. }) = event else { panic!("{event:?} made {was} {is}") };
        match command {
            Command::Start(_) => assert!(!same, "with a new id"),
            Command::Abort { .. } => {}
            Command::Undo => assert_eq!((was.phase, is.percentage), (Some(PhaseKind::RolledBack), Percentage::ZERO)),
            other => panic!("{other:?} made {was} {is}"),
        }
    }
    let taken_out = matches!(is.phase, Some(PhaseKind::RolledBack | PhaseKind::Aborted));
    if let Some(target) = next.desired_state().target.filter(|_| taken_out || is.halted) {
        assert!(target.is_zero(), "{is} serves {target:?}");
    }
    if let Event::Command(CommandRequest { command: Command::Abort { .. }, .. }) = event
        && before.rollout().is_some()
    {
        assert_eq!(
            (is.phase, is.percentage, is.halted),
            (Some(PhaseKind::Aborted), Percentage::ZERO, true),
            "abort wins"
        );
    }

    // Every transition has one epoch and one audit entry with the summaries before and after.
    let entries: Vec<_> = effects
        .iter()
        .filter_map(|effect| if let Effect::Audit(entry) = effect { Some(entry) } else { None })
        .collect();
    if was != is {
        assert_eq!(is.epoch, was.epoch + 1);
        assert!(
            entries.iter().any(|entry| entry.before == was && entry.after == is && !entry.reason.is_empty()),
            "{was} → {is}: {entries:?}"
        );
    }
    if !matches!(event, Event::Alarm) {
        assert_eq!(
            before.desired_state() == next.desired_state(),
            was.epoch == is.epoch,
            "isolates learn it by the epoch"
        );
    }

    // A repetition changes nothing and is answered as done.
    if !matches!(event, Event::Command(_)) {
        assert_eq!(step(next, event.clone(), now).next, *next, "{event:?} a second time");
    }
    let alarm = step(next, Event::Alarm, now);
    assert_eq!(alarm.next, *next, "an alarm changes nothing by itself");
    assert_eq!(step(&alarm.next, Event::Alarm, now), alarm);
}

proptest! {
    #[test]
    fn the_invariants_hold(happenings in happenings(), plan in 0..PLANS.len()) {
        let mut world = World::started(PLANS[plan]);
        let mut observations = Vec::new();
        for happens in happenings {
            match &happens {
                Happens::Alarm { after_ms, .. } => world.now = world.now.after(Span::from_millis(*after_ms)),
                Happens::Back(ms) => world.now = world.now.before(Span::from_millis(*ms)),
                _ => {}
            }
            let times = if let Happens::Alarm { times, .. } = happens { times } else { 1 };
            for _ in 0..times {
                let Some(event) = event(&happens, &world, &observations) else { continue };
                let after = step(&world.state, event.clone(), world.now);
                check(&world.state, &event, &after, world.now);
                if let (Happens::Edit(..), Event::Seen(document)) = (&happens, &event) {
                    world.kv.clone_from(document);
                }
                if matches!(happens, Happens::StaleRead) {
                    prop_assert_eq!(&after.next, &world.state, "what we wrote is no edit");
                }
                // Analyses that alarms ask for come as events of their own.
                let effects = after.effects.iter().filter(|effect| !matches!(effect, Effect::TakeLook(_))).cloned().collect();
                world.take(Step { next: after.next, effects });
                observations.extend(world.state.observation().filter(|observation| observations.last() != Some(observation)));
            }
        }
    }

    #[test]
    fn a_repeated_command_is_executed_once(happenings in happenings(), command in commands()) {
        let mut world = World::started(PLANS[1]);
        for happens in happenings {
            if let Some(event) = event(&happens, &world, &[]) {
                world.now = world.now.after(Span::from_secs(7));
                world.event(event);
            }
        }
        if world.execute(command.clone()).is_ok() {
            let once = world.state.clone();
            prop_assert_eq!(world.execute(command), Ok(true));
            prop_assert_eq!(world.state, once);
        }
    }
}
