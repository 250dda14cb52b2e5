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
fn a_custom_plan_is_as_short_as_its_author_likes() {
    let short = r#"{"steps":[5,15,35,65,100],"hold":600}"#;
    assert_eq!(shape(short), ["5 % 10m", "15 % 10m", "35 % 10m", "65 % 10m", "100 % 10m"]);
    let long = r#"{"schedule":"custom","steps":[{"percentage":0.001,"hold":0.5},{"percentage":100,"hold":"2s"}],"lookEvery":"100ms","settle":0}"#;
    assert_eq!(shape(long), ["0.001 % 500ms", "100 % 2s"]);
    assert_eq!(Plan::parse(long).unwrap().timing.bake, Span::from_secs(2), "the last hold is the bake");
    assert_eq!(Plan::parse(r#"{"schedule":"fast","bake":"1h"}"#).unwrap().timing.bake, Span::from_secs(3600));
}

#[test]
fn a_ring_comes_before_the_world_and_grows_by_itself() {
    let rings = r#"{"steps":[{"percentage":50,"where":{"country":["NZ"]}},{"percentage":100,"where":{"country":["NZ"]}},
        {"percentage":10,"where":{"colo":["FRA"]}},5,100]}"#;
    assert_eq!(shape(rings).len(), 5);
    assert_eq!(
        said(r#"{"steps":[5,{"percentage":10,"where":{"country":["NZ"]}},100]}"#),
        r#"steps[1].where is {"country":["NZ"]}, should be in a step before the world's"#
    );
    assert_eq!(
        said(r#"{"steps":[{"percentage":100,"where":{"country":["NZ"]}}]}"#),
        r#"steps[0].where is {"country":["NZ"]}, should be left out: the last step is 100 % of everything"#
    );
    assert_eq!(
        said(r#"{"steps":[{"percentage":5,"where":{"contry":["NZ"]}},100]}"#),
        format!(r#"steps[0].where is {{"contry":["NZ"]}}, should be {}"#, matcher::ACCEPTED)
    );
}

#[test]
fn what_is_wrong_is_named_with_its_value_and_what_would_do() {
    let choices = "standard, fast, safe, blue-green or custom";
    for (json, expected) in [
        ("{}", format!("schedule is missing, should be {choices}")),
        (r#"{"schedule":"slow"}"#, format!(r#"schedule is "slow", should be {choices}"#)),
        ("[]", r#"plan is [], should be an object such as {"schedule":"standard"}"#.into()),
        (r#"{"steps":[]}"#, r#"steps is "0 steps", should be a list of 1 to 20 steps"#.into()),
        (r#"{"steps":[5,25,25,100]}"#, "steps[2].percentage is 25, should be more than 25 %: steps ascend".into()),
        (r#"{"steps":[0,100]}"#, "steps[0].percentage is 0, should be more than 0 %".into()),
        (r#"{"steps":[5,50]}"#, "steps[1].percentage is 50, should be 100, as the last step".into()),
        (r#"{"steps":[5,101]}"#, "steps[1].percentage is 101, should be a number 0..=100 in steps of 0.001".into()),
        (
            r#"{"steps":[0.0001,100]}"#,
            "steps[0].percentage is 0.0001, should be a number 0..=100 in steps of 0.001".into(),
        ),
        (r#"{"schedule":"fast","steps":[100]}"#, "steps is [100], should be left out, or schedule custom".into()),
        (
            r#"{"schedule":"custom"}"#,
            "steps is missing, should be given for a custom schedule: such as [5,25,50,100]".into(),
        ),
        (r#"{"schedule":"fast","failureLimit":0}"#, "failureLimit is 0, should be 1..=100".into()),
        (r#"{"schedule":"fast","maxInconclusive":1001}"#, "maxInconclusive is 1001, should be 1..=1000".into()),
        (r#"{"schedule":"fast","onFail":"panic"}"#, r#"onFail is "panic", should be roll-back or hold"#.into()),
        (
            r#"{"schedule":"fast","lookEvery":"5ms"}"#,
            r#"lookEvery is "5ms", should be 100ms..=1h, as text such as 15m or a number of seconds"#.into(),
        ),
        (
            r#"{"steps":[{"percentage":100,"hold":-1}]}"#,
            "steps[0].hold is -1, should be 0s..=30d, as text such as 15m or a number of seconds".into(),
        ),
    ] {
        assert_eq!(said(json), expected);
    }
    assert!(
        said(r#"{"schedule":"fast","failurLimit":1}"#)
            .starts_with("failurLimit is 1, should be left out: the fields are schedule,")
    );
    assert!(said(r#"{"schedule":"#).starts_with("plan is no JSON ("));
    assert!(
        said(&format!(r#"{{"schedule":"{}"}}"#, "ß".repeat(5_000))).len() < 300,
        "a message does not repeat a novel"
    );
}

#[test]
fn twenty_steps_are_the_most() {
    let steps = |n: usize| format!(r#"{{"steps":{:?}}}"#, (0..n).map(|i| 100 - n + i + 1).collect::<Vec<_>>());
    assert_eq!(Plan::parse(&steps(20)).unwrap().steps.len(), 20);
    assert!(Plan::parse(&steps(21)).is_err());
}

#[test]
fn the_stored_form_is_frozen() {
    let json = concat!(
        r#"{"alarmGrace":"5m","analysis":{"p95CeilingMs":800},"bake":"15m","failureLimit":3,"lookEvery":"1m","maxInconclusive":10,"#,
        r#""onFail":"hold","schedule":"custom","settle":"1m","steps":[{"hold":"10m","percentage":12.5,"where":{"country":["NZ"]}},"#,
        r#"{"approval":true,"hold":"10m","percentage":5},{"hold":"15m","percentage":100}],"undoWindow":"1h"}"#
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
fn a_preset_is_stored_with_its_steps_so_that_later_presets_do_not_touch_it() {
    let plan = Plan::preset(Schedule::Fast);
    let json = serde_json::to_string(&plan)
        .unwrap()
        .replace("\"percentage\":10,", "\"percentage\":11,")
        .replace("\"percentage\":10}", "\"percentage\":11}");
    let stored: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(stored.steps[0].percentage, Percentage::percent(11));
}
