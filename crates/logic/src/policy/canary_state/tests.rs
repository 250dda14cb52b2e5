use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<CanaryState, InvalidDocument> {
    CanaryState::parse("canary-state", text)
}

#[test]
fn a_document_of_the_older_tooling_works_as_it_is() {
    let state = parse(
        r#"{"enabled":true,"percentage":5,"canaryWorker":"my-api-canary","stableWorker":"my-api-stable",
            "canaryUrl":"https://canary.example","stableUrl":"https://stable.example","deployedAt":"2025-11-05T19:00:00Z"}"#,
    )
    .unwrap();
    assert!(state.enabled && state.fallback && state.rules.is_empty() && state.warnings.is_empty());
    assert_eq!(state.percentage, Percentage::percent(5));
    assert_eq!((state.rollout_id.as_str(), state.stickiness), ("", Stickiness::default()));
    assert_eq!(state.metadata.canary_worker.as_deref(), Some("my-api-canary"));
    assert_eq!(state.metadata.deployed_at.as_deref(), Some("2025-11-05T19:00:00Z"));
}

#[test]
fn every_error_names_the_field_its_value_and_what_is_accepted() {
    for (fields, error) in [
        (r#""percentage": 5, "enabled": "yes""#, r#"enabled: "yes" is not accepted, accepted: true or false"#),
        (r#""percentage": 5"#, "enabled: missing, needed: true or false"),
        (r#""enabled": true"#, "percentage: missing, needed: a number from 0 to 100 in steps of 0.001"),
        (
            r#""enabled": true, "percentage": 101"#,
            "percentage: 101 is not accepted, accepted: a number from 0 to 100 in steps of 0.001",
        ),
        (
            r#""enabled": true, "percentage": "5""#,
            r#"percentage: "5" is not accepted, accepted: a number from 0 to 100 in steps of 0.001"#,
        ),
        (
            r#""enabled": true, "percentage": 5, "rules": [{"serve": "canary"}]"#,
            "rules[0].match: missing, needed: an object of matchers",
        ),
        (
            r#""enabled": true, "percentage": 5, "rules": [{"match": {}, "serve": "canry"}]"#,
            r#"rules[0].serve: "canry" is not accepted, accepted: "stable", "canary" or {"percentage": 0 to 100}"#,
        ),
        (
            r#""enabled": true, "percentage": 5, "rules": [{"match": {}, "serve": {"percentage": -1}}]"#,
            "rules[0].serve.percentage: -1 is not accepted, accepted: a number from 0 to 100 in steps of 0.001",
        ),
        (
            r#""enabled": true, "percentage": 5, "rules": [{"match": {"asn": [1, "x"]}, "serve": "canary"}]"#,
            r#"rules[0].match.asn[1]: "x" is not accepted, accepted: a whole number from 0"#,
        ),
        (
            r#""enabled": true, "percentage": 5, "stickiness": ["visitor", "ipv4"]"#,
            r#"stickiness[1]: "ipv4" is not accepted, accepted: "cookie:NAME", "header:NAME", "ip" or "visitor""#,
        ),
        (
            r#""enabled": true, "percentage": 5, "canaryVersion": "a\nb""#,
            r#"canaryVersion: "a\nb" is not accepted, accepted: a version id of 1 to 128 printable ASCII characters"#,
        ),
        (r#""enabled": true, "percentage": 5, "canaryUrl": 7"#, "canaryUrl: 7 is not accepted, accepted: a string"),
        (
            r#""enabled": true, "percentage": 5, "schemaVersion": -1"#,
            "schemaVersion: -1 is not accepted, accepted: a whole number from 0",
        ),
    ] {
        assert_eq!(parse(&format!("{{{fields}}}")).unwrap_err().to_string(), error);
    }
}

#[test]
fn stickiness_has_one_to_sixteen_sources() {
    let stickiness = |many: usize| {
        let sources = vec![r#""cookie:a""#; many].join(",");
        parse(&format!(r#"{{"enabled": true, "percentage": 5, "stickiness": [{sources}]}}"#))
    };
    assert!(stickiness(16).is_ok());
    for error in [stickiness(0).unwrap_err(), stickiness(17).unwrap_err()] {
        assert_eq!(error.field, "stickiness");
        assert!(error.to_string().ends_with("1 to 16 of them"), "{error}");
    }
}

#[test]
fn a_newer_document_runs_on_an_older_worker() {
    let state =
        parse(r#"{"enabled": true, "percentage": 5, "schemaVersion": 2, "mirror": {"percentage": 1}}"#).unwrap();
    assert_eq!(state.warnings.len(), 1);
    assert!(state.warnings[0].contains("schemaVersion 2 is newer than 1"), "{:?}", state.warnings);
}

#[test]
fn null_is_not_set() {
    let state =
        parse(r#"{"enabled": true, "percentage": 5, "rolloutId": null, "stickiness": null, "rules": null}"#).unwrap();
    assert_eq!((state.rollout_id.as_str(), state.stickiness), ("", Stickiness::default()));
}

proptest! {
    #[test]
    fn anything_is_a_state_or_an_error_that_names_a_field(
        name in "enabled|percentage|rules|stickiness|fallback|generation|rolloutId|x",
        value in r#"[-0-9.]{1,4}|true|null|"[a-z:]{0,6}"|\[[0-9]?\]|\{\}|[\[{"a-z]{1,5}"#,
    ) {
        if let Err(error) = parse(&format!(r#"{{"enabled": true, "percentage": 5, "{name}": {value}}}"#)) {
            prop_assert!(!error.field.is_empty() && !error.message.is_empty());
        }
    }

    #[test]
    fn any_text_can_be_read(text in ".*") {
        let _ = parse(&text);
    }
}

#[test]
fn versions_are_read_and_stables_alone_is_not_used() {
    let versions = |fields: &str| {
        let state = parse(&format!(r#"{{"enabled": true, "percentage": 5{fields}}}"#)).unwrap();
        let ids =
            state.versions.map(|versions| (versions.canary.to_string(), versions.stable.map(|id| id.to_string())));
        (ids, state.warnings.len())
    };
    assert_eq!(versions(""), (None, 0));
    assert_eq!(versions(r#", "canaryVersion": null"#), (None, 0));
    assert_eq!(versions(r#", "canaryVersion": "new""#), (Some(("new".into(), None)), 0));
    let both = r#", "canaryVersion": "new", "stableVersion": "old""#;
    assert_eq!(versions(both), (Some(("new".into(), Some("old".into()))), 0));
    assert_eq!(versions(r#", "stableVersion": "old""#), (None, 1));
}
