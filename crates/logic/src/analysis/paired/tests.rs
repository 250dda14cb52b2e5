use super::*;
use crate::analysis::{Evaluator, Health, LookContext, Tick, Verdict};

const MINUTES: u64 = 60_000;

fn config() -> AnalysisConfig {
    AnalysisConfig { mirror_ms: 10 * MINUTES, ..AnalysisConfig::default() }
}

/// A tick in which so many new visitors got a worse answer from the canary and from stable, of `visitors` that have not come before.
fn tick(visitors: std::ops::Range<u32>, worse: (u64, u64), slower: (u64, u64)) -> PairedTick {
    let mut tick = PairedTick {
        worse: PerVariant::new(worse.0, worse.1),
        slower: PerVariant::new(slower.0, slower.1),
        ..PairedTick::default()
    };
    visitors.clone().for_each(|visitor| tick.visitors.insert(visitor));
    (0..worse.0).for_each(|_| tick.counts.record(Comparison::AgainstCanary, PerVariant::new(true, false), None));
    (0..worse.1).for_each(|_| tick.counts.record(Comparison::AgainstStable, PerVariant::new(false, true), None));
    let equal = visitors.len() as u64 - worse.0 - worse.1;
    visitors.take(usize::try_from(worse.0).unwrap()).for_each(|visitor| tick.failing.canary.insert(visitor));
    (0..equal).for_each(|_| tick.counts.record(Comparison::Neither, PerVariant::default(), Some(false)));
    tick
}

struct Story {
    evaluator: Evaluator,
    now: u64,
    seen: u32,
}

impl Story {
    fn new(config: AnalysisConfig) -> Self {
        Self { evaluator: Evaluator::new(config, 60 * MINUTES).unwrap(), now: 1_700_000_000_000, seen: 0 }
    }

    fn tick(&mut self, visitors: u32, worse: (u64, u64), slower: (u64, u64)) {
        self.now += 5_000;
        let paired = Some(tick(self.seen..self.seen + visitors, worse, slower));
        self.seen += visitors;
        self.evaluator.close_tick(Tick { paired, ..Tick::default() }, self.now);
    }

    fn look(&mut self, last_comparison: bool) -> (Verdict, String) {
        let context = LookContext {
            last_flush_at: Some(self.now),
            health: Health::Healthy,
            mirrors: true,
            last_comparison,
            ..LookContext::default()
        };
        let look = self.evaluator.look(&context, self.now);
        (look.verdict, look.reason.to_string())
    }
}

#[test]
fn a_canary_whose_answers_are_as_good_passes() {
    let mut story = Story::new(config());
    for _ in 0..12 {
        story.tick(20, (1, 1), (2, 18));
    }
    let (verdict, sentence) = story.look(false);
    assert_eq!(verdict, Verdict::Pass, "{sentence}");
    let start = "No evidence against the canary: of 2";
    assert!(sentence.starts_with(start), "{sentence}");
    assert!(
        sentence.ends_with("visitors with copied requests, 12 got a worse answer from the canary and 12 from stable.")
    );
}

#[test]
fn twelve_visitors_with_worse_answers_from_the_canary_alone_are_enough() {
    let mut story = Story::new(config());
    (0..11).for_each(|_| story.tick(5, (1, 0), (0, 0)));
    assert_eq!(story.evaluator.strong_evidence(), None);
    story.tick(5, (1, 0), (0, 0));
    let sentence = story.evaluator.strong_evidence().unwrap().to_string();
    let start = "The canary answers the same requests worse than stable: of ";
    assert!(sentence.starts_with(start) && sentence.ends_with(" to 1, limit 400 to 1."), "{sentence}");
    assert_eq!(story.look(false).0, Verdict::Fail);
    story.evaluator.begin_step();
    assert!(story.evaluator.strong_evidence().is_some(), "it stays");
}

#[test]
fn a_burst_of_pairs_against_the_canary_is_no_rollback() {
    let mut story = Story::new(config());
    (0..2).for_each(|_| story.tick(400, (200, 0), (0, 0)));
    assert_eq!(story.evaluator.strong_evidence(), None, "an incident may begin between two answers");
    story.tick(400, (200, 0), (0, 0));
    assert!(story.evaluator.strong_evidence().is_some(), "and it ends");
}

#[test]
fn a_difference_too_small_to_matter_holds_and_does_not_roll_back() {
    let mut story = Story::new(config());
    (0..60).for_each(|tick| story.tick(400, (tick % 2, 0), (0, 0)));
    assert_eq!(story.evaluator.strong_evidence(), None, "30 of 24,000 visitors are less than 0.2 %");
    let (verdict, sentence) = story.look(false);
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(sentence.starts_with("Suspicious answers to copied requests on the canary: evidence "), "{sentence}");
}

#[test]
fn a_canary_that_is_slower_for_most_visitors_is_rolled_back() {
    let mut story = Story::new(config());
    (0..24).for_each(|_| story.tick(20, (0, 0), (14, 6)));
    let (verdict, sentence) = story.look(false);
    assert_eq!(verdict, Verdict::Fail);
    let start =
        "The canary is slower than stable for the same requests: by more than the tolerance for 336 of 480 visitors";
    assert!(sentence.starts_with(start), "{sentence}");
}

#[test]
fn an_incident_that_meets_both_variants_is_no_evidence() {
    let mut story = Story::new(config());
    for _ in 0..12 {
        let mut both = tick(story.seen..story.seen + 20, (0, 0), (0, 0));
        both.counts.failures = PerVariant::new(20, 20);
        (story.seen..story.seen + 20).for_each(|visitor| {
            both.failing.canary.insert(visitor);
            both.failing.stable.insert(visitor);
        });
        story.seen += 20;
        story.now += 5_000;
        story.evaluator.close_tick(Tick { paired: Some(both), ..Tick::default() }, story.now);
    }
    let (verdict, sentence) = story.look(false);
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(sentence.starts_with("Stable itself has a problem: 240 of 240 requests failed (100.00 %)"), "{sentence}");
}

#[test]
fn without_pairs_it_waits_for_traffic_and_the_last_comparison_needs_more() {
    let mut story = Story::new(config());
    story.tick(3, (0, 0), (0, 3));
    assert_eq!(
        story.look(false),
        (Verdict::Inconclusive, "Waiting for traffic: 3 of 20 visitors with copied requests.".to_owned())
    );
    story.tick(97, (0, 0), (0, 97));
    assert_eq!(story.look(false).0, Verdict::Pass);
    let (verdict, sentence) = story.look(true);
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(sentence.starts_with("Waiting for traffic: "), "{sentence}");
}

#[test]
fn a_ceiling_counts_looks_in_a_row() {
    let mut story = Story::new(AnalysisConfig { error_tolerance: 10.0, ..config() });
    let mut looks = Vec::new();
    for _ in 0..3 {
        // The tolerance is so wide that there is no strong evidence.
        (0..12).for_each(|_| story.tick(20, (3, 1), (0, 0)));
        looks.push(story.look(false));
    }
    assert!(looks[0].1.starts_with("The canary is above a ceiling: 36 of 240 requests failed (15.00 %)"), "{looks:?}");
    assert_eq!(looks[2].0, Verdict::Fail, "{looks:?}");
}

#[test]
fn a_plan_without_mirror_steps_has_no_paired_test() {
    let mut evaluator = Evaluator::new(AnalysisConfig::default(), 60 * MINUTES).unwrap();
    evaluator.close_tick(Tick { paired: Some(tick(0..50, (50, 0), (0, 0))), ..Tick::default() }, 5_000);
    assert!(evaluator.strong_evidence().is_none() && evaluator.figures().paired.is_none());
    assert!(!serde_json::to_string(&evaluator).unwrap().contains("paired"), "the stored form stays as it was");
}

#[test]
fn an_independent_implementation_computes_the_same_evidence() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../../../../tests/vectors/paired_test.json")).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 6);
    for case in cases {
        let count = |value: &serde_json::Value| u32::try_from(value.as_u64().unwrap()).unwrap();
        let restarts = Restarts { every: count(&case["restartEvery"]), count: count(&case["restarts"]) };
        let mut process = EProcess::new(&GRID, case["tolerance"].as_f64().unwrap(), restarts);
        for (place, tick) in case["ticks"].as_array().unwrap().iter().enumerate() {
            let number = |index: usize| tick[index].as_u64().unwrap();
            process.close_tick_as_at_most(MOST_A_TICK, number(0), number(1), Fraction::of(1, 1));
            let expected = case["lnE"][place].as_f64().unwrap();
            let found = process.ln_e();
            assert!((found - expected).abs() < 1e-6, "{} tick {place}: {found}, should be {expected}", case["name"]);
        }
    }
}
