//! Rules: the index finds the same rule as a linear search. The first line is a request in the form of `explain`'s query.

use serde_json::{Value, json};
use serin_logic::policy::CanaryState;
use serin_logic::policy::rules::RuleNumber;

use super::{KEY, check_error, line, request, text};

/// Number of rules for the linear search.
const MOST: usize = 16;

/// Parses the input as a request and a list of rules.
pub fn check(input: &[u8]) {
    let text = text(input);
    let (query, rules) = line(&text);
    let (Some(request), Ok(rules)) = (request(query), serde_json::from_str::<Value>(rules)) else { return };
    let parse =
        |rules: &Value| CanaryState::parse(KEY, &json!({"enabled": true, "percentage": 0, "rules": rules}).to_string());
    let state = match parse(&rules) {
        Ok(state) => state,
        Err(error) => {
            check_error(&error);
            assert!(error.field.starts_with("rules"), "{error}");
            return;
        }
    };
    let Some(all) = rules.as_array().filter(|all| all.len() <= MOST) else { return };
    let alone = |rule: &Value| parse(&json!([rule])).expect("a rule is valid alone").rules.first_match(&request);
    let first = all.iter().enumerate().find_map(|(number, rule)| {
        let (_, serve) = alone(rule)?;
        Some((RuleNumber(number), serve))
    });
    assert_eq!(state.rules.first_match(&request), first, "{query} of {rules}");
}
