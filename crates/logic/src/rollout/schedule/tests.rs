use super::*;

fn said(json: &str) -> String {
    Plan::parse(json).unwrap_err().to_string()
}

fn shape(json: &str) -> Vec<String> {
    Plan::parse(json).unwrap().steps.iter().map(|step| format!("{} % {}", step.percentage, step.hold)).collect()
}

#[test]
fn the_presets_are_the_contract_s() {
    assert_eq!(shape(r#"{"schedule":"standard"}"#), ["5 % 15m", "25 % 15m", "50 % 15m", "100 % 15m"]);
    assert_eq!(shape(r#"{"schedule":"fast"}"#), ["10 % 5m", "50 % 5m", "100 % 5m"]);
    assert_eq!(
        shape(r#"{"schedule":"safe"}"#),
        ["5 % 30m", "10 % 30m", "25 % 30m", "50 % 30m", "75 % 30m", "100 % 30m"]
    );
    assert_eq!(shape(r#"{"schedule":"blue-green"}"#), ["100 % 15m"]);
    assert_eq!(Plan::preset(Schedule::Standard).planned(), Span::from_secs(3600));
}

#[test]
fn a_custom_plan_may_leave_defaults_out() {
    let short = r#"{"steps":[5,15,35,65,100],"hold":600}"#;
    assert_eq!(shape(short), ["5 % 10m", "15 % 10m", "35 % 10m", "65 % 10m", "100 % 10m"]);
    let long = r#"{"schedule":"custom","steps":[{"percentage":0.001,"hold":0.5},{"percentage":100,"hold":"2s"}],"lookEvery":"100ms","settle":0}"#;
    assert_eq!(shape(long), ["0.001 % 500ms", "100 % 2s"]);
    assert_eq!(Plan::parse(long).unwrap().timing.bake, Span::from_secs(2), "the last hold is the bake");
    assert_eq!(Plan::parse(r#"{"schedule":"fast","bake":"1h"}"#).unwrap().timing.bake, Span::from_secs(3600));
}

#[test]
fn steps_of_rings_come_first_and_each_ring_ascends() {
    let rings = r#"{"steps":[{"percentage":50,"where":{"country":["NZ"]}},{"percentage":100,"where":{"country":["NZ"]}},
        {"percentage":10,"where":{"colo":["FRA"]}},5,100]}"#;
    assert_eq!(shape(rings).len(), 5);
    assert_eq!(
        said(r#"{"steps":[5,{"percentage":10,"where":{"country":["NZ"]}},100]}"#),
        r#"steps[1].where: {"country":["NZ"]} is not accepted, accepted: left out, because the steps of rings come before those of the world"#
    );
    assert_eq!(
        said(r#"{"steps":[{"percentage":100,"where":{"country":["NZ"]}}]}"#),
        r#"steps[0].where: {"country":["NZ"]} is not accepted, accepted: left out, because the last step is 100 % of everything"#
    );
    assert_eq!(
        said(r#"{"steps":[{"percentage":5,"where":{"contry":["NZ"]}},100]}"#),
        format!(r#"steps[0].where: {{"contry":["NZ"]}} is not accepted, accepted: {}"#, matcher::ACCEPTED_RING)
    );
}

#[test]
fn a_refused_plan_is_explained_with_path_value_and_accepted_values() {
    let choices = "one of standard, fast, safe, blue-green, custom";
    for (json, expected) in [
        ("{}", "schedule: missing, needed: standard, fast, safe, blue-green or custom".into()),
        (r#"{"schedule":"slow"}"#, format!(r#"schedule: "slow" is not accepted, accepted: {choices}"#)),
        ("[]", r"plan: [] is not accepted, accepted: a JSON object".into()),
        (r#"{"steps":[]}"#, r"steps: 0 steps are not accepted, accepted: a list of 1 to 20 steps".into()),
        (
            r#"{"steps":[5,25,25,100]}"#,
            "steps[2].percentage: 25 is not accepted, accepted: more than 25, because steps ascend".into(),
        ),
        (r#"{"steps":[0,100]}"#, "steps[0].percentage: 0 is not accepted, accepted: more than 0".into()),
        (r#"{"steps":[5,50]}"#, "steps[1].percentage: 50 is not accepted, accepted: 100, as the last step".into()),
        (
            r#"{"steps":[5,101]}"#,
            "steps[1]: 101 is not accepted, accepted: a number from 0 to 100 in steps of 0.001".into(),
        ),
        (
            r#"{"steps":[0.0001,100]}"#,
            "steps[0]: 0.0001 is not accepted, accepted: a number from 0 to 100 in steps of 0.001".into(),
        ),
        (r#"{"schedule":"fast","steps":[100]}"#, "steps: accepted only with schedule custom, not with fast".into()),
        (r#"{"schedule":"custom"}"#, "steps: missing, needed: a list such as [5,25,50,100]".into()),
        (r#"{"schedule":"fast","failureLimit":0}"#, "failureLimit: 0 is not accepted, accepted: 1..=100".into()),
        (
            r#"{"schedule":"fast","maxInconclusive":1001}"#,
            "maxInconclusive: 1001 is not accepted, accepted: 1..=1000".into(),
        ),
        (
            r#"{"schedule":"fast","watchBodies":101}"#,
            "watchBodies: 101 is not accepted, accepted: a number from 0 to 100 in steps of 0.001".into(),
        ),
        (
            r#"{"schedule":"fast","onFail":"panic"}"#,
            r#"onFail: "panic" is not accepted, accepted: roll-back or hold"#.into(),
        ),
        (
            r#"{"schedule":"fast","lookEvery":"5ms"}"#,
            r#"lookEvery: "5ms" is not accepted, accepted: 100ms..=1h, as text such as 15m or a number of seconds"#
                .into(),
        ),
        (
            r#"{"steps":[{"percentage":100,"hold":-1}]}"#,
            "steps[0].hold: -1 is not accepted, accepted: 0s..=30d, as text such as 15m or a number of seconds".into(),
        ),
    ] {
        assert_eq!(said(json), expected);
    }
    assert!(
        said(r#"{"schedule":"fast","failurLimit":1}"#)
            .starts_with("failurLimit: is not known, accepted: one of schedule,")
    );
    assert!(said(r#"{"schedule":"#).starts_with("plan: not JSON: "));
    assert!(
        said(&format!(r#"{{"schedule":"{}"}}"#, "ß".repeat(5_000))).len() < 300,
        "a message does not repeat a novel"
    );
}

#[test]
fn more_than_twenty_steps_are_refused() {
    let steps = |n: usize| format!(r#"{{"steps":{:?}}}"#, (0..n).map(|i| 100 - n + i + 1).collect::<Vec<_>>());
    assert_eq!(Plan::parse(&steps(20)).unwrap().steps.len(), 20);
    assert!(Plan::parse(&steps(21)).is_err());
}

#[test]
fn the_stored_form_is_frozen() {
    let json = concat!(
        r#"{"schedule":"custom","steps":[{"percentage":12.5,"hold":"10m","where":{"country":["NZ"]}},"#,
        r#"{"percentage":5,"hold":"10m","approval":true},{"percentage":100,"hold":"15m"}],"settle":"1m","lookEvery":"1m","bake":"15m","#,
        r#""alarmGrace":"5m","undoWindow":"1h","failureLimit":3,"maxInconclusive":10,"onFail":"hold","watchBodies":5,"analysis":{"p95CeilingMs":800}}"#
    );
    let plan: Plan = serde_json::from_str(json).unwrap();
    assert_eq!(
        serde_json::to_string(&plan).unwrap(),
        json,
        "a controller that wakes up in the middle of a rollout reads its plan in this form; and a range may be widened, never narrowed"
    );
    assert_eq!(Plan::parse(json).unwrap(), plan, "what is shown can be sent again");
    let newer = json.replacen('{', r#"{"fromTheFuture":1,"#, 1);
    assert_eq!(serde_json::from_str::<Plan>(&newer).unwrap(), plan, "a newer version's fields are let be");
}

#[test]
fn a_plan_from_before_bodies_were_watched_can_still_be_read() {
    let plan = Plan::parse(r#"{"schedule":"fast","watchBodies":5}"#).unwrap();
    let stored = serde_json::to_string(&plan).unwrap().replace(r#","watchBodies":5"#, "");
    assert!(!stored.contains("watchBodies"));
    assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
}

#[test]
fn a_preset_is_stored_with_its_steps_so_that_later_presets_do_not_touch_it() {
    let plan = Plan::preset(Schedule::Fast);
    let json = serde_json::to_string(&plan)
        .unwrap()
        .replace("\"percentage\":10,", "\"percentage\":11,")
        .replace("\"percentage\":10}", "\"percentage\":11}");
    let stored: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(stored.steps[0].percentage, Percentage::percent(11));
}
