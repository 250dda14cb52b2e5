use proptest::prelude::*;

use super::*;
use crate::telemetry::Batch;

/// The expectation at so many visitors a minute, of whom one in two hundred fails on stable.
fn at(visitors_per_minute: f64, plan: &str) -> ExpectedView {
    let known = Known {
        requests_per_minute: visitors_per_minute * 10.0,
        visitors_per_minute: Some(visitors_per_minute),
        stable_rate: 0.005,
    };
    of(known, plan)
}

fn of(known: Known, plan: &str) -> ExpectedView {
    let plan = Plan::parse(plan).unwrap();
    Forecast { plan: &plan, config: analysis_config(&plan).unwrap(), known }.view()
}

fn minutes(view: &ExpectedView) -> Vec<Option<u64>> {
    view.steps.iter().map(|step| step.duration_ms.map(|ms| ms / 60_000)).collect()
}

const STANDARD: &str = r#"{"schedule":"standard"}"#;

#[test]
fn with_traffic_enough_a_rollout_takes_as_long_as_its_holds() {
    let view = at(6_000.0, STANDARD);
    assert_eq!((minutes(&view), view.duration_ms), (vec![Some(15); 4], Some(60 * 60_000)));
    assert_eq!(view.steps[2].needed, Some(14_016));
    assert_eq!(
        view.steps[0],
        ExpectedStepView { duration_ms: Some(900_000), canary_per_minute: Some(300.0), needed: Some(20) }
    );
    let smallest = view.smallest_regression.unwrap();
    assert!(
        smallest.factor > 1.5 && smallest.factor < 2.0,
        "45,000 visitors notice less than a doubled rate: {smallest:?}"
    );
    assert!(
        view.sentence.starts_with(
            "About 1 h 0 min at 6,000 visitors a minute in the last hour; the holds alone take 1 h 0 min."
        ),
        "{}",
        view.sentence
    );
}

#[test]
fn little_traffic_makes_the_last_comparison_long() {
    let view = at(100.0, STANDARD);
    // 14,016 visitors at 50 a minute are 280.3 minutes, and the next look finds them.
    assert_eq!(minutes(&view), [Some(15), Some(15), Some(281), Some(15)]);
    let smallest = view.smallest_regression.unwrap();
    assert!((1.99..=2.0).contains(&smallest.factor) && smallest.points <= 0.5, "{smallest:?}");
    assert!(
        view.sentence.starts_with("About 5 h 26 min at 100 visitors a minute in the last hour"),
        "{}",
        view.sentence
    );
    // 20 visitors at 0.05 a minute.
    assert_eq!(minutes(&at(1.0, r#"{"schedule":"standard","detect":{"factor":100,"points":100}}"#))[0], Some(400));
}

#[test]
fn without_traffic_the_duration_is_not_known() {
    let view = of(Known::default(), STANDARD);
    assert_eq!((view.duration_ms, view.smallest_regression, minutes(&view)), (None, None, vec![None; 4]));
    let expected = "No traffic in the last hour: how long the rollout takes is not known. It waits for visitors; its holds alone take 1 h 0 min.";
    assert_eq!(view.sentence, expected);
}

#[test]
fn requests_stand_for_visitors_until_a_rollout_has_counted_them() {
    let view = of(Known { requests_per_minute: 6_000.0, ..Known::default() }, STANDARD);
    assert_eq!((view.visitors_per_minute, view.requests_per_minute), (None, 6_000.0));
    assert!(view.sentence.starts_with("At least 1 h 0 min at 6,000 requests a minute"), "{}", view.sentence);
    assert!(view.sentence.contains("no rollout has counted visitors yet"), "{}", view.sentence);
    let by_request = of(
        Known { requests_per_minute: 6_000.0, ..Known::default() },
        r#"{"schedule":"standard","analysis":{"unit":"request"}}"#,
    );
    assert!(by_request.sentence.starts_with("About 1 h 0 min at 6,000 requests a minute"), "{}", by_request.sentence);
}

#[test]
fn a_step_that_waits_longer_than_the_plan_permits_says_what_then_happens() {
    let plan = |then: &str| format!(r#"{{"schedule":"fast","maxWait":"2h","onMaxWait":"{then}"}}"#);
    let view = at(10.0, &plan("pause"));
    assert_eq!((view.duration_ms, minutes(&view)), (None, vec![Some(20), None, Some(5)]));
    let expected = "At 10 visitors a minute in the last hour, step 2 of 3 needs 46 h 43 min for 14,016 visitors on the canary: after the plan's maxWait, 2h, the rollout pauses.";
    assert!(view.sentence.starts_with(expected), "{}", view.sentence);
    assert!(at(10.0, &plan("roll-back")).sentence.contains("the rollout rolls back"));
    let goes_on = at(10.0, &plan("go-on"));
    assert_eq!(minutes(&goes_on), [Some(20), Some(121), Some(5)], "settle and maxWait");
    let noticed = |view: &ExpectedView| view.smallest_regression.unwrap().factor;
    assert!(noticed(&goes_on) > noticed(&at(1_000.0, &plan("go-on"))), "with less traffic less is noticed");
}

#[test]
fn blue_green_compares_nothing_and_the_traffic_of_a_ring_is_not_known() {
    let view = at(600.0, r#"{"schedule":"blue-green"}"#);
    assert_eq!((view.duration_ms, view.smallest_regression), (Some(15 * 60_000), None));
    let ring = at(
        600.0,
        r#"{"steps":[{"percentage":100,"where":{"country":"NZ"}},{"percentage":5,"approval":true},100],"hold":"10m"}"#,
    );
    assert_eq!((ring.steps[0].canary_per_minute, ring.steps[0].duration_ms), (None, Some(600_000)));
    assert!(ring.sentence.ends_with("Approvals, checks and windows come on top."), "{}", ring.sentence);
}

#[test]
fn the_traffic_is_what_locations_report() {
    let (mut controller, now) = (Controller::default(), Timestamp::from_seconds(1_800_000_000));
    let view = |controller: &Controller| ExpectedView::new(&Plan::parse(STANDARD).unwrap(), controller, now).unwrap();
    assert!(view(&controller).sentence.starts_with("No traffic in the last hour"));
    controller.report(&Batch { from: "FRA".into(), seq: 1, requests: 1_200, ..Batch::default() }, now);
    assert_eq!((view(&controller).requests_per_minute, view(&controller).visitors_per_minute), (1_200.0, None));
    let bad = Plan::parse(r#"{"schedule":"fast","analysis":{"alpha":7}}"#).unwrap();
    assert_eq!(ExpectedView::new(&bad, &controller, now), None);
}

#[test]
fn the_form_is_frozen() {
    let json = concat!(
        r#"{"durationMs":900000,"requestsPerMinute":6000.0,"visitorsPerMinute":600.0,"steps":[{"durationMs":900000,"canaryPerMinute":600.0,"needed":20}],"#,
        r#""smallestRegression":null,"sentence":"About 15 min at 600 visitors a minute in the last hour; the holds alone take 15 min."}"#
    );
    assert_eq!(serde_json::to_string(&at(600.0, r#"{"schedule":"blue-green"}"#)).unwrap(), json);
    assert_eq!(serde_json::from_str::<ExpectedView>("{}").unwrap(), ExpectedView::default());
}

#[test]
fn the_page_of_the_control_api_has_the_answer() {
    let page = include_str!("../../../../../docs/control-api.md");
    let (_, example) = page.split_once("as `expected`:\n\n```json\n").unwrap();
    let documented: ExpectedView = serde_json::from_str(example.split_once("```").unwrap().0).unwrap();
    let mut view = at(100.0, STANDARD);
    assert!(view.sentence.starts_with(documented.sentence.trim_end_matches('…').trim_end()), "{}", view.sentence);
    view.sentence.clone_from(&documented.sentence);
    assert_eq!(documented, view);
}

proptest! {
    #[test]
    fn more_traffic_never_takes_longer(
        rate in 0.01..1e6, more in 1.0..100.0,
        schedule in prop::sample::select(vec!["standard", "fast", "safe", "blue-green"]),
    ) {
        let plan = format!(r#"{{"schedule":"{schedule}"}}"#);
        let (some, much) = (at(rate, &plan).duration_ms.unwrap(), at(rate * more, &plan).duration_ms.unwrap());
        prop_assert!(much <= some);
        prop_assert!(much >= Plan::parse(&plan).unwrap().planned().as_millis());
    }
}
