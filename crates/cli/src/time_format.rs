//! Parses and formats times and spans.

use std::time::Duration;

use serin_logic::Span;
use serin_logic::Timestamp;

/// Parses a span such as `90s`, `15m`, `1h30m` or `500ms`.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    Span::parse(text).map(Duration::from).map_err(|error| error.to_string())
}

/// Parses a span above zero.
pub(crate) fn positive_span(text: &str) -> Result<Duration, String> {
    span(text).and_then(|span| if span.is_zero() { Err("accepted: more than 0s".into()) } else { Ok(span) })
}

/// Parses a point in time: RFC 3339, or a span from `now`.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match (Timestamp::parse(text), span(text)) {
        (Some(moment), _) => Ok(moment),
        (None, Ok(span)) => Ok(now.after(span)),
        (None, Err(_)) => Err(format!(
            "{text:?} is no moment, accepted: RFC 3339 such as 2027-01-15T08:00:00Z, or a span from now such as 2h"
        )),
    }
}

/// `2026-11-21 03:00:05` from RFC 3339 in UTC. Other text is returned unchanged.
pub(crate) fn date_and_time(rfc3339: &str) -> String {
    match Timestamp::parse(rfc3339).map(Timestamp::to_rfc3339) {
        Some(text) => text.get(..19).unwrap_or(&text).replacen('T', " ", 1),
        None => rfc3339.to_owned(),
    }
}

/// `03:00:05` from RFC 3339 in UTC. Other text is returned unchanged.
pub(crate) fn time_of_day(rfc3339: &str) -> String {
    let text = date_and_time(rfc3339);
    match text.get(11..) {
        Some(time) if text.len() == 19 => time.to_owned(),
        _ => text,
    }
}

/// Formats a span in whole seconds, such as `12m30s`.
pub(crate) fn whole_seconds(span: Duration) -> String {
    Span::from_secs(span.as_secs()).to_string()
}

/// Formats a span without rounding, such as `1s500ms`.
pub(crate) fn exact(span: Duration) -> String {
    Span::from(span).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn a_moment_is_a_date_or_a_span_from_now() {
        assert_eq!(moment("2027-01-15T08:00:00Z", NOW), Ok(NOW));
        assert_eq!(moment("1h30m", NOW), Ok(NOW.after(Duration::from_mins(90))));
        assert!(moment("tomorrow", NOW).is_err_and(|error| error.contains("\"tomorrow\"")));
    }

    #[test]
    fn times_are_shown_in_utc_to_the_second() {
        assert_eq!(date_and_time("2027-01-15T09:00:05.250+01:00"), "2027-01-15 08:00:05");
        assert_eq!(time_of_day("2027-01-15T08:00:05.250Z"), "08:00:05");
        assert_eq!(time_of_day("soon"), "soon");
        assert_eq!(whole_seconds(Duration::from_millis(750_900)), "12m30s");
    }
}
