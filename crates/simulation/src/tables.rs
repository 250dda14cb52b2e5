//! Formats reports and loads as markdown, for terminals and for pages.

use std::fmt::Write as _;

use crate::load::Load;
use crate::report::{Ends, Quantiles, Report};
use crate::thresholds::Judge;

/// Table of how the rollouts of some scenarios ended, and of the cost of their bad canaries. One row for each scenario.
pub fn outcomes(reports: &[Report]) -> String {
    let mut table = Table::new(&[
        "scenario",
        "runs",
        "promoted",
        "rolled back",
        "held",
        "falsely rolled back (99 % sure below)",
        "detected after, median / p90",
        "canary requests, median / p90",
        "failed / seen by clients, median",
        "last canary response after the rollback, median / p99",
    ]);
    for report in reports {
        let Ends { promoted, rolled_back, paused, unfinished } = report.ends;
        table.row(&[
            report.scenario.clone(),
            report.runs.to_string(),
            percent(promoted, report.runs),
            percent(rolled_back, report.runs),
            percent(paused + unfinished, report.runs),
            format!("{} ({})", share(report.false_rollbacks), share(report.false_rollbacks_below)),
            pair(report.detected_ms, |it| [it.median, it.p90], span),
            pair(report.canary_requests, |it| [it.median, it.p90], |requests| requests.to_string()),
            format!("{} / {}", median(report.failed), median(report.without_fallback)),
            pair(report.last_canary_ms, |it| [it.median, it.p99], span),
        ]);
    }
    table.text
}

/// Table of false rollbacks and misses, by visitor and by request. A miss is a bad canary that was not rolled back within the scenario's
/// limit.
pub fn errors(pairs: &[(Report, Report)]) -> String {
    let mut table = Table::new(&[
        "scenario",
        "runs",
        "falsely rolled back",
        "missed",
        "detected after, median / p90",
        "by request: falsely",
        "missed",
        "detected after",
    ]);
    for (by_visitor, by_request) in pairs {
        let mut row = vec![by_visitor.scenario.clone(), by_visitor.runs.to_string()];
        row.extend(mistakes(by_visitor).into_iter().chain(mistakes(by_request)));
        table.row(&row);
    }
    table.text
}

/// Share of false rollbacks, share of misses, and the time to a rollback.
fn mistakes(report: &Report) -> [String; 3] {
    let caught = report.ends.rolled_back as f64 / report.runs.max(1) as f64 - report.false_rollbacks;
    let missed = if report.is_harmless { "–".into() } else { share(1.0 - caught) };
    [share(report.false_rollbacks), missed, pair(report.detected_ms, |it| [it.median, it.p90], span)]
}

/// Table of the same scenarios under each judge.
pub fn judges(reports: &[Report]) -> String {
    let mut table = Table::new(&[
        "scenario",
        "analysis",
        "promoted",
        "rolled back",
        "falsely",
        "detected after, median / p90",
        "canary requests, median / p90",
        "failed, median",
    ]);
    let requests = |requests: u64| requests.to_string();
    for report in reports {
        let falsely = report.false_rollbacks;
        table.row(&[
            report.scenario.clone(),
            "**Serin, on the edge**".into(),
            percent(report.ends.promoted, report.runs),
            percent(report.ends.rolled_back, report.runs),
            share(falsely),
            pair(report.detected_ms, |it| [it.median, it.p90], span),
            pair(report.canary_requests, |it| [it.median, it.p90], requests),
            median(report.failed),
        ]);
        for judge in Judge::ALL {
            let Some(verdicts) = report.judged.get(&judge) else { continue };
            let runs = verdicts.ends.runs();
            table.row(&[
                String::new(),
                judge.name().into(),
                percent(verdicts.ends.promoted, runs),
                percent(verdicts.ends.rolled_back, runs),
                percent(verdicts.false_rollbacks, runs),
                pair(verdicts.after_ms, |it| [it.median, it.p90], span),
                pair(verdicts.requests, |it| [it.median, it.p90], requests),
                median(verdicts.failed),
            ]);
        }
    }
    table.text
}

/// Table of how long healthy rollouts take: a row for each rate of visitors a second, a column for each schedule, with the median.
pub fn durations(schedules: &[&str], rows: &[(f64, Vec<Report>)]) -> String {
    let mut table = Table::new(&[&["visitors a second"], schedules].concat());
    for (rate, reports) in rows {
        let times = reports.iter().map(|report| report.promoted_ms.map_or("–".into(), |it| hours(it.median)));
        table.row(&[rate.to_string()].into_iter().chain(times).collect::<Vec<_>>());
    }
    table.text
}

/// Table of the injected faults.
pub fn faults(reports: &[Report]) -> String {
    let mut table = Table::new(&[
        "scenario",
        "runs",
        "simulated hours",
        "faults injected",
        "violations",
        "flushes, mean bytes",
        "reports, mean bytes",
    ]);
    for report in reports {
        let messages = report.messages;
        let mean = |bytes: u64, many: u64| format!("{many}, {}", bytes.checked_div(many).unwrap_or_default());
        table.row(&[
            report.scenario.clone(),
            report.runs.to_string(),
            (report.simulated_ms / 3_600_000).to_string(),
            report.faulted.total().to_string(),
            report.violations.to_string(),
            mean(messages.flush_bytes, messages.flushes),
            mean(messages.report_bytes, messages.reports),
        ]);
    }
    let mut text = table.text;
    for violation in reports.iter().flat_map(|report| &report.first_violations) {
        let _ = writeln!(
            text,
            "\nseed {}, {:?} after {} ms: {}",
            violation.seed, violation.invariant, violation.at_ms, violation.what
        );
    }
    text
}

/// Table of the load on each Durable Object.
pub fn loads(loads: &[Load]) -> String {
    let mut table = Table::new(&[
        "locations",
        "isolates each",
        "requests/s",
        "canary",
        "batches/s to a shard",
        "reports/s to the controller",
        "batch, first / later, bytes",
        "report, first / later, bytes",
    ]);
    for load in loads {
        let scale = load.scale;
        table.row(&[
            scale.locations.to_string(),
            scale.isolates.to_string(),
            format!("{:.0}", scale.requests_per_second),
            share(scale.canary),
            format!("{:.2}", load.shard_per_second),
            format!("{:.1}", load.controller_per_second),
            format!("{} / {}", load.first_batch_bytes, load.batch_bytes),
            format!("{} / {}", load.first_report_bytes, load.report_bytes),
        ]);
    }
    table.text
}

struct Table {
    text: String,
}

// === impl Table ===

impl Table {
    fn new(columns: &[&str]) -> Self {
        let mut table = Self { text: String::new() };
        table.row(columns);
        table.row(&vec!["---"; columns.len()]);
        table
    }

    fn row<T: AsRef<str>>(&mut self, cells: &[T]) {
        for cell in cells {
            // Writing to a string cannot fail.
            let _ = write!(self.text, "| {} ", cell.as_ref());
        }
        self.text.push_str("|\n");
    }
}

fn percent(part: u64, whole: u64) -> String {
    share(if whole == 0 { 0.0 } else { part as f64 / whole as f64 })
}

fn share(share: f64) -> String {
    let percent = share * 100.0;
    let rounded = if percent > 0.0 && percent < 10.0 { format!("{percent:.2}") } else { format!("{percent:.1}") };
    format!("{} %", rounded.trim_end_matches('0').trim_end_matches('.'))
}

fn span(ms: u64) -> String {
    let seconds = ms as f64 / 1e3;
    if ms < 10_000 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

/// Minutes, or hours and minutes.
fn hours(ms: u64) -> String {
    let minutes = (ms + 30_000) / 60_000;
    if minutes < 60 { format!("{minutes} min") } else { format!("{} h {} min", minutes / 60, minutes % 60) }
}

fn median(quantiles: Option<Quantiles>) -> String {
    quantiles.map_or("–".into(), |it| it.median.to_string())
}

fn pair(quantiles: Option<Quantiles>, two: fn(Quantiles) -> [u64; 2], show: impl Fn(u64) -> String) -> String {
    quantiles.map_or("–".into(), |it| two(it).map(show).join(" / "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        assert_eq!([0.0, 0.004_56, 0.05, 0.123, 1.0].map(share), ["0 %", "0.46 %", "5 %", "12.3 %", "100 %"]);
        assert_eq!([1_549, 85_000].map(span), ["1.5 s", "85 s"]);
        assert_eq!([900_000, 3_599_000, 70_200_000].map(hours), ["15 min", "1 h 0 min", "19 h 30 min"]);
    }

    #[test]
    fn a_table_has_a_head_and_rows() {
        let mut table = Table::new(&["a", "b"]);
        table.row(&["1", "2"]);
        assert_eq!(table.text, "| a | b |\n| --- | --- |\n| 1 | 2 |\n");
    }
}
