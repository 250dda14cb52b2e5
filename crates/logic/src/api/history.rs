//! `GET series`, `rollouts`, `rollouts/ID` and `locations`: what the console draws. Every answer is a page.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::audit::AuditPage;
use crate::analysis::PerVariant;
use crate::document::shown;
use crate::history::{KEPT, Location, Minute, MinuteCounts, MinuteEvidence, PastRollout};
use crate::percentage::Percentage;
use crate::problem::Problem;
use crate::timestamp::Timestamp;

/// Most points of a page of the series.
const MAX_POINTS: i64 = 500;
/// Number of points if the request has no `step`.
const POINTS: i64 = 120;
const DEFAULT_SPAN: Duration = Duration::from_hours(1);
/// Most rollouts or locations of a page.
const MAX_ROWS: u32 = 500;
const ROWS: u32 = 50;

/// The part of the series that a request asks for, in whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesQuery {
    /// Number of the first minute.
    pub from: i64,
    /// Number of the minute after the last.
    pub to: i64,
    /// Minutes of a point, at least 1.
    pub step: i64,
}

/// Start and length of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery {
    /// The cursor of the page before; none for the first page.
    pub cursor: Option<String>,
    /// Most rows of the page.
    pub limit: u32,
}

/// Answer of `GET series`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeriesPage {
    /// Start of the first point, in RFC 3339.
    pub from: String,
    /// End of the last point.
    pub to: String,
    /// Length of a point, in ms.
    pub step_ms: u64,
    /// Oldest first. A time of which nothing was recorded has no point.
    pub points: Vec<SeriesPoint>,
    /// The `from` of the next page; none if this is the last one.
    pub next: Option<String>,
}

/// Counts of both variants in a step of the series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeriesPoint {
    /// Start of the point.
    pub at: String,
    /// Id of the rollout at the end of the point.
    pub rollout_id: String,
    /// Step of the rollout, counted from 1.
    pub step: usize,
    /// The canary's percentage; 0 while the canary is halted.
    pub percentage: Percentage,
    /// Whether the canary was halted.
    pub halted: bool,
    /// The canary.
    pub canary: CountsView,
    /// Stable's control slice.
    pub stable: CountsView,
    /// Canary requests that breakers sent to stable.
    pub short_circuited: u64,
    /// Failed canary requests that stable answered. Like `seen` it is 0 where an earlier version recorded the point.
    pub rescued: u64,
    /// Failed canary requests whose failure a client saw.
    pub seen: u64,
    /// Natural logarithms of the e-values against the canary.
    pub evidence: Option<MinuteEvidence>,
}

/// Counts of one variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CountsView {
    /// Requests.
    pub requests: u64,
    /// Failed requests.
    pub failures: u64,
    /// Median of the latency, in ms.
    pub p50_ms: Option<u64>,
    /// 95th percentile of the latency, in ms.
    pub p95_ms: Option<u64>,
    /// 99th percentile of the latency, in ms.
    pub p99_ms: Option<u64>,
}

/// A page of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<R> {
    /// The rows.
    pub rows: Vec<R>,
    /// The cursor of the next page; none if this is the last one.
    pub next: Option<String>,
}

/// A row of `GET rollouts`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NumberedRollout {
    /// Number of the rollout, ascending.
    pub number: u64,
    /// The rollout.
    #[serde(flatten)]
    pub rollout: PastRollout,
}

/// Answer of `GET rollouts/ID`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutDetail<R> {
    /// The rollout.
    pub rollout: NumberedRollout,
    /// Its series.
    pub series: SeriesPage,
    /// The audit log from its start to its end: changes of switches in between as well.
    pub audit: AuditPage<R>,
}

/// A row of `GET locations`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LocationView {
    /// Name of the location, as the platform has it.
    pub name: String,
    /// Time of its last report.
    pub last_report: String,
    /// Id of the rollout that is counted.
    pub rollout_id: String,
    /// The canary.
    pub canary: CountsView,
    /// Stable's control slice.
    pub stable: CountsView,
}

// === impl SeriesQuery ===

impl SeriesQuery {
    /// Reads the query of `GET series`.
    ///
    /// # Errors
    /// The problem names the parameter, its value and what is accepted.
    pub fn parse(query: &str, now: Timestamp) -> Result<Self, Problem> {
        let (mut from, mut to, mut step) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let time = || {
                Timestamp::parse(&value)
                    .ok_or_else(|| invalid(&name, &value, "an RFC 3339 date-time such as 2027-01-15T08:00:00Z"))
            };
            match &*name {
                "from" => from = Some(time()?),
                "to" => to = Some(time()?),
                "step" => {
                    let seconds: Option<i64> =
                        value.parse().ok().filter(|seconds| seconds % 60 == 0 && (60..=86_400).contains(seconds));
                    step = Some(
                        seconds.ok_or_else(|| invalid(&name, &value, "seconds, a multiple of 60 up to 86400"))? / 60,
                    );
                }
                _ => return Err(unknown(&name, "from, to, step")),
            }
        }
        let to = to.unwrap_or(now);
        let from = from.unwrap_or_else(|| to.before(DEFAULT_SPAN));
        if from > to {
            return Err(invalid("from", &from.to_rfc3339(), "a time before `to`"));
        }
        Ok(Self::between(from, to, step, now))
    }

    /// The series between two times, in steps of a length that suits a picture where none is given. What is older than what is kept is left
    /// out.
    pub fn between(from: Timestamp, to: Timestamp, step: Option<i64>, now: Timestamp) -> Self {
        let oldest = Minute::number(now.before(KEPT));
        let from = Minute::number(from).max(oldest);
        let to = Minute::number(to).min(Minute::number(now)).saturating_add(1).max(from);
        let step = step.unwrap_or_else(|| (to - from + POINTS - 1) / POINTS).max(1);
        Self { from: from.div_euclid(step) * step, to, step }
    }

    /// The minutes of this page: the first one, and the one after the last.
    pub const fn page(&self) -> (i64, i64) {
        let end = self.from.saturating_add(self.step.saturating_mul(MAX_POINTS));
        (self.from, if end < self.to { end } else { self.to })
    }
}

// === impl SeriesPage ===

impl SeriesPage {
    /// The page of these minutes, which are numbered and oldest first.
    pub fn new(query: &SeriesQuery, minutes: impl IntoIterator<Item = (i64, Minute)>) -> Self {
        let (from, to) = query.page();
        let mut steps: Vec<(i64, Minute)> = Vec::new();
        for (number, minute) in minutes {
            let start = number.div_euclid(query.step) * query.step;
            match steps.last_mut() {
                Some((last, step)) if *last == start => step.merge(&minute),
                _ => steps.push((start, minute)),
            }
        }
        Self {
            from: Minute::start(from).to_rfc3339(),
            to: Minute::start(to).to_rfc3339(),
            step_ms: query.step.unsigned_abs().saturating_mul(60_000),
            points: steps.iter().map(|(start, minute)| SeriesPoint::new(*start, minute)).collect(),
            next: (to < query.to).then(|| Minute::start(to).to_rfc3339()),
        }
    }
}

impl SeriesPoint {
    fn new(start: i64, minute: &Minute) -> Self {
        let PerVariant { canary, stable } = &minute.variants;
        Self {
            at: Minute::start(start).to_rfc3339(),
            rollout_id: minute.rollout_id.clone(),
            step: minute.step,
            percentage: minute.percentage,
            halted: minute.halted,
            canary: canary.into(),
            stable: stable.into(),
            short_circuited: minute.short_circuited,
            rescued: minute.rescued,
            seen: minute.seen,
            evidence: minute.evidence,
        }
    }
}

impl From<&MinuteCounts> for CountsView {
    fn from(counts: &MinuteCounts) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "edges of buckets are below 14,000 ms"
        )]
        let quantile = |quantile| counts.latency.quantile_ms(quantile).map(|ms| ms.round() as u64);
        Self {
            requests: counts.requests,
            failures: counts.failures,
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        }
    }
}

// === impl LocationView ===

impl LocationView {
    /// A location that last reported at `reported`.
    pub fn new(name: String, reported: Timestamp, location: &Location) -> Self {
        let PerVariant { canary, stable } = &location.variants;
        Self {
            name,
            last_report: reported.to_rfc3339(),
            rollout_id: location.rollout_id.clone(),
            canary: canary.into(),
            stable: stable.into(),
        }
    }
}

// === impl PageQuery ===

impl PageQuery {
    /// Reads the query of a list whose cursor is called `cursor`.
    ///
    /// # Errors
    /// The problem names the parameter, its value and what is accepted.
    pub fn parse(query: &str, cursor: &'static str) -> Result<Self, Problem> {
        let mut page = Self { cursor: None, limit: ROWS };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_ROWS).contains(limit));
                    page.limit = limit.ok_or_else(|| invalid(&name, &value, &format!("1 to {MAX_ROWS}")))?;
                }
                name if name == cursor => page.cursor = Some(value.into_owned()),
                _ => return Err(unknown(&name, &format!("{cursor}, limit"))),
            }
        }
        Ok(page)
    }

    /// The same, whose cursor is a number.
    ///
    /// # Errors
    /// As [`PageQuery::parse`].
    pub fn parse_numbered(query: &str) -> Result<(Option<u64>, u32), Problem> {
        let Self { cursor, limit } = Self::parse(query, "before")?;
        let number = |text: String| text.parse().map_err(|_| invalid("before", &text, "the `next` of the page before"));
        Ok((cursor.map(number).transpose()?, limit))
    }
}

fn invalid(name: &str, value: &str, accepted: &str) -> Problem {
    Problem::invalid(name, &format!("{} is not accepted, accepted: {accepted}", shown(value)))
}

fn unknown(name: &str, accepted: &str) -> Problem {
    Problem::invalid(&shown(name), &format!("is not known, accepted: {accepted}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const MINUTE: i64 = 30_000_000;

    fn minute(requests: u64) -> Minute {
        let mut minute = Minute::default();
        minute.variants.canary.requests = requests;
        minute
    }

    #[test]
    fn without_a_query_it_is_the_last_hour_by_minutes() {
        let query = SeriesQuery::parse("", NOW).unwrap();
        assert_eq!(query, SeriesQuery { from: MINUTE - 60, to: MINUTE + 1, step: 1 });
    }

    #[test]
    fn a_point_has_the_counts_of_its_minutes_and_the_state_of_the_last() {
        let query = SeriesQuery::parse("from=2027-01-15T07:50:00Z&step=300", NOW).unwrap();
        let last = Minute { percentage: Percentage::percent(25), rescued: 2, seen: 1, ..minute(4) };
        let page = SeriesPage::new(&query, [(MINUTE - 10, minute(1)), (MINUTE - 4, minute(2)), (MINUTE - 1, last)]);
        let points: Vec<_> = page.points.iter().map(|point| (point.at.as_str(), point.canary.requests)).collect();
        assert_eq!(points, [("2027-01-15T07:50:00.000Z", 1), ("2027-01-15T07:55:00.000Z", 6)]);
        let SeriesPoint { percentage, rescued, seen, .. } = page.points[1];
        assert_eq!((percentage, rescued, seen), (Percentage::percent(25), 2, 1));
        assert_eq!((page.step_ms, page.next), (300_000, None));
    }

    #[test]
    fn what_is_wrong_in_a_query_is_named() {
        for (query, detail) in [
            ("from=yesterday", "from: yesterday is not accepted, accepted: an RFC 3339 date-time"),
            ("step=90", "step: 90 is not accepted, accepted: seconds, a multiple of 60"),
            ("step=-60", "step: -60 is not accepted"),
            ("from=2027-01-15T08:00:00Z&to=2027-01-15T07:00:00Z", "a time before `to`"),
            ("til=1", "is not known, accepted: from, to, step"),
        ] {
            let problem = SeriesQuery::parse(query, NOW).unwrap_err();
            assert!(problem.detail().contains(detail), "{query}: {}", problem.detail());
        }
        assert!(PageQuery::parse("limit=0", "after").unwrap_err().detail().contains("1 to 500"));
        assert!(PageQuery::parse("before=1", "after").unwrap_err().detail().contains("accepted: after, limit"));
        assert!(PageQuery::parse_numbered("before=x").unwrap_err().detail().contains("`next` of the page before"));
    }

    proptest! {
        #[test]
        fn pages_follow_each_other_to_the_end(span in 0_i64..40_000, step in 1_i64..90) {
            let (from, to) = (NOW.before(Duration::from_mins(span.unsigned_abs())), NOW);
            let mut query = SeriesQuery::between(from, to, Some(step), NOW);
            prop_assert!(query.from >= Minute::number(NOW.before(KEPT)) - step);
            let (end, mut pages) = (query.to, 0);
            loop {
                let (first, last) = query.page();
                prop_assert!(first < last && last - first <= MAX_POINTS * step);
                pages += 1;
                prop_assert!(pages <= 100);
                if last == end { break }
                query = SeriesQuery { from: last, ..query };
            }
        }

        #[test]
        fn no_query_panics(query in "\\PC{0,60}") {
            let _ = (SeriesQuery::parse(&query, NOW), PageQuery::parse_numbered(&query));
        }
    }
}
