//! Plans of rollouts: refused by field, or within every range; what is stored reads back.

use serin_logic::rollout::{InvalidPlan, Percentage, Plan};

use super::text;

/// Reads the input as a plan, sent and stored.
pub fn check(input: &[u8]) {
    let text = text(input);
    match Plan::parse(&text) {
        Ok(plan) => holds(&plan),
        Err(InvalidPlan { field, value, accepted }) => {
            assert!(!field.is_empty() && !value.is_empty() && !accepted.is_empty(), "{text}");
        }
    }
    if let Ok(plan) = serde_json::from_str::<Plan>(&text) {
        holds(&plan);
    }
}

pub(super) fn holds(plan: &Plan) {
    let steps = plan.steps();
    assert!((1..=20).contains(&steps.len()));
    let last = steps.last().unwrap();
    assert!(last.percentage == Percentage::FULL && last.ring.is_none(), "the last step is everything");
    for (before, after) in steps.iter().zip(steps.iter().skip(1)) {
        assert!(before.ring != after.ring || before.percentage < after.percentage, "steps ascend");
    }
    let _ = plan.planned();
    let written = serde_json::to_string(plan).unwrap();
    assert_eq!(&serde_json::from_str::<Plan>(&written).unwrap(), plan, "{written}");
}
