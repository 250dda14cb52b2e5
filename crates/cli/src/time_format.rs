//! Parses and formats times and spans. Every time is shown with its zone: the terminal's, or UTC.

use std::sync::OnceLock;
use std::time::Duration;

use jiff::tz::TimeZone;

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
            "{text:?} is not a time, accepted: RFC 3339 such as 2027-01-15T08:00:00Z, or a span from now such as 2h"
        )),
    }
}

/// The zone of this process's output. It is UTC until [`show_times_in`] chooses.
static ZONE: OnceLock<TimeZone> = OnceLock::new();

/// Chooses the zone in which times are shown: UTC, or the terminal's.
pub(crate) fn show_times_in(utc: bool) {
    let zone = if utc { TimeZone::UTC } else { TimeZone::try_system().unwrap_or(TimeZone::UTC) };
    // The process has one output, so the first choice is the only one.
    let _ = ZONE.set(zone);
}

/// `2026-11-21 04:00:05 CET` from RFC 3339. Other text is returned unchanged.
pub(crate) fn date_and_time(rfc3339: &str) -> String {
    zoned(rfc3339, "%Y-%m-%d %H:%M:%S %Z")
}

/// `04:00:05 CET` from RFC 3339. Other text is returned unchanged.
pub(crate) fn time_of_day(rfc3339: &str) -> String {
    zoned(rfc3339, "%H:%M:%S %Z")
}

/// The time of day if it is on the same day as `now`, or else date and time.
pub(crate) fn short_time(rfc3339: &str, now: &str) -> String {
    let day = |text| zoned(text, "%Y-%m-%d");
    if day(rfc3339) == day(now) { time_of_day(rfc3339) } else { date_and_time(rfc3339) }
}

/// A sentence of the server, with its RFC 3339 times as [`short_time`] has them.
pub(crate) fn with_times(sentence: &str, now: &str) -> String {
    let word = |word: &str| {
        let time = word.trim_end_matches(['.', ',', ':', ';', ')']);
        match Timestamp::parse(time) {
            Some(_) => format!("{}{}", short_time(time, now), word.get(time.len()..).unwrap_or_default()),
            None => word.to_owned(),
        }
    };
    sentence.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn zoned(rfc3339: &str, format: &str) -> String {
    let at = Timestamp::parse(rfc3339).and_then(|at| jiff::Timestamp::from_millisecond(at.as_millis()).ok());
    let zone = ZONE.get().cloned().unwrap_or(TimeZone::UTC);
    at.map_or_else(|| rfc3339.to_owned(), |at| at.to_zoned(zone).strftime(format).to_string())
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
    fn times_are_shown_with_their_zone_to_the_second() {
        assert_eq!(date_and_time("2027-01-15T09:00:05.250+01:00"), "2027-01-15 08:00:05 UTC");
        assert_eq!(time_of_day("2027-01-15T08:00:05.250Z"), "08:00:05 UTC");
        let sentence = "Rolled back at 2027-01-15T08:00:05Z: halted at 2027-01-14T08:00:05.000Z, late.";
        let expected = "Rolled back at 08:00:05 UTC: halted at 2027-01-14 08:00:05 UTC, late.";
        assert_eq!(with_times(sentence, "2027-01-15T09:00:00Z"), expected);
        assert_eq!(time_of_day("soon"), "soon");
        assert_eq!(whole_seconds(Duration::from_millis(750_900)), "12m30s");
    }
}
