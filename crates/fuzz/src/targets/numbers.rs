//! Percentages, timestamps and spans as operators write them.

use chrono::{DateTime, Datelike as _};
use serin_logic::Span;
use serin_logic::{Percentage, Timestamp};

use super::text;

/// Parses the input as each of the three.
pub fn check(input: &[u8]) {
    let text = text(input);
    let moment = Timestamp::parse(&text);
    let expected = DateTime::parse_from_rfc3339(&text).ok();
    assert_eq!(moment, expected.map(|expected| Timestamp::from_millis(expected.timestamp_millis())), "{text:?}");
    // An offset can move the timestamp out of the years with four digits.
    if let Some(moment) =
        moment.filter(|_| expected.is_some_and(|expected| (0..=9999).contains(&expected.to_utc().year())))
    {
        assert_eq!(Timestamp::parse(&moment.to_rfc3339()), Some(moment), "{text:?}");
    }
    if let Ok(percentage) = serde_json::from_str::<Percentage>(&text) {
        let written = serde_json::to_string(&percentage).unwrap();
        assert!(percentage <= Percentage::FULL);
        assert_eq!(serde_json::from_str::<Percentage>(&written).unwrap(), percentage, "{written}");
        assert_eq!(percentage.to_string(), written);
        assert!(
            text.len() > MAX_EXACT || thousandths(&text).is_none_or(|expected| expected == percentage.thousandths())
        );
    } else {
        assert!(serde_json::from_str::<serde_json::Number>(&text).is_err() || thousandths(&text).is_none(), "{text:?}");
    }
    let quoted = serde_json::to_string(&text).unwrap();
    for json in [&*text, &quoted] {
        if let Ok(span) = serde_json::from_str::<Span>(json) {
            let written = serde_json::to_string(&span).unwrap();
            assert_eq!(serde_json::from_str::<Span>(&written).unwrap(), span, "{written}");
        }
    }
}

/// Texts up to this length denote a decimal number that a double distinguishes from its neighbours.
const MAX_EXACT: usize = 15;

/// Thousandths of a decimal number: its digits with the decimal point moved. Only zeros may follow the third decimal.
fn thousandths(text: &str) -> Option<u32> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse::<i32>().ok()?.into();
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|digit| digit == b'0') {
        return Some(0);
    }
    let point = i64::try_from(whole.len()).ok()? + exponent + 3;
    let significant = digits.trim_end_matches('0');
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let places = point - i64::try_from(leading).ok()?;
    // The integer part has six digits at most.
    if places > 6 || point < i64::try_from(significant.len()).ok()? {
        return None;
    }
    let point = usize::try_from(point).ok()?;
    let kept = format!("{significant:0<point$}");
    kept.parse().ok().filter(|buckets| *buckets <= 100_000)
}
