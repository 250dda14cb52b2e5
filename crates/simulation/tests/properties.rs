//! Invariants of every rollout under any faults: thousands of random scenarios, each with its own plan, edge, traffic, variants and faults.
//! `SERIN_SEEDS=1000000 cargo test --release -p serin-simulation --test properties` runs more of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test, all of it")]

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Mutex;
use std::thread;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serin_logic::Span;
use serin_logic::rollout::Plan;
use serin_simulation::{Behaviour, Edge, End, Faulted, Faults, Outcome, Scenario, Stage, Traffic, simulate};

/// Seeds of a test; the variable `SERIN_SEEDS` sets another number, which is multiplied by `share`.
fn seeds(usual: u64, share: f64) -> Range<u64> {
    let by_hand = std::env::var("SERIN_SEEDS").ok().and_then(|many| many.parse::<f64>().ok());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of runs")]
    let many = by_hand.map_or(usual, |many| (many * share).ceil() as u64);
    // Fewer runs would prove nothing.
    0..many.max(usual.min(500))
}

/// Simulates `scenario(seed)` for each seed and returns the outcomes in order. No invariant may be violated.
fn all(seeds: Range<u64>, scenario: impl Fn(u64) -> Scenario + Sync) -> Vec<Outcome> {
    let (next, outcomes) = (Mutex::new(seeds), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(seed) = next.lock().unwrap().next() else { return };
            let scenario = scenario(seed);
            scenario.check().unwrap();
            let outcome = simulate(&scenario, seed);
            assert!(
                outcome.violations.is_empty(),
                "{:#?}\n{}",
                outcome.violations,
                serde_json::to_string(&scenario).unwrap()
            );
            outcomes.lock().unwrap().push(outcome);
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().unwrap();
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by_key(|outcome| outcome.seed);
    outcomes
}

fn rolled_back(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.end == End::RolledBack).count()
}

/// A short plan, minutes instead of hours, so that thousands of runs are possible.
fn plan(rng: &mut StdRng) -> Plan {
    let hold = rng.random_range(30..120);
    let steps = match rng.random_range(0..3) {
        0 => vec![5, 25, 50, 100],
        1 => vec![10, 50, 100],
        _ => vec![20, 100],
    };
    let steps: Vec<String> =
        steps.iter().map(|percentage| format!(r#"{{"percentage":{percentage},"hold":"{hold}s"}}"#)).collect();
    let settle = rng.random_range(0..20);
    let look = rng.random_range(5..30);
    let json = format!(
        r#"{{"schedule":"custom","steps":[{}],"settle":"{settle}s","lookEvery":"{look}s","bake":"30s","alarmGrace":"30s"}}"#,
        steps.join(",")
    );
    Plan::parse(&json).unwrap()
}

fn behaviour(rng: &mut StdRng) -> Behaviour {
    let failures = [0.0, 0.001, 0.01, 0.05, 0.3, 1.0];
    let failures = failures[rng.random_range(0..failures.len())];
    Behaviour { failures, slower: if rng.random_bool(0.2) { 3.0 } else { 1.0 }, ..Behaviour::default() }
}

fn quick(rng: &mut StdRng) -> Scenario {
    let life = if rng.random_bool(0.5) { Span::default() } else { Span::from_secs(rng.random_range(20..300)) };
    let visitors = if rng.random_bool(0.5) { 0 } else { rng.random_range(50..2_000) };
    Scenario {
        plan: plan(rng),
        limit: Span::from_secs(600),
        edge: Edge {
            locations: rng.random_range(1..4),
            isolates: rng.random_range(1..4),
            life,
            refresh: Span::from_secs(5),
        },
        traffic: Traffic {
            requests_per_second: rng.random_range(2.0..30.0),
            visitors,
            spread: if rng.random_bool(0.5) { 1.5 } else { 0.0 },
            ..Traffic::default()
        },
        ..Scenario::default()
    }
}

fn faults(rng: &mut StdRng) -> Faults {
    let some = |rng: &mut StdRng, most: f64| if rng.random_bool(0.5) { rng.random_range(0.0..most) } else { 0.0 };
    let span = |rng: &mut StdRng, most: u64| Span::from_millis(rng.random_range(0..most * 1_000));
    Faults {
        lost: some(rng, 0.4),
        doubled: some(rng, 0.4),
        late: some(rng, 0.4),
        late_by: span(rng, 120),
        kv_delay: span(rng, 60),
        kv_failing: some(rng, 0.4),
        killed: some(rng, 0.3),
        alarm_late: some(rng, 0.3),
        alarm_late_by: span(rng, 60),
        alarm_doubled: some(rng, 0.4),
        clock_jumps_per_hour: some(rng, 30.0),
        clock_jump: Span::from_secs(300),
    }
}

/// A scenario with everything: variants that change, and every fault at once.
fn chaos(seed: u64) -> Scenario {
    let rng = &mut StdRng::seed_from_u64(seed);
    let stages = (0..rng.random_range(1..5)).map(|index| {
        let load = [0.0, 0.3, 1.0, 1.0, 4.0];
        let load = load[rng.random_range(0..load.len())];
        Stage { at: Span::from_secs(index * 60), canary: behaviour(rng), stable: behaviour(rng), load }
    });
    let stages: Vec<Stage> = stages.collect();
    Scenario { stages, faults: faults(rng), ..quick(rng) }
}

/// A scenario in which the canary is never worse than stable, during incidents either, and some visitors always fail. All faults occur
/// except clock jumps.
fn harmless(seed: u64) -> Scenario {
    let rng = &mut StdRng::seed_from_u64(seed);
    let stages = (0..3).map(|index| {
        // The rate stays below the ceiling of 5 %, where only the comparison analyses the canary.
        let same = Behaviour {
            failures: rng.random_range(0.0..0.03),
            slower: rng.random_range(0.5..1.5),
            ..Behaviour::default()
        };
        Stage { at: Span::from_secs(index * 60), canary: same, stable: same, load: rng.random_range(0.3..2.0) }
    });
    let stages: Vec<Stage> = stages.collect();
    let mut scenario = Scenario { stages, faults: faults(rng), ..quick(rng) };
    scenario.faults.clock_jumps_per_hour = 0.0;
    if scenario.traffic.visitors > 0 {
        scenario.traffic.always_failing = 0.003;
    }
    scenario
}

#[test]
fn every_invariant_holds_whatever_goes_wrong() {
    let outcomes = all(seeds(2_000, 0.6), chaos);
    let mut faulted = Faulted::default();
    let (mut hours, mut ends) = (0.0, [0; 4]);
    for outcome in &outcomes {
        hours += outcome.simulated_ms as f64 / 3_600e3;
        ends[outcome.end as usize] += 1;
        let Faulted { lost, doubled, late, kv, killed, alarms, clock_jumps, recycled } = outcome.faulted;
        faulted.lost += lost;
        faulted.doubled += doubled;
        faulted.late += late;
        faulted.kv += kv;
        faulted.killed += killed;
        faulted.alarms += alarms;
        faulted.clock_jumps += clock_jumps;
        faulted.recycled += recycled;
    }
    println!(
        "{} rollouts, {hours:.0} simulated hours, promoted, rolled back, paused, unfinished: {ends:?}",
        outcomes.len()
    );
    println!("{} faults: {faulted:?}", faulted.total());
    let edited = |outcome: &&Outcome| outcome.why.contains("did not write") && outcome.faulted.clock_jumps == 0;
    let edited: Vec<_> = outcomes.iter().filter(edited).map(|outcome| (outcome.seed, &outcome.why)).collect();
    assert!(edited.is_empty(), "nobody edited anything, and no clock jumped: {edited:?}");
    // The runs prove something only if they reach every outcome and inject every fault.
    assert!(ends.into_iter().all(|runs| runs > 0), "{ends:?}");
    let Faulted { lost, doubled, late, kv, killed, alarms, clock_jumps, recycled } = faulted;
    for count in [lost, doubled, late, kv, killed, alarms, clock_jumps, recycled] {
        assert!(count > outcomes.len() as u64 / 10, "{faulted:?}");
    }
}

#[test]
fn a_harmless_canary_is_rolled_back_once_in_a_hundred_at_most() {
    let outcomes = all(seeds(1_200, 0.3), harmless);
    let (falsely, runs) = (rolled_back(&outcomes), outcomes.len());
    let below = serin_simulation::bound::upper_99(falsely as u64, runs as u64);
    println!("{falsely} of {runs} rolled back falsely, 99 % sure below {:.3} %", below * 100.0);
    assert!(below <= 0.01, "{falsely} of {runs}");
    let alarmed = outcomes.iter().filter(|outcome| outcome.alarms > 0).count();
    assert!(alarmed * 100 <= runs, "the split was as asked for, and {alarmed} of {runs} said it was not");
}

#[test]
fn an_incident_on_stable_never_rolls_back() {
    let scenario = |seed| {
        let mut scenario = harmless(seed);
        let rng = &mut StdRng::seed_from_u64(seed);
        for stage in &mut scenario.stages {
            stage.canary = Behaviour { failures: 0.0, slower: 1.0, ..Behaviour::default() };
            stage.stable = Behaviour {
                failures: rng.random_range(0.0..1.0),
                slower: rng.random_range(1.0..5.0),
                ..Behaviour::default()
            };
        }
        scenario.traffic.always_failing = 0.0;
        scenario
    };
    let outcomes = all(seeds(300, 0.1), scenario);
    assert_eq!(rolled_back(&outcomes), 0);
}

#[test]
fn a_controller_killed_in_every_third_step_reaches_the_same_end() {
    let scenario = |seed| {
        let rng = &mut StdRng::seed_from_u64(seed);
        let mut scenario = quick(rng);
        scenario.faults.killed = 0.33;
        // Unanswered reports make telemetry stale, which must not end the rollout in this test.
        let steps = r#"[{"percentage":5,"hold":"1m"},{"percentage":50,"hold":"1m"},{"percentage":100,"hold":"1m"}]"#;
        let plan = format!(r#"{{"schedule":"custom","steps":{steps},"lookEvery":"10s","maxInconclusive":1000}}"#);
        scenario.plan = Plan::parse(&plan).unwrap();
        scenario.traffic = Traffic { requests_per_second: 30.0, ..Traffic::default() };
        scenario.limit = Span::from_secs(3_600);
        // The canary is better than stable, so that chance plays no part, or plainly bad.
        scenario.stages[0].canary.failures = if seed % 2 == 0 { 0.0 } else { 0.5 };
        scenario
    };
    for outcome in all(seeds(60, 0.01), scenario) {
        let expected = if outcome.seed % 2 == 0 { End::Promoted } else { End::RolledBack };
        assert_eq!(outcome.end, expected, "{outcome:?}");
    }
}

#[test]
fn no_fault_takes_a_step_in_a_window_and_steps_go_on_after_it() {
    // The clock starts at 08:00 in UTC, 13:45 in Kathmandu: half an hour of window after a minute, which every plan takes.
    let frozen = |mut scenario: Scenario| {
        let mut plan = serde_json::to_value(&scenario.plan).unwrap();
        plan["freeze"] = serde_json::json!({"timeZone": "Asia/Kathmandu", "hours": ["13:46-14:17"]});
        // Little traffic is enough, so that rollouts wait for the window and not for visitors.
        plan["detect"] = serde_json::json!({"points": 20});
        scenario.plan = serde_json::from_value(plan).unwrap();
        scenario.limit = Span::from_secs(3_600);
        scenario
    };
    // An invariant checks that the window had no step, and the controller's clock may be off by minutes.
    all(seeds(300, 0.1), |seed| frozen(chaos(seed)));
    let harmless = |seed| Scenario { faults: Faults::default(), ..frozen(harmless(seed)) };
    let promoted = all(seeds(60, 0.01), harmless);
    let promoted: Vec<u64> =
        promoted.iter().filter(|it| it.end == End::Promoted).filter_map(|it| it.ended_ms).collect();
    assert!(promoted.len() > 40, "{promoted:?}");
    let after = promoted.iter().filter(|ms| **ms >= 32 * 60_000).count();
    assert!(after == promoted.len(), "a plan of a minute and more ends after the window: {promoted:?}");
}

/// The scenario with a first step that mirrors.
fn mirrored(scenario: Scenario, seed: u64) -> Scenario {
    let mut plan = serde_json::to_value(&scenario.plan).unwrap();
    let percentage = match seed % 3 {
        0 => 10,
        1 => 50,
        _ => 100,
    };
    let first = serde_json::json!({"percentage": 0, "mirror": percentage, "hold": "60s"});
    plan["steps"].as_array_mut().unwrap().insert(0, first);
    Scenario { plan: serde_json::from_value(plan).unwrap(), ..scenario }
}

#[test]
fn every_invariant_holds_while_a_step_mirrors() {
    let outcomes = all(seeds(400, 0.1), |seed| mirrored(chaos(seed), seed));
    let reached = |step| outcomes.iter().filter(|outcome| outcome.step == step).count();
    // The runs prove something only if some end in the step that mirrors and some go on.
    assert!(reached(1) > 20 && reached(2) > 20, "{} {}", reached(1), reached(2));
}

#[test]
fn copies_take_a_bad_canary_out_before_it_has_a_visitor_and_let_a_good_one_go_on() {
    let scenario = |seed| {
        let mut scenario = mirrored(quick(&mut StdRng::seed_from_u64(seed)), 2);
        scenario.traffic = Traffic { requests_per_second: 30.0, ..Traffic::default() };
        scenario.limit = Span::from_secs(1_800);
        scenario.stages[0].canary.failures = if seed % 2 == 0 { 0.0 } else { 0.5 };
        scenario
    };
    for outcome in all(seeds(60, 0.01), scenario) {
        if outcome.seed % 2 == 0 {
            assert_eq!(outcome.end, End::Promoted, "{outcome:?}");
        } else {
            assert_eq!((outcome.end, outcome.step, outcome.without_fallback), (End::RolledBack, 1, 0), "{outcome:?}");
            assert!(outcome.failed > 0, "{outcome:?}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..20 {
        assert_eq!(simulate(&chaos(seed), seed), simulate(&chaos(seed), seed));
    }
}
