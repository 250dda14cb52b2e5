//! Numbers of a rollout, as words: rates, latencies, and evidence against its limit.

use crate::answers::{Arm, Evidence, Figures};
use crate::output::{BAD, CAUTION, GOOD, styled, table};

/// From this share of the limit, on the evidence's own logarithmic scale, it is worth a look: a tenth of 200 is 0.57 of it.
const NOTABLE: f64 = 0.57;

/// `0.6 %`, of a part and its whole; a dash where there is nothing to divide by.
pub(crate) fn rate(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.2} %", part / whole * 100.0) } else { "-".into() }
}

/// `131 ms`.
pub(crate) fn latency(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".into(), |ms| format!("{ms:.0} ms"))
}

/// `0.4 of 200`: an e-value and where it counts as proof.
pub(crate) fn evidence(evidence: Option<&Evidence>) -> String {
    let Some(Evidence { evidence, limit: Some(limit) }) = evidence else { return "-".into() };
    // What JSON cannot hold is beyond every limit.
    let value = evidence.unwrap_or(f64::INFINITY);
    let text = if value >= 1e4 { format!("{value:.0e}") } else { significant(value) };
    let style = match () {
        () if value >= *limit => BAD,
        () if value > 1.0 && value.ln() >= NOTABLE * limit.ln() => CAUTION,
        () => GOOD,
    };
    styled(style, &format!("{text} of {}", significant(*limit)))
}

/// Both arms as rows of a table: name, requests, failures, error rate, p95, p99.
fn arms(figures: &Figures) -> Vec<Vec<String>> {
    let row = |name: &str, arm: &Option<Arm>| {
        let Arm { requests, failures, p95_ms, p99_ms } = arm.clone()?;
        let counts = [requests, failures].map(|count| format!("{count:.0}"));
        let [requests_text, failures_text] = counts;
        let rest = [rate(failures, requests), latency(p95_ms), latency(p99_ms)];
        Some([name.to_owned(), requests_text, failures_text].into_iter().chain(rest).collect())
    };
    [row("canary", &figures.canary), row("stable", &figures.stable)].into_iter().flatten().collect()
}

/// Both arms as lines, the header first; nothing where nothing was counted.
pub(crate) fn arms_table(figures: &Figures) -> Option<String> {
    let rows = arms(figures);
    (!rows.is_empty()).then(|| table(&ARMS, rows))
}

/// The header of [`arms`].
const ARMS: [&str; 6] = ["arm", "requests", "failures", "error rate", "p95", "p99"];

/// `errors 0.4 of 200, p95 0.9 of 400, p99 1 of 400`.
pub(crate) fn all_evidence(figures: &Figures) -> String {
    let named = [("errors", &figures.errors), ("p95", &figures.p95), ("p99", &figures.p99)];
    let known = named.into_iter().filter(|(_, known)| known.is_some());
    known.map(|(name, known)| format!("{name} {}", evidence(known.as_ref()))).collect::<Vec<_>>().join(", ")
}

/// An arm in a few words: `174 requests, 0.57 % failed, p95 131 ms`.
pub(crate) fn summary(arm: &Arm) -> String {
    let failed = rate(arm.failures, arm.requests);
    format!("{:.0} requests, {failed} failed, p95 {}", arm.requests, latency(arm.p95_ms))
}

fn significant(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: Option<f64>) -> String {
        let text = evidence(Some(&Evidence { evidence: value, limit: Some(200.0) }));
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn evidence_is_shown_against_its_limit_however_large_it_is() {
        assert_eq!(plain(Some(0.4)), "0.4 of 200");
        assert_eq!(plain(Some(1.0)), "1 of 200");
        assert_eq!(plain(Some(123_456.0)), "1e5 of 200");
        assert_eq!(plain(None), "inf of 200");
        assert_eq!(evidence(None), "-");
    }

    #[test]
    fn its_colour_tells_nothing_much_and_proof_apart() {
        let style = |value| {
            let text = evidence(Some(&Evidence { evidence: Some(value), limit: Some(200.0) }));
            [GOOD, CAUTION, BAD].iter().position(|style| text.starts_with(&style.to_string()))
        };
        assert_eq!([style(0.0), style(2.0), style(25.0), style(200.0)], [Some(0), Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_rate_of_nothing_is_a_dash() {
        assert_eq!((rate(1.0, 174.0).as_str(), rate(0.0, 0.0).as_str()), ("0.57 %", "-"));
    }
}
