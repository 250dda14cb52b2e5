//! Metrics for Prometheus, in its text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use core::fmt::{Display, Write as _};

use super::audit::word;
use super::outlook::Outlook;
use super::status::{ApiContext, unfinished};
use crate::controller::MirrorTotals;
use crate::policy::Switch;
use crate::rollout::{PhaseKind, State};
use crate::telemetry::no_versions;
use crate::timestamp::Timestamp;

/// A page of metrics.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP serin_{name} {help}\n# TYPE serin_{name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.line(name, labels, &value);
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: &dyn Display) {
        let _ = write!(self.0, "serin_{name}");
        for (place, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if place == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.line(name, &[], &value);
    }
}

/// The answer of `GET metrics`.
pub fn metrics(context: &ApiContext<'_>, now: Timestamp) -> String {
    let mut page = Page(String::new());
    page.head("build_info", "gauge", "The version of the Worker.");
    page.value("build_info", &[("version", context.version)], 1);
    let state = context.snapshot.last_good();
    page.gauge(
        "canary_enabled",
        "Whether the policy lets the canary serve.",
        u8::from(state.is_some_and(|state| state.enabled)),
    );
    page.gauge(
        "canary_percentage",
        "The canary's share of visitors, in percent.",
        state.map_or_else(|| "0".to_owned(), |state| state.percentage.to_string()),
    );
    page.gauge(
        "canary_effective_percentage",
        "The share of visitors that the canary gets now, in percent: 0 while a halt or a switch stops it.",
        context.effective.percentage,
    );
    page.gauge(
        "policy_valid",
        "Whether the canary-state in KV is valid and readable.",
        u8::from(context.snapshot.rejected().is_none() && context.snapshot.unreadable().is_none()),
    );
    page.head("switch_on", "gauge", "Whether a kill switch is on.");
    for switch in Switch::ALL {
        page.value("switch_on", &[("switch", switch.name())], u8::from(context.snapshot.switches().is_on(switch, now)));
    }
    rollout(&mut page, context, now);
    page.0
}

fn rollout(page: &mut Page, context: &ApiContext<'_>, now: Timestamp) {
    let Some(controller) = context.controller else { return };
    let (state, analysis, metrics) = (&controller.state, &controller.analysis, &controller.metrics);
    let standing = state.summary();
    page.gauge("rollout_epoch", "Epoch of the rollout. It grows with every transition.", standing.epoch);
    page.gauge("canary_halted", "Whether the canary is halted.", u8::from(standing.halted));
    page.head("rollout_phase", "gauge", "1 for the phase the rollout is in.");
    for phase in [
        PhaseKind::Progressing,
        PhaseKind::Paused,
        PhaseKind::Baking,
        PhaseKind::Completed,
        PhaseKind::RolledBack,
        PhaseKind::Aborted,
    ] {
        page.value("rollout_phase", &[("phase", phase.word())], u8::from(standing.phase == Some(phase)));
    }
    page.head("rollout_waits_for", "gauge", "1 for what the rollout waits for.");
    page.value("rollout_waits_for", &[("for", &word(&Outlook::new(context, now).waits_for.awaited))], 1);
    page.gauge("rollout_step", "Number of the step, from 1; 0 without a rollout.", standing.step);
    page.gauge("rollout_steps", "Steps of the plan.", standing.of);
    page.head("outbox", "gauge", "Whether the controller still has to do this.");
    let unfinished = unfinished(controller);
    for what in ["write", "switch", "notify", "audit", "halt"] {
        page.value("outbox", &[("what", what)], u8::from(unfinished.iter().any(|kind| kind == what)));
    }
    let is_frozen = state.rollout().is_some_and(|rollout| rollout.frozen_until.is_some());
    page.gauge(
        "rollout_frozen",
        "Whether a step waits for the end of a window of the plan's freeze.",
        u8::from(is_frozen),
    );
    let overdue = state.overdue(now).map_or(0, crate::Span::as_millis);
    page.gauge("rollout_overdue_seconds", "How late an analysis is, beyond its grace.", overdue as f64 / 1e3);
    if let Some(at) = metrics.last_report_at() {
        page.gauge("telemetry_age_seconds", "Time since a location last reported.", now.since(at).as_secs_f64());
    }
    page.gauge("telemetry_locations", "Locations that report.", metrics.locations());
    page.gauge(
        "canary_short_circuited",
        "Canary requests that breakers sent to stable in this step.",
        metrics.short_circuited(),
    );
    let versions = metrics.versions();
    if !no_versions(&versions) {
        page.head(
            "rollout_versions",
            "gauge",
            "Answers in the rollout by the version they state; wrong ones count for no variant.",
        );
        for (variant, counts) in [("canary", versions.canary), ("stable", versions.stable)] {
            for (version, count) in [("right", counts.right), ("wrong", counts.wrong), ("unmarked", counts.unmarked)] {
                page.value("rollout_versions", &[("variant", variant), ("version", version)], count);
            }
        }
    }
    let impact = metrics.impact();
    page.gauge("rollout_rescued", "Failed canary requests of the rollout that stable answered.", impact.rescued);
    page.gauge("rollout_seen_failures", "Failed canary requests of the rollout that a client saw.", impact.seen());
    mirror(page, metrics.mirrored(), state);
    let Some(figures) = analysis.figures() else { return };
    let variants = [("canary", &figures.canary), ("stable", &figures.stable)];
    page.head("step_requests", "gauge", "Requests in this step; stable's are those of the control slice.");
    for (variant, it) in variants {
        page.value("step_requests", &[("variant", variant)], it.counts.requests());
    }
    page.head("step_failures", "gauge", "Failed requests in this step, including those that stable then answered.");
    for (variant, it) in variants {
        page.value("step_failures", &[("variant", variant)], it.counts.failures());
    }
    page.head("step_latency_seconds", "gauge", "Time to the response's headers in this step.");
    for (variant, it) in variants {
        for (quantile, ms) in [("0.95", it.p95_ms), ("0.99", it.p99_ms)] {
            if let Some(ms) = ms {
                page.value("step_latency_seconds", &[("variant", variant), ("quantile", quantile)], ms as f64 / 1e3);
            }
        }
    }
    page.head("evidence", "gauge", "Evidence against the canary. At the limit the canary is rolled back.");
    page.head("evidence_limit", "gauge", "Evidence at which the canary is rolled back.");
    let paired = figures.paired.map(|paired| [("answers", paired.answers), ("latency", paired.latency)]);
    let of_visitors = [("errors", figures.errors), ("p95", figures.p95), ("p99", figures.p99)];
    for (metric, evidence) in of_visitors.into_iter().chain(paired.into_iter().flatten()) {
        page.value("evidence", &[("metric", metric)], evidence.value());
        page.value("evidence_limit", &[("metric", metric)], evidence.limit);
    }
}

/// The load that mirroring adds to the canary.
fn mirror(page: &mut Page, totals: &MirrorTotals, state: &State) {
    let percentage = state.mirror_order().map(|order| order.percentage).unwrap_or_default();
    page.gauge("mirror_percentage", "The share of requests of which the canary gets a copy, in percent.", percentage);
    page.head("mirror_requests", "gauge", "Requests of the rollout that were selected to be copied to the canary.");
    let MirrorTotals { counts, busy, withheld, .. } = totals;
    let answered = counts.pairs.saturating_sub(counts.failures.canary);
    for (result, count) in
        [("answered", answered), ("failed", counts.failures.canary), ("busy", *busy), ("withheld", *withheld)]
    {
        page.value("mirror_requests", &[("result", result)], count);
    }
}
