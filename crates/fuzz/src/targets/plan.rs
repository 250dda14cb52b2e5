//! Plans of rollouts: a plan is refused with its field, or all its values are in range; a stored plan reads back unchanged.

use serin_logic::Percentage;
use serin_logic::Timestamp;
use serin_logic::document::InvalidDocument;
use serin_logic::rollout::{Freeze, Plan, UtcOffset};

use super::text;

/// Parses the input as a plan, as sent and as stored.
pub fn check(input: &[u8]) {
    let text = text(input);
    match Plan::parse(&text) {
        Ok(plan) => holds(&plan),
        Err(InvalidDocument { field, message }) => {
            assert!(!field.is_empty() && !message.is_empty(), "{text}");
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
    plan.freeze().into_iter().for_each(thaws);
    let written = serde_json::to_string(plan).unwrap();
    assert_eq!(&serde_json::from_str::<Plan>(&written).unwrap(), plan, "{written}");
}

/// Zones without daylight saving time, in minutes. The last two are outside the range of real zones.
const OFFSETS: [UtcOffset; 4] = [|_, _| Some(0), |_, _| Some(14 * 60), |_, _| Some(i32::MAX), |_, _| Some(i32::MIN)];

/// Checks that a freeze always has an end, and that the end is later than the time asked for.
fn thaws(freeze: &Freeze) {
    for offset in OFFSETS {
        for now in [i64::MIN, 0, 1_800_000_000_000, i64::MAX].map(Timestamp::from_millis) {
            if let Ok(Some(end)) = freeze.end(offset, now) {
                assert!(end > now || now.as_millis() == i64::MAX, "a freeze ends before it is asked for: {freeze:?}");
            }
        }
    }
    let [utc, ..] = OFFSETS;
    let now = Timestamp::from_millis(1_800_000_000_000);
    if let Ok(Some(end)) = freeze.end(utc, now) {
        assert_eq!(freeze.end(utc, end), Ok(None), "a freeze ends in a freeze: {freeze:?}");
    }
    assert!(freeze.end(|_, _| None, now).is_err(), "an unknown zone has no time");
}
