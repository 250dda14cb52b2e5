//! Formats metrics of a rollout: rates, latencies, and evidence against its limit.

use serin_logic::api::{EvidenceView, FiguresView, VariantView};

use crate::output::{BAD, CAUTION, GOOD, styled, table};

/// Share of the limit, on a logarithmic scale, at which evidence is highlighted. On this scale 20 is 0.57 of 200.
const NOTABLE: f64 = 0.57;

/// `0.6 %`: a part as a percentage of its whole. A dash if the whole is 0.
pub(crate) fn rate(part: u64, whole: u64) -> String {
    if whole > 0 { format!("{:.2} %", part as f64 / whole as f64 * 100.0) } else { "-".into() }
}

/// `131 ms`.
pub(crate) fn latency(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms"))
}

/// `0.4 of 200`: an e-value and the limit at which it is strong evidence.
pub(crate) fn evidence(evidence: Option<&EvidenceView>) -> String {
    let Some(EvidenceView { evidence, limit }) = evidence else { return "-".into() };
    let limit = *limit as f64;
    // A value that JSON cannot represent is above every limit.
    let value = evidence.unwrap_or(f64::INFINITY);
    let text = if value >= 1e4 { format!("{value:.0e}") } else { significant(value) };
    let style = match () {
        () if value >= limit => BAD,
        () if value > 1.0 && value.ln() >= NOTABLE * limit.ln() => CAUTION,
        () => GOOD,
    };
    styled(style, &format!("{text} of {}", significant(limit)))
}

/// Both variants as rows of a table: name, requests, failures, error rate, p95, p99.
fn variants(figures: &FiguresView) -> Vec<Vec<String>> {
    let row = |name: &str, variant: &Option<VariantView>| {
        let VariantView { requests, failures, p95_ms, p99_ms, .. } = *variant.as_ref()?;
        let counts = [name.to_owned(), requests.to_string(), failures.to_string()];
        Some(counts.into_iter().chain([rate(failures, requests), latency(p95_ms), latency(p99_ms)]).collect())
    };
    [row("canary", &figures.canary), row("stable", &figures.stable)].into_iter().flatten().collect()
}

/// Both variants as lines below a header. Empty if neither variant has requests.
pub(crate) fn variants_table(figures: &FiguresView) -> Option<String> {
    let rows = variants(figures);
    (!rows.is_empty()).then(|| table(&COLUMNS, rows))
}

/// The header of [`variants`].
const COLUMNS: [&str; 6] = ["arm", "requests", "failures", "error rate", "p95", "p99"];

/// `errors 0.4 of 200, p95 0.9 of 400, p99 1 of 400`.
pub(crate) fn all_evidence(figures: &FiguresView) -> String {
    let named = [("errors", &figures.errors), ("p95", &figures.p95), ("p99", &figures.p99)];
    let known = named.into_iter().filter(|(_, known)| known.is_some());
    known.map(|(name, known)| format!("{name} {}", evidence(known.as_ref()))).collect::<Vec<_>>().join(", ")
}

/// A variant in a short phrase: `174 requests, 0.57 % failed, p95 131 ms`.
pub(crate) fn summary(variant: &VariantView) -> String {
    let failed = rate(variant.failures, variant.requests);
    format!("{} requests, {failed} failed, p95 {}", variant.requests, latency(variant.p95_ms))
}

fn significant(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: Option<f64>) -> String {
        let text = evidence(Some(&EvidenceView { evidence: value, limit: 200 }));
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
    fn the_colour_distinguishes_weak_from_strong_evidence() {
        let style = |value| {
            let text = evidence(Some(&EvidenceView { evidence: Some(value), limit: 200 }));
            [GOOD, CAUTION, BAD].iter().position(|style| text.starts_with(&style.to_string()))
        };
        assert_eq!([style(0.0), style(2.0), style(25.0), style(200.0)], [Some(0), Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_rate_without_requests_is_a_dash() {
        assert_eq!((rate(1, 174).as_str(), rate(0, 0).as_str()), ("0.57 %", "-"));
    }
}
