use proptest::prelude::*;

use super::*;
use crate::policy::CanaryState;
use crate::request_attributes::samples::SampleRequest;

fn rules(json: &str) -> Rules {
    CanaryState::parse("canary-state", &format!(r#"{{"enabled": true, "percentage": 0, "rules": {json}}}"#))
        .unwrap()
        .rules
}

fn one(matcher: &str) -> Rules {
    rules(&format!(r#"[{{"match": {matcher}, "serve": "canary"}}]"#))
}

fn applies(matcher: &str, request: &SampleRequest) -> bool {
    one(matcher).first_match(request).is_some()
}

#[test]
fn each_matcher_holds_for_what_it_names_and_nothing_else() {
    let mut request = SampleRequest::get("/api/v1").header("x-group", "beta").cookie("plan", "pro");
    request.country = Some("DE".into());
    request.continent = Some("EU".into());
    request.colo = Some("FRA".into());
    request.asn = Some(64_500);
    for (matcher, holds) in [
        ("{}", true),
        (r#"{"path": "/api/*"}"#, true),
        (r#"{"path": ["/x", "/api/*"]}"#, true),
        (r#"{"path": "/API/*"}"#, false),
        (r#"{"host": "shop.example"}"#, true),
        (r#"{"host": "*.example"}"#, true),
        (r#"{"host": "shop.example.org"}"#, false),
        (r#"{"method": ["get", "HEAD"]}"#, true),
        (r#"{"method": "POST"}"#, false),
        (r#"{"country": ["fr", "de"]}"#, true),
        (r#"{"country": []}"#, false),
        (r#"{"continent": "EU"}"#, true),
        (r#"{"continent": "NA"}"#, false),
        (r#"{"colo": ["FRA"]}"#, true),
        (r#"{"colo": ["CDG"]}"#, false),
        (r#"{"asn": [64500, 1]}"#, true),
        (r#"{"asn": 64501}"#, false),
        (r#"{"header": {"X-Group": "beta"}}"#, true),
        (r#"{"header": {"x-group": ["alpha", "beta"]}}"#, true),
        (r#"{"header": {"x-group": "Beta"}}"#, false),
        (r#"{"header": {"x-other": "beta"}}"#, false),
        (r#"{"cookie": {"plan": "pro"}}"#, true),
        (r#"{"cookie": {"Plan": "pro"}}"#, false),
        (r#"{"path": "/api/*", "country": "DE", "cookie": {"plan": "pro"}}"#, true),
        (r#"{"path": "/api/*", "country": "FR", "cookie": {"plan": "pro"}}"#, false),
    ] {
        assert_eq!(applies(matcher, &request), holds, "{matcher}");
    }
}

#[test]
fn an_unknown_attribute_matches_nothing() {
    let request = SampleRequest::get("/");
    for matcher in [r#"{"country": "DE"}"#, r#"{"continent": "EU"}"#, r#"{"colo": "FRA"}"#, r#"{"asn": 1}"#] {
        assert!(!applies(matcher, &request), "{matcher}");
    }
}

#[test]
fn a_rule_with_an_unknown_matcher_never_applies_and_has_a_warning() {
    let rules = one(r#"{"path": "*", "query": "x"}"#);
    assert_eq!(rules.first_match(&SampleRequest::get("/")), None);
    let warnings: Vec<String> = rules.warnings().collect();
    assert_eq!(warnings, ["rules[0].match has matchers this version does not know (query): the rule never applies"]);
}

#[test]
fn the_first_rule_that_matches_decides_whatever_its_prefix() {
    let rules = rules(
        r#"[{"match": {"path": "/a/b*"}, "serve": "stable"},
            {"match": {}, "serve": {"percentage": 50}},
            {"match": {"path": "/a/b/c"}, "serve": "canary"}]"#,
    );
    let served = |path| rules.first_match(&SampleRequest::get(path));
    assert_eq!(served("/a/b/c"), Some((RuleNumber(0), Serve::Variant(Variant::Stable))));
    assert_eq!(served("/a"), Some((RuleNumber(1), Serve::Percentage(Percentage::percent(50)))));
}

proptest! {
    #[test]
    fn the_index_finds_what_a_scan_of_all_rules_finds(
        patterns in proptest::collection::vec("/[ab]{0,3}(\\*[ab]{0,2})?", 0..12),
        path in "/[ab]{0,5}",
    ) {
        let json: Vec<String> =
            patterns.iter().map(|path| format!(r#"{{"match": {{"path": "{path}"}}, "serve": "canary"}}"#)).collect();
        let found = rules(&format!("[{}]", json.join(","))).first_match(&SampleRequest::get(&path));
        let scanned = patterns.iter().position(|pattern| crate::matcher::pattern::Pattern::path(pattern).matches(&path));
        prop_assert_eq!(found.map(|(number, _)| number.0), scanned);
    }
}
