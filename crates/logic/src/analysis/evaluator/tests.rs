use proptest::prelude::*;

use super::*;
use crate::analysis::verdict::{Alarm, HeldFor, Verdict};

const TICK: u64 = 5_000;

/// An evaluator by request at 20 %, which receives full minutes.
struct Story {
    evaluator: Evaluator,
    context: LookContext,
    now: u64,
}

fn story() -> Story {
    let config = AnalysisConfig { unit: Unit::Request, ..AnalysisConfig::default() };
    Story {
        evaluator: Evaluator::new(config, 3_600_000).unwrap(),
        context: LookContext { health: Health::Healthy, ..LookContext::default() },
        now: 1_700_000_000_000,
    }
}

fn all_at(ms: f64, requests: u64) -> Histogram {
    let mut histogram = Histogram::default();
    (0..requests).for_each(|_| histogram.record(ms));
    histogram
}

impl Story {
    /// Adds a minute of ticks, each with (requests, failures, latency) for canary and stable, and makes the next analysis.
    fn minute(&mut self, canary: (u64, u64, f64), stable: (u64, u64, f64)) -> Look {
        for _ in 0..12 {
            self.now += TICK;
            let counts = PerVariant::new(Counts::new(canary.0, canary.1), Counts::new(stable.0, stable.1));
            let tick = Tick {
                counts,
                visits: counts,
                latency: PerVariant::new(all_at(canary.2, canary.0), all_at(stable.2, stable.0)),
                split: PerVariant::new(5_000, 20_000),
                ..Tick::default()
            };
            self.evaluator.close_tick(tick, self.now);
        }
        self.context.last_flush_at = Some(self.now);
        self.look()
    }

    fn look(&mut self) -> Look {
        self.evaluator.look(&self.context, self.now)
    }
}

const STABLE: (u64, u64, f64) = (100, 1, 80.0);

fn said(look: &Look) -> (Verdict, String) {
    (look.verdict, look.reason.to_string())
}

#[test]
fn a_canary_as_good_as_stable_passes() {
    let look = story().minute((25, 0, 80.0), STABLE);
    let sentence =
        "No evidence against the canary: 0 of 300 requests failed (0.00 %) against 12 of 1200 (1.00 %).".to_owned();
    assert_eq!(said(&look), (Verdict::Pass, sentence));
    assert_eq!(look.alarms, []);
}

#[test]
fn a_canary_that_fails_more_is_rolled_back_at_once() {
    let look = story().minute((25, 2, 80.0), STABLE);
    let (verdict, sentence) = said(&look);
    assert_eq!(verdict, Verdict::Fail);
    let start = "The canary fails more often than stable: 24 of 300 requests failed (8.00 %) against 12 of 1200 (1.00 %); evidence ";
    assert!(sentence.starts_with(start) && sentence.ends_with(" to 1, limit 200 to 1."), "{sentence}");
}

#[test]
fn a_canary_that_is_slower_is_rolled_back_at_once() {
    let look = story().minute((25, 0, 160.0), STABLE);
    let (verdict, sentence) = said(&look);
    assert_eq!(verdict, Verdict::Fail);
    assert!(sentence.starts_with("The canary is slower than stable: p95 162 ms against 81 ms; evidence"), "{sentence}");
}

#[test]
fn a_ceiling_rolls_back_at_the_third_consecutive_analysis() {
    // The canary has all traffic, as after the last step, so there is no comparison.
    let mut story = story();
    let looks = [(); 3].map(|()| story.minute((100, 10, 80.0), (0, 0, 80.0)));
    assert_eq!(
        looks.each_ref().map(|look| look.verdict),
        [Verdict::Inconclusive, Verdict::Inconclusive, Verdict::Fail]
    );
    assert_eq!(
        looks[2].reason.to_string(),
        "The canary is above a ceiling: 120 of 1200 requests failed (10.00 %), ceiling 5.00 %; analysis 3 in a row, limit 3."
    );
}

#[test]
fn a_passed_analysis_resets_the_consecutive_count() {
    let mut story = story();
    let bad = (100, 10, 80.0);
    let good = (100, 1, 80.0);
    for minute in [bad, bad, good, bad, bad] {
        assert_ne!(story.minute(minute, (0, 0, 80.0)).verdict, Verdict::Fail);
    }
    assert_eq!(story.minute(bad, (0, 0, 80.0)).verdict, Verdict::Fail);
}

#[test]
fn a_p95_above_its_ceiling_rolls_back_too() {
    let mut story = story();
    let looks = [(); 3].map(|()| story.minute((100, 0, 700.0), (0, 0, 80.0)));
    assert_eq!(looks[2].verdict, Verdict::Fail);
    assert_eq!(
        looks[2].reason.to_string(),
        "The canary is above a ceiling: p95 703 ms (1200 of 1200 requests slower than the ceiling of 500 ms); \
         analysis 3 in a row, limit 3."
    );
}

#[test]
fn an_incident_on_both_holds_and_never_rolls_back() {
    let mut story = story();
    for _ in 0..30 {
        let look = story.minute((25, 10, 80.0), (100, 40, 80.0));
        let sentence =
            "Stable itself has a problem: 480 of 1200 requests failed (40.00 %), ceiling 5.00 %. The step is held.";
        assert_eq!(said(&look), (Verdict::Inconclusive, sentence.to_owned()));
    }
}

#[test]
fn an_incident_on_stable_alone_holds() {
    let mut story = story();
    assert_eq!(story.minute((25, 0, 80.0), (100, 40, 80.0)).verdict, Verdict::Inconclusive);
    assert_eq!(story.minute((25, 0, 80.0), STABLE).verdict, Verdict::Pass);
}

#[test]
fn an_incident_on_stable_holds_a_canary_with_little_traffic_too() {
    let mut story = story();
    story.minute((2, 0, 80.0), STABLE);
    let look = story.minute((1, 0, 80.0), (100, 40, 80.0));
    assert!(matches!(look.reason, Reason::StableIncident { .. }), "{}", look.reason);
}

#[test]
fn ceilings_of_a_canary_with_little_traffic_wait_for_enough() {
    // Twelve requests a minute, all of which fail, without a comparison: the ceiling applies at every second analysis.
    let mut story = story();
    let failed = (1..20).find(|_| story.minute((1, 1, 80.0), (0, 0, 80.0)).verdict == Verdict::Fail);
    assert_eq!(failed, Some(6));
}

#[test]
fn a_canary_that_says_it_is_down_is_rolled_back_without_any_traffic() {
    let mut story = story();
    story.context.health = Health::Unhealthy;
    let looks = [(); 3].map(|()| story.look());
    assert_eq!(looks[1].verdict, Verdict::Inconclusive);
    let sentence = "The canary is above a ceiling: its own /health says it is down; analysis 3 in a row, limit 3.";
    assert_eq!(said(&looks[2]), (Verdict::Fail, sentence.to_owned()));
}

#[test]
fn telemetry_that_went_silent_holds() {
    let mut story = story();
    assert_eq!(story.look().reason.to_string(), "No isolate has reported yet. Waiting for traffic.");
    story.minute((25, 0, 80.0), STABLE);
    story.now += 15_000;
    assert_eq!(story.look().verdict, Verdict::Pass);
    story.now += 1;
    let sentence = "No isolate has reported for 15001 ms, limit 15000 ms. Waiting for traffic.".to_owned();
    assert_eq!(said(&story.look()), (Verdict::Inconclusive, sentence));
}

#[test]
fn a_suspicious_canary_is_held_and_released() {
    let mut story = story();
    let mut look = story.minute((10, 0, 80.0), (100, 0, 80.0));
    assert_eq!(look.verdict, Verdict::Pass);
    story.now += TICK;
    let counts = PerVariant::new(Counts::new(25, 4), Counts::new(100, 0));
    story.evaluator.close_tick(Tick { counts, split: PerVariant::new(5_000, 20_000), ..Tick::default() }, story.now);
    look = story.look();
    assert!(matches!(look.reason, Reason::Suspicious { metric: Metric::Errors, .. }), "{}", look.reason);
    assert_eq!(look.verdict, Verdict::Inconclusive);
    assert_eq!(story.minute((25, 0, 80.0), (100, 1, 80.0)).verdict, Verdict::Pass);
}

#[test]
fn a_breaker_that_opened_a_moment_ago_holds() {
    let mut story = story();
    story.context.breaker_opened_at = Some(story.now);
    story.minute((25, 0, 80.0), STABLE);
    story.context.breaker_opened_at = Some(story.now - 59_999);
    assert_eq!(
        story.look().reason.to_string(),
        "A breaker kept visitors from the canary 59999 ms ago. The step is held until no breaker has for a minute."
    );
    story.context.breaker_opened_at = Some(story.now - 60_000);
    assert_eq!(story.look().verdict, Verdict::Pass);
}

#[test]
fn an_open_breaker_holds_before_suspicion_so_that_it_never_pauses_a_rollout() {
    let mut story = story();
    story.minute((10, 0, 80.0), (100, 0, 80.0));
    story.now += TICK;
    let counts = PerVariant::new(Counts::new(25, 4), Counts::new(100, 0));
    story.evaluator.close_tick(Tick { counts, split: PerVariant::new(5_000, 20_000), ..Tick::default() }, story.now);
    story.context.breaker_opened_at = Some(story.now);
    let look = story.look();
    assert_eq!((look.verdict, look.reason.held_for()), (Verdict::Inconclusive, HeldFor::Breakers), "{}", look.reason);
}

#[test]
fn a_breaker_whose_probes_fail_rolls_back_a_canary_that_has_everything() {
    let mut story = story();
    story.minute((100, 0, 80.0), (0, 0, 80.0));
    assert_eq!(story.evaluator.strong_evidence(), None);
    story.now += TICK;
    let diversion = Diversion { visits: 95, probes: 5, failed: 5 };
    story.evaluator.close_tick(Tick { diversion, ..Tick::default() }, story.now);
    let reason = story.evaluator.strong_evidence().unwrap();
    assert_eq!(
        (reason.verdict(), reason.to_string()),
        (
            Verdict::Fail,
            "Breakers keep visitors from the canary: in their probes, 5 of 5 visitors failed, \
             and 95 of 95 visits (100.00 %) went to stable instead; ceiling 5.00 %."
                .to_owned()
        )
    );
}

#[test]
fn too_few_requests_wait_and_do_not_count_as_inconclusive() {
    let look = story().minute((1, 0, 80.0), STABLE);
    assert_eq!(said(&look), (Verdict::Inconclusive, "Not enough requests on the canary yet: 12 of 20.".to_owned()));
    assert_eq!(look.reason.held_for(), HeldFor::Traffic);
}

#[test]
fn the_last_comparison_waits_for_enough_requests_to_detect_a_bad_canary() {
    let mut story = story();
    story.context.last_comparison = true;
    let look = story.minute((25, 0, 80.0), STABLE);
    let needed = needed_requests(Fraction::of(1, 4), 0.01, crate::analysis::Regression::default(), 0.005).unwrap();
    assert_eq!(look.reason, Reason::WaitingForTraffic { requests: 300, needed: Some(needed), unit: Unit::Request });
    let minutes = (2..100).find(|_| story.minute((25, 0, 80.0), STABLE).verdict == Verdict::Pass);
    assert_eq!(minutes, Some(needed.div_ceil(300)));
}

#[test]
fn a_new_step_needs_requests_of_its_own() {
    let mut story = story();
    story.minute((25, 0, 80.0), STABLE);
    story.evaluator.begin_step();
    assert!(matches!(story.look().reason, Reason::TooFewRequests { requests: 0, .. }));
}

#[test]
fn a_split_that_is_off_raises_an_alarm_and_decides_nothing() {
    let mut story = story();
    (0..9).for_each(|_| drop(story.minute((15, 0, 80.0), STABLE)));
    let look = story.minute((15, 0, 80.0), STABLE);
    assert_eq!((look.verdict, look.alarms.len()), (Verdict::Pass, 1));
    let sentence = look.alarms[0].to_string();
    let start =
        "The split is not the configured one: 1800 of 13800 (13.04 %) on the canary, configured 20.00 %; evidence";
    assert!(sentence.starts_with(start), "{sentence}");
}

#[test]
fn a_key_with_more_than_a_fifth_of_the_requests_is_an_alarm_where_each_request_counts_for_itself() {
    let alarms = |unit, heaviest: u64| {
        let config = AnalysisConfig { unit, ..AnalysisConfig::default() };
        let mut evaluator = Evaluator::new(config, 3_600_000).unwrap();
        let mut heavy = HeavyKeys::default();
        (0..heaviest).for_each(|_| heavy.record(7));
        let counts = PerVariant::new(Counts::new(200, 0), Counts::new(800, 0));
        let split = PerVariant::new(5_000, 20_000);
        evaluator.close_tick(Tick { counts, heavy, split, ..Tick::default() }, TICK);
        evaluator.alarms()
    };
    assert_eq!(alarms(Unit::Request, 201), [Alarm::HeavyKey { heaviest: 201, requests: 1_000 }]);
    assert_eq!(alarms(Unit::Request, 200), []);
    assert_eq!(alarms(Unit::StickyKey, 201), []);
}

#[test]
fn a_reason_is_written_in_a_stable_form() {
    let look = story().minute((1, 0, 80.0), STABLE);
    let json = serde_json::to_string(&look.reason).unwrap();
    assert_eq!(
        json, r#"{"kind":"too-few-requests","requests":12,"needed":20,"unit":"request"}"#,
        "audit rows are read by other tools"
    );
    let look = story().minute((100, 10, 80.0), (0, 0, 80.0));
    let json = concat!(
        r#"{"kind":"above-threshold","threshold":{"kind":"error-rate","failures":120,"requests":1200,"ceiling":0.05},"#,
        r#""looks":1,"limit":3}"#
    );
    assert_eq!(serde_json::to_string(&look.reason).unwrap(), json, "audit rows are read by other tools");
}

#[test]
fn the_stored_form_is_frozen() {
    let mut story = story();
    story.minute((2, 1, 80.0), (8, 0, 80.0));
    let json = serde_json::to_string(&story.evaluator).unwrap();
    let frozen = include_str!("stored.json").trim_end();
    assert_eq!(json, frozen, "a controller of another version must read a running rollout");
    assert_eq!(serde_json::from_str::<Evaluator>(frozen).unwrap(), story.evaluator);
}

#[test]
fn a_rollout_that_counted_requests_goes_on() {
    let mut evaluator: Evaluator = serde_json::from_str(include_str!("stored-by-requests.json")).unwrap();
    assert_eq!(evaluator.figures().canary.counts.requests(), 24);
    evaluator.close_tick(Tick { split: PerVariant::new(5_000, 20_000), ..Tick::default() }, 1_700_000_600_000);
    assert!(evaluator.measure().slow.ceiling.is_some());
}

fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..300, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn any_counts() -> impl Strategy<Value = PerVariant<u64>> {
    (any_count(), any_count()).prop_map(|(canary, stable)| PerVariant::new(canary, stable))
}

/// Adds a tick of answers by their version, of the canary, to a minute of good traffic.
fn after_answers(right: u64, wrong: u64, probe: Option<VersionCheck>) -> (Verdict, String) {
    let mut story = story();
    story.minute((25, 0, 80.0), STABLE);
    let canary = VersionCounts { right, wrong, unmarked: 0 };
    let stable = VersionCounts { right: 400, ..VersionCounts::default() };
    let versions = PerVariant::new(canary, stable);
    story.evaluator.close_tick(Tick { versions, split: PerVariant::new(5_000, 20_000), ..Tick::default() }, story.now);
    story.context.version = probe;
    said(&story.look())
}

#[test]
fn answers_of_another_version_hold_the_canary_whatever_the_others_say() {
    assert_eq!(after_answers(100, 1, Some(VersionCheck::Right)).0, Verdict::Pass);
    let (verdict, sentence) = after_answers(95, 5, Some(VersionCheck::Right));
    assert_eq!(verdict, Verdict::Inconclusive);
    let expected = "The platform answers by another version: canary, 5 of 100 answers are of another version; stable, \
                    0 of 400 answers are of another version; at most 1 % are accepted. Is the canary's version in the \
                    Worker's current deployment? Holding.";
    assert_eq!(sentence, expected);
}

#[test]
fn a_probe_that_another_version_answers_holds_the_canary_where_no_answer_states_one() {
    let (verdict, sentence) = after_answers(0, 0, Some(VersionCheck::Wrong));
    assert_eq!(verdict, Verdict::Inconclusive);
    assert!(sentence.contains("Another version answered the canary's own /health."), "{sentence}");
    assert_eq!(after_answers(0, 0, Some(VersionCheck::Unmarked)).0, Verdict::Pass);
}

fn any_tick() -> impl Strategy<Value = Tick> {
    let histogram =
        || prop::collection::btree_map(0_u16..480, any_count(), 0..5).prop_map(|map| Histogram::try_from(map).unwrap());
    let slow =
        || (any_count(), any_count(), any_count()).prop_map(|(p95, p99, ceiling)| SlowVisitors { p95, p99, ceiling });
    let visitors = || {
        prop::collection::vec(any::<u32>(), 0..9).prop_map(|keys| {
            let mut sketch = VisitorSketch::default();
            for key in keys {
                sketch.insert(key);
            }
            sketch
        })
    };
    let of_visitors = (slow(), slow(), visitors(), visitors(), any_counts());
    (any_counts(), any_counts(), any_counts(), histogram(), histogram(), any_counts(), any_counts(), of_visitors)
        .prop_map(|(requests, failures, first, canary, stable, assigned, split, of_visitors)| Tick {
            visits: PerVariant::new(
                Counts::new(of_visitors.4.canary, failures.canary),
                Counts::new(of_visitors.4.stable, failures.stable),
            ),
            slow: PerVariant::new(of_visitors.0, of_visitors.1),
            visitors: PerVariant::new(of_visitors.2, of_visitors.3),
            heavy: HeavyKeys::default(),
            counts: PerVariant::new(
                Counts::sticky(requests.canary, failures.canary, first.canary),
                Counts::sticky(requests.stable, failures.stable, first.stable),
            ),
            latency: PerVariant::new(canary, stable),
            assigned,
            versions: PerVariant::new(
                VersionCounts { right: requests.canary, wrong: failures.canary, unmarked: first.canary },
                VersionCounts { right: requests.stable, wrong: failures.stable, unmarked: first.stable },
            ),
            diversion: Diversion { visits: assigned.canary, probes: assigned.stable, failed: split.canary },
            split,
            paired: None,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_input_gives_an_analysis_and_a_state_that_reloads_identically(
        ticks in prop::collection::vec((any_tick(), any::<u64>()), 0..30),
        unit in prop_oneof![Just(Unit::StickyKey), Just(Unit::Request)],
        flushed in any::<Option<u64>>(), opened in any::<Option<u64>>(), last_comparison in any::<bool>(),
    ) {
        let config = AnalysisConfig { unit, ..AnalysisConfig::default() };
        let mut evaluator = Evaluator::new(config, 3_600_000).unwrap();
        let context = LookContext { last_flush_at: flushed, breaker_opened_at: opened, last_comparison, ..LookContext::default() };
        for (tick, now) in ticks {
            evaluator.close_tick(tick, now);
            let look = evaluator.look(&context, now);
            prop_assert!(!look.reason.to_string().contains("NaN"));
            let json = serde_json::to_string(&look).unwrap();
            prop_assert_eq!(serde_json::from_str::<Look>(&json).unwrap(), look);
        }
        let json = serde_json::to_string(&evaluator).unwrap();
        prop_assert_eq!(serde_json::from_str::<Evaluator>(&json).unwrap(), evaluator);
    }
}
