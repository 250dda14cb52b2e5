//! A step's own check: what its answers do to a rollout.

use core::time::Duration;

use proptest::prelude::*;

use super::World;
use crate::api::{Awaited, RolloutView};
use crate::controller::{CheckAnswer, CheckQuestion, CheckVerdict};
use crate::rollout::{Command, FindingKind, PauseKind, Phase, PhaseKind};
use crate::timestamp::Timestamp;

const PLAN: &str = r#"{"schedule":"custom","steps":[{"percentage":5,"check":{"url":"https://gate.example/slo?key=s3cret","every":"10s","timeout":"2s","failureLimit":2}},50,100],
    "hold":"30s","settle":"5s","lookEvery":"10s","bake":"30s","detect":{"factor":100,"points":100}}"#;

/// The same, where no step ends in the time of a test.
fn long() -> String {
    PLAN.replacen(r#""hold":"30s""#, r#""hold":"1h""#, 1)
}

fn answer(question: &CheckQuestion, status: &str) -> CheckAnswer {
    let body = format!(r#"{{"status":"{status}","message":"p99 is 180 ms"}}"#);
    CheckAnswer::read(&question.check, 200, &body)
}

impl World {
    fn checking(plan: &str) -> Self {
        let mut world = Self::new();
        world.start(plan);
        world
    }

    /// Lets five seconds pass so many times, with an answer to each question.
    fn run_checked(&mut self, ticks: usize, mut of: impl FnMut(&CheckQuestion) -> CheckAnswer) -> usize {
        let mut asked = 0;
        for _ in 0..ticks {
            self.tick(100, 0);
            while let Some(question) = self.controller.claim_check(self.now) {
                asked += 1;
                let answer = of(&question);
                let effects = self.controller.checked(&question, answer, self.now);
                self.perform(effects);
            }
        }
        asked
    }

    fn step(&self) -> usize {
        self.controller.state.summary().step
    }

    fn sentence(&self) -> &str {
        &self.controller.analysis.last_look().unwrap().sentence
    }
}

#[test]
fn a_check_that_passes_lets_the_step_go_on_and_is_asked_in_its_interval() {
    let mut world = World::checking(PLAN);
    let asked = world.run_checked(5, |question| answer(question, "pass"));
    assert_eq!((asked, world.step()), (3, 1), "at 5, 15 and 25 s");
    let asked = world.run_checked(60, |question| answer(question, "pass"));
    assert!(asked <= 1, "the other steps have no check: {asked}");
    assert_eq!(world.phase(), PhaseKind::Completed);
}

#[test]
fn the_question_says_what_it_is_about() {
    let mut world = World::checking(PLAN);
    world.tick(100, 0);
    let question = world.controller.claim_check(world.now).unwrap();
    let expected = r#"{"rolloutId":"r1","step":1,"of":3,"percentage":5,"since":"2027-01-15T08:00:00.000Z","canaryWorker":"shop-v42"}"#;
    assert_eq!(question.body(Some("shop-v42")), expected);
    assert!(question.body(None).ends_with(r#""canaryWorker":null}"#));
}

#[test]
fn a_check_that_waits_holds_the_step_and_the_status_says_so() {
    let mut world = World::checking(PLAN);
    world.run_checked(100, |question| answer(question, "wait"));
    assert_eq!((world.phase(), world.step()), (PhaseKind::Progressing, 1), "waiting never pauses");
    assert_eq!(world.sentence(), "The check gate.example/slo says wait: p99 is 180 ms. The step is held.");
    let (headline, awaited) = world.headline();
    assert_eq!(awaited, Awaited::Check);
    assert!(
        headline.starts_with("Canary at 5 %, step 1 of 3, held: The check gate.example/slo says wait"),
        "{headline}"
    );
    assert_eq!(world.outlook().waits_for.since.as_deref(), Some("2027-01-15T08:00:05.000Z"));
    let view = RolloutView::new(&world.controller, world.now).unwrap();
    let check = view.check.unwrap();
    assert_eq!((check.verdict.as_str(), check.message.as_str(), check.failures), ("wait", "p99 is 180 ms", 0));
    assert_eq!(view.steps[0].check.as_deref(), Some("gate.example/slo"), "the query may hold a secret");
    world.run_checked(60, |question| answer(question, "pass"));
    assert_eq!(world.phase(), PhaseKind::Completed);
}

#[test]
fn a_check_that_fails_too_often_in_a_row_rolls_back_at_once_with_its_words() {
    let mut world = World::checking(&long());
    let mut verdicts = ["fail", "wait", "fail", "pass", "fail", "fail"].into_iter();
    let asked = world.run_checked(60, |question| answer(question, verdicts.next().unwrap_or("pass")));
    assert_eq!((asked, world.phase()), (6, PhaseKind::RolledBack));
    let expected = "The check gate.example/slo says fail: p99 is 180 ms. Fails in a row: 2, limit 2.";
    assert_eq!((world.audit.last().unwrap().reason.as_str(), world.sentence()), (expected, expected));
    assert!(world.controller.overlay(world.now).rollout.halted);
}

#[test]
fn a_plan_that_holds_a_failed_canary_pauses_and_goes_on_counting_afresh() {
    let plan = PLAN.replacen('{', r#"{"onFail":"hold","#, 1);
    let mut world = World::checking(&plan);
    world.run_checked(10, |question| answer(question, "fail"));
    let is_failed = |world: &World| {
        matches!(world.controller.state.rollout().unwrap().phase, Phase::Paused { kind: PauseKind::Failed, .. })
    };
    assert!(is_failed(&world));
    world.execute(Command::Resume);
    world.run_checked(60, |question| answer(question, "pass"));
    assert_eq!(world.phase(), PhaseKind::Completed);
}

#[test]
fn a_check_without_a_verdict_is_an_error_of_the_analysis_and_holds() {
    let mut world = World::checking(PLAN);
    world.run_checked(100, |_| CheckAnswer::error("no answer within 2000 ms"));
    assert_eq!((world.phase(), world.step()), (PhaseKind::Progressing, 1), "never the canary's failure");
    let look = world.controller.analysis.last_look().unwrap();
    assert_eq!(
        (look.verdict, look.sentence.as_str()),
        (FindingKind::Error, "The check gate.example/slo has no verdict: no answer within 2000 ms.")
    );
    let counters = world.controller.state.rollout().unwrap().counters;
    assert!(counters.errors > 10 && counters.failures == 0 && counters.inconclusive == 0, "{counters:?}");
    assert_eq!(world.headline().1, Awaited::Check);
    assert!(world.audit.last().unwrap().reason.ends_with("They do not count against the canary."));
    world.run_checked(60, |question| answer(question, "pass"));
    assert_eq!(world.phase(), PhaseKind::Completed);
}

#[test]
fn an_error_does_not_end_a_row_of_fails() {
    let mut world = World::checking(PLAN);
    let mut number = 0;
    world.run_checked(60, |question| {
        number += 1;
        if number == 2 { CheckAnswer::error("502") } else { answer(question, "fail") }
    });
    assert_eq!((number, world.phase()), (3, PhaseKind::RolledBack));
}

#[test]
fn a_check_that_is_never_answered_is_asked_again_after_its_lease_and_a_late_answer_does_not_count() {
    let mut world = World::checking(&long());
    world.tick(100, 0);
    let lost = world.controller.claim_check(world.now).unwrap();
    assert_eq!(world.controller.claim_check(world.now), None, "one question at a time");
    world.run(1, 100, 0);
    assert_eq!(world.controller.claim_check(world.now), None, "2 s for the answer, and 5 s to record it");
    world.run(1, 100, 0);
    let again = world.controller.claim_check(world.now).unwrap();
    for _ in 0..5 {
        assert_eq!(world.controller.checked(&lost, answer(&lost, "fail"), world.now), []);
    }
    world.controller.checked(&again, answer(&again, "pass"), world.now);
    world.run(2, 100, 0);
    assert!(!world.sentence().contains("check"), "{}", world.sentence());
    // The pass is forgotten when the controller has not asked for long.
    world.now = world.now.after(Duration::from_mins(2));
    world.tick(100, 0);
    assert_eq!(world.sentence(), "The check gate.example/slo has not responded yet. The step is held.");
}

#[test]
fn a_bad_canary_is_rolled_back_whatever_its_check_says() {
    let mut world = World::checking(PLAN);
    world.run_checked(3, |question| answer(question, "pass"));
    world.run(2, 100, 60);
    assert_eq!(world.phase(), PhaseKind::RolledBack);
}

#[test]
fn nothing_is_asked_while_the_canary_is_halted_or_the_rollout_is_over() {
    let mut world = World::checking(PLAN);
    world.run_checked(2, |question| answer(question, "wait"));
    world.execute(Command::Halt);
    assert_eq!(world.run_checked(20, |question| answer(question, "fail")), 0);
    world.execute(Command::ResumeCanary { percentage: None });
    world.execute(Command::Resume);
    assert!(world.run_checked(20, |question| answer(question, "wait")) > 0);
    world.execute(Command::Abort { rollout: None });
    assert_eq!(
        (world.run_checked(20, |question| answer(question, "fail")), world.controller.next_alarm(world.now)),
        (0, None)
    );
}

#[test]
fn max_wait_does_not_go_on_without_the_check() {
    let plan = PLAN.replacen('{', r#"{"maxWait":"20s","onMaxWait":"go-on","#, 1);
    let mut world = World::checking(&plan);
    for _ in 0..60 {
        world.tick(0, 0);
        if let Some(question) = world.controller.claim_check(world.now) {
            let wait = answer(&question, "wait");
            world.controller.checked(&question, wait, world.now);
        }
    }
    assert_eq!((world.step(), world.headline().1), (1, Awaited::Check));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Of each question: what the check says, and whether the answer is lost.
    #[test]
    fn only_as_many_fails_in_a_row_as_the_plan_says_roll_back(answers in prop::collection::vec((0_u8..4, prop::bool::weighted(0.1)), 1..20)) {
        let mut world = World::checking(&long());
        let (mut row, mut rolls_back) = (0, false);
        for (verdict, is_lost) in answers {
            let mut ticks = 0;
            let question = loop {
                world.tick(100, 0);
                ticks += 1;
                prop_assert!(ticks <= 4, "a question comes after its interval, or after a lease");
                if let Some(question) = world.controller.claim_check(world.now) { break question }
            };
            if is_lost { continue }
            let said = match verdict {
                0 => answer(&question, "pass"),
                1 => answer(&question, "wait"),
                2 => answer(&question, "fail"),
                _ => CheckAnswer::error("no answer"),
            };
            row = match said.verdict { CheckVerdict::Fail => row + 1, CheckVerdict::Error => row, _ => 0 };
            rolls_back = row >= 2;
            let effects = world.controller.checked(&question, said, world.now);
            world.perform(effects);
            prop_assert_eq!(world.phase() == PhaseKind::RolledBack, rolls_back);
            if rolls_back { break }
        }
        prop_assert!(rolls_back || world.phase() != PhaseKind::RolledBack);
    }

    /// The clock may jump in both directions between two questions.
    #[test]
    fn after_any_jump_of_the_clock_the_check_is_asked_again(jump in -100_000_000_i64..100_000_000) {
        let mut world = World::checking(&long());
        world.run_checked(3, |question| answer(question, "wait"));
        world.now = Timestamp::from_millis(world.now.as_millis() + jump);
        prop_assert!(world.run_checked(6, |question| answer(question, "wait")) > 0);
    }
}
