//! Figures of a rollout: the canary beside its control group, and the evidence against it in words.

use serin_logic::api::{EvidenceView, FiguresView, ImpactView, MirrorView, PairedView, VariantView};

use crate::output::{BAD, CAUTION, GOOD, styled, table};

/// Share of the limit, on a logarithmic scale, at which evidence is strong. On this scale 20 is 0.57 of 200.
const NOTABLE: f64 = 0.57;

/// The canary and its control group, the visitors of stable that it is compared with, side by side.
pub(super) fn side_by_side(figures: &FiguresView) -> Option<String> {
    let variants = [("canary", figures.canary.as_ref()), ("control group", figures.stable.as_ref())];
    let known: Vec<_> = variants.into_iter().filter_map(|(name, variant)| Some((name, variant?))).collect();
    if known.is_empty() {
        return None;
    }
    let row = |name: &str, cell: &dyn Fn(&VariantView) -> String| {
        std::iter::once(name.to_owned()).chain(known.iter().map(|(_, variant)| cell(variant))).collect::<Vec<_>>()
    };
    let mut rows = vec![
        row("requests", &|variant| variant.requests.to_string()),
        row("failed", &|variant| format!("{} ({})", variant.failures, rate(variant.failures, variant.requests))),
    ];
    if known.iter().any(|(_, variant)| variant.visitors > 0) {
        let failed = |variant: &VariantView| {
            format!("{} ({})", variant.failed_visitors, rate(variant.failed_visitors, variant.visitors))
        };
        rows.extend([row("visitors", &|variant| variant.visitors.to_string()), row("failed", &failed)]);
    }
    rows.extend([row("p95", &|variant| latency(variant.p95_ms)), row("p99", &|variant| latency(variant.p99_ms))]);
    let header: Vec<&str> = std::iter::once("").chain(known.iter().map(|(name, _)| *name)).collect();
    Some(table(&header, rows))
}

/// `errors none, p95 weak (4 to 1), p99 none; rolls back at 200 to 1 (errors), 400 to 1 (p95, p99)`.
pub(crate) fn evidence(figures: &FiguresView) -> Option<String> {
    let named = [("errors", &figures.errors), ("p95", &figures.p95), ("p99", &figures.p99)];
    let known: Vec<(&str, &EvidenceView)> =
        named.into_iter().filter_map(|(name, evidence)| Some((name, evidence.as_ref()?))).collect();
    let words: Vec<String> = known.iter().map(|(name, evidence)| format!("{name} {}", in_words(evidence))).collect();
    let mut limits: Vec<(u64, Vec<&str>)> = Vec::new();
    for (name, evidence) in &known {
        match limits.iter_mut().find(|(limit, _)| *limit == evidence.limit) {
            Some((_, metrics)) => metrics.push(name),
            None => limits.push((evidence.limit, vec![name])),
        }
    }
    let limits: Vec<String> =
        limits.into_iter().map(|(limit, metrics)| format!("{limit} to 1 ({})", metrics.join(", "))).collect();
    (!words.is_empty()).then(|| format!("{}; rolls back at {}", words.join(", "), limits.join(", ")))
}

/// Outcome of the rollout's failed canary requests, if there are any.
pub(super) fn impact(impact: ImpactView) -> Option<String> {
    let ImpactView { failed, rescued, seen } = impact;
    let style = if seen > 0 { CAUTION } else { GOOD };
    let clients = styled(style, &format!("clients saw {seen}"));
    (failed > 0).then(|| format!("{failed} in this rollout: stable answered {rescued}, {clients}"))
}

/// What was copied to the canary, and the evidence of the pairs in the step: `812 copies, 9 failed (stable failed 7); answers none, times weak
/// (4 to 1); rolls back at 400 to 1`.
pub(super) fn mirror(mirror: &MirrorView) -> Option<String> {
    let MirrorView { percentage, copies, canary_failures, stable_failures, busy, withheld, .. } = mirror;
    if *copies == 0 && percentage.thousandths() == 0 {
        return None;
    }
    let mut text = format!("{copies} copies, {canary_failures} failed (stable failed {stable_failures})");
    for (count, why) in [(busy, "not sent: too many under way"), (withheld, "kept back by breakers")] {
        if *count > 0 {
            text = format!("{text}, {count} {why}");
        }
    }
    let Some(PairedView { answers: Some(answers), latency: Some(latency), .. }) = &mirror.figures else {
        return Some(text);
    };
    let (limit, answers, latency) = (answers.limit, in_words(answers), in_words(latency));
    Some(format!("{text}; answers {answers}, times {latency}; rolls back at {limit} to 1"))
}

/// A variant in a short phrase: `174 requests, 0.57 % failed, p95 131 ms`.
pub(crate) fn summary(variant: &VariantView) -> String {
    let failed = rate(variant.failures, variant.requests);
    format!("{} requests, {failed} failed, p95 {}", variant.requests, latency(variant.p95_ms))
}

/// An e-value in words: how much the figures speak against the canary, and how far that is from the limit.
fn in_words(EvidenceView { evidence, limit }: &EvidenceView) -> String {
    // A value that JSON cannot represent is above every limit.
    let value = evidence.unwrap_or(f64::INFINITY);
    let limit_value = *limit as f64;
    match () {
        () if value >= limit_value => styled(BAD, &format!("decisive (above {limit} to 1)")),
        () if value > 1.0 && value.ln() >= NOTABLE * limit_value.ln() => {
            styled(CAUTION, &format!("strong ({value:.0} to 1)"))
        }
        () if value >= 2.0 => format!("weak ({value:.0} to 1)"),
        () => styled(GOOD, "none"),
    }
}

fn rate(part: u64, whole: u64) -> String {
    if whole > 0 { format!("{:.2} %", part as f64 / whole as f64 * 100.0) } else { "-".into() }
}

fn latency(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_said_in_words_against_its_limit_however_large_it_is() {
        let words = |value| {
            let text = in_words(&EvidenceView { evidence: value, limit: 200 });
            anstream::adapter::strip_str(&text).to_string()
        };
        assert_eq!([words(Some(0.4)), words(Some(1.0))], ["none", "none"]);
        assert_eq!([words(Some(4.2)), words(Some(57.0))], ["weak (4 to 1)", "strong (57 to 1)"]);
        for value in [Some(200.0), Some(2e5), None] {
            assert_eq!(words(value), "decisive (above 200 to 1)", "{value:?}");
        }
    }

    #[test]
    fn each_limit_is_named_once() {
        let evidence_of = |limit| Some(EvidenceView { evidence: Some(1.0), limit });
        let figures = FiguresView {
            errors: evidence_of(200),
            p95: evidence_of(400),
            p99: evidence_of(400),
            ..FiguresView::default()
        };
        let text = evidence(&figures).unwrap();
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(text, "errors none, p95 none, p99 none; rolls back at 200 to 1 (errors), 400 to 1 (p95, p99)");
        assert_eq!(evidence(&FiguresView::default()), None);
    }

    #[test]
    fn a_rate_without_requests_is_a_dash() {
        assert_eq!((rate(1, 174).as_str(), rate(0, 0).as_str()), ("0.57 %", "-"));
    }
}
