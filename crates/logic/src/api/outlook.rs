//! The present state of the canary, its reason and the next step: one sentence, and the condition that a rollout waits for.

use core::fmt::Write as _;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::status::ApiContext;
use crate::controller::{CheckRunner, Controller, LastLook, MissingTraffic};
use crate::effective::{Effective, StoppedBy};
use crate::rollout::{FindingKind, Halted, PauseKind, Phase, Rollout};
use crate::timestamp::Timestamp;

/// Age of the last report above which telemetry counts as missing.
const SILENCE: Duration = Duration::from_mins(1);

/// The condition that a rollout waits for before its next step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Awaited {
    /// The step has just begun: its percentage reaches every location, and then comes the first analysis.
    Settle,
    /// The step's hold, or the bake.
    Hold,
    /// More visitors on the canary, before it can be analysed.
    Traffic,
    /// An operator: `promote` at a step with approval, `resume` after a pause.
    Approval,
    /// The end of a window of the plan's freeze.
    Freeze,
    /// The check of the plan's step.
    Check,
    /// Reports of isolates, or an analysis that works.
    Telemetry,
    /// An operator who lifts the halt.
    Halt,
    /// An operator who clears a kill switch.
    Switch,
    /// Nothing: no rollout is under way.
    #[default]
    Nothing,
}

/// The condition that a rollout waits for, since when, and as far as it is known until when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WaitsFor {
    /// The condition.
    #[serde(rename = "for")]
    pub awaited: Awaited,
    /// Since when, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Until when, where that is known, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The traffic that is missing.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficView>,
}

/// Traffic that an analysis needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrafficView {
    /// The canary's traffic in this step.
    pub have: u64,
    /// The needed traffic; none where no number is enough at this split.
    pub needed: Option<u64>,
    /// Traffic a minute, over this step.
    pub per_minute: Option<f64>,
    /// When it is enough at this rate, in RFC 3339.
    pub eta: Option<String>,
}

/// The headline of a status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// The present state, its reason and the next step.
    pub headline: String,
    /// The condition that the rollout waits for.
    pub waits_for: WaitsFor,
}

// === impl Outlook ===

impl Outlook {
    /// The outlook at `now`.
    pub fn new(context: &ApiContext<'_>, now: Timestamp) -> Self {
        let effective = context.effective;
        let Some((controller, rollout)) = context.controller.and_then(|it| Some((it, it.state.rollout()?))) else {
            return Self { headline: without_rollout(effective, context), waits_for: WaitsFor::default() };
        };
        let waits_for = WaitsFor::new(controller, rollout, effective, now);
        Self { headline: headline(controller, rollout, effective, &waits_for, now), waits_for }
    }
}

// === impl WaitsFor ===

impl WaitsFor {
    fn new(controller: &Controller, rollout: &Rollout, effective: Effective, now: Timestamp) -> Self {
        let state = &controller.state;
        let waits = |awaited, since: Timestamp| Self { awaited, since: Some(since.to_rfc3339()), ..Self::default() };
        if rollout.phase.kind().is_over() {
            return Self::default();
        }
        if let Some(Halted { at, .. }) = state.halted() {
            return waits(Awaited::Halt, *at);
        }
        if let Some(StoppedBy::Switch(_)) = effective.stopped_by {
            return Self { awaited: Awaited::Switch, ..Self::default() };
        }
        let until = |end: Option<Timestamp>, waits: Self| Self { until: end.map(Timestamp::to_rfc3339), ..waits };
        let since = match &rollout.phase {
            Phase::Paused { at, .. } => return waits(Awaited::Approval, *at),
            Phase::Progressing { since, .. } | Phase::Baking { since } => *since,
            Phase::Completed { .. } | Phase::RolledBack { .. } | Phase::Aborted { .. } => return Self::default(),
        };
        if let Some(end) = rollout.frozen_until {
            return until(Some(end), waits(Awaited::Freeze, since));
        }
        let Some(look) = controller.analysis.last_look().filter(|look| look.at >= since && state.is_written()) else {
            return until(rollout.next_look, waits(Awaited::Settle, since));
        };
        let last_report = controller.metrics.last_report_at();
        let is_silent = last_report.is_none_or(|at| now.since(at) > SILENCE);
        match look.verdict {
            _ if look.by_check => {
                waits(Awaited::Check, controller.analysis.check().and_then(CheckRunner::holds_since).unwrap_or(look.at))
            }
            FindingKind::Error => waits(Awaited::Telemetry, look.at),
            FindingKind::Inconclusive if is_silent => waits(Awaited::Telemetry, last_report.unwrap_or(since)),
            FindingKind::Inconclusive if look.missing.is_some() => {
                let traffic = look.missing.map(|missing| TrafficView::new(missing, since, look.at));
                Self { traffic, ..waits(Awaited::Traffic, rollout.counters.waiting_since.unwrap_or(since)) }
            }
            _ => until(rollout.hold_ends().filter(|end| *end > now), waits(Awaited::Hold, since)),
        }
    }
}

// === impl TrafficView ===

impl TrafficView {
    fn new(missing: MissingTraffic, since: Timestamp, looked_at: Timestamp) -> Self {
        let MissingTraffic { have, needed } = missing;
        let minutes = looked_at.since(since).as_secs_f64() / 60.0;
        #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
        let per_minute = (minutes > 0.0 && have > 0).then(|| have as f64 / minutes);
        #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
        let left = needed.map(|needed| needed.saturating_sub(have) as f64);
        let eta = left.zip(per_minute).and_then(|(left, rate)| Duration::try_from_secs_f64(left / rate * 60.0).ok());
        Self { have, needed, per_minute, eta: eta.map(|eta| looked_at.after(eta).to_rfc3339()) }
    }
}

fn without_rollout(effective: Effective, context: &ApiContext<'_>) -> String {
    let halt = context.controller.and_then(|controller| controller.state.halted());
    match (effective.stopped_by, halt) {
        (Some(StoppedBy::Halt), Some(halt)) => halted(halt),
        (Some(why), _) => format!("Stable serves all visitors: {why}."),
        (None, _) if context.controller.is_some() => {
            format!("Canary at {} %. No rollout is under way.", effective.percentage)
        }
        (None, _) => format!("Canary at {} %. There is no controller: KV alone decides.", effective.percentage),
    }
}

fn headline(
    controller: &Controller,
    rollout: &Rollout,
    effective: Effective,
    waits_for: &WaitsFor,
    now: Timestamp,
) -> String {
    let state = &controller.state;
    match (&rollout.phase, state.halted()) {
        (Phase::RolledBack { at, reason, .. }, _) => {
            return format!("Rolled back at {at}: {reason}{}", more(effective));
        }
        (Phase::Aborted { at, actor, reason, .. }, _) => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            return format!("Aborted at {at} by {actor}{reason}.{}", more(effective));
        }
        (_, Some(halt)) => return halted(halt),
        (Phase::Completed { at }, None) => {
            return match effective.stopped_by {
                None => format!("Completed at {at}: canary at {} %.", effective.percentage),
                Some(why) => format!("Completed at {at}, but stable serves all visitors: {why}."),
            };
        }
        _ => {}
    }
    if let Some(why @ StoppedBy::Switch(_)) = effective.stopped_by {
        return format!("Stable serves all visitors: {why}. The rollout is {}.", state.summary());
    }
    let summary = state.summary();
    let place = match state.mirror_order() {
        Some(order) => format!(
            "Mirroring {} % of requests to the canary; no visitor is on it. Step {} of {}",
            order.percentage, summary.step, summary.of
        ),
        None => format!("Canary at {} %, step {} of {}", summary.percentage, summary.step, summary.of),
    };
    let look = controller.analysis.last_look();
    match waits_for.awaited {
        Awaited::Approval => match &rollout.phase {
            Phase::Paused { kind: PauseKind::Approval, .. } => {
                format!("{place}: waits for an operator to approve the next step with `serin promote`.")
            }
            Phase::Paused { actor, reason, .. } => {
                let reason = if reason.is_empty() { String::new() } else { format!(": {}", without_stop(reason)) };
                format!("{place}, paused by {actor}{reason}. `serin resume` continues.")
            }
            _ => place,
        },
        Awaited::Settle => format!("{place}, just begun. {}", next(rollout, now)),
        Awaited::Freeze => {
            let end = rollout.frozen_until.map(|end| end.to_string()).unwrap_or_default();
            format!("{place}, ready, but frozen by the plan until {end}. `serin promote` takes the next step now.")
        }
        Awaited::Traffic => format!("{place}. {}", waiting_for_traffic(waits_for, look, now)),
        Awaited::Telemetry => format!("{place}. {}", look.map(|look| look.sentence.as_str()).unwrap_or_default()),
        _ => match look {
            Some(LastLook { verdict: FindingKind::Pass, .. }) => format!("{place}, healthy. {}", next(rollout, now)),
            Some(look) => format!("{place}, held: {} {}", look.sentence, next(rollout, now)),
            None => format!("{place}. {}", next(rollout, now)),
        },
    }
}

/// An edit or a rule may put visitors on the canary although its rollout is over.
fn more(effective: Effective) -> String {
    if effective.stopped_by.is_none() && effective.percentage > crate::Percentage::ZERO {
        format!(" canary-state now gives the canary {} %.", effective.percentage)
    } else {
        " Stable serves all visitors.".to_owned()
    }
}

fn halted(halt: &Halted) -> String {
    let Halted { at, actor, reason, .. } = halt;
    let reason = if reason.is_empty() { String::new() } else { format!(": {}", without_stop(reason)) };
    format!(
        "Stable serves all visitors: {actor} halted the canary at {at}{reason}. `serin resume-canary` lifts the halt."
    )
}

fn without_stop(sentence: &str) -> &str {
    sentence.strip_suffix('.').unwrap_or(sentence)
}

fn waiting_for_traffic(waits_for: &WaitsFor, look: Option<&LastLook>, now: Timestamp) -> String {
    let Some(TrafficView { have, needed: Some(needed), eta, .. }) = &waits_for.traffic else {
        return look.map(|look| look.sentence.clone()).unwrap_or_default();
    };
    let mut text = format!("Waiting for traffic: {} of {} on the canary", grouped(*have), grouped(*needed));
    if let Some(eta) = eta.as_deref().and_then(Timestamp::parse) {
        let _ = write!(text, ", about {} at the present rate", roughly(eta.since(now)));
    }
    text.push('.');
    text
}

/// When the next analysis and the next step come.
fn next(rollout: &Rollout, now: Timestamp) -> String {
    let look = rollout.next_look.map(|at| format!("Next analysis in {}", roughly(at.since(now))));
    let is_baking = matches!(rollout.phase, Phase::Baking { .. });
    let step = rollout.hold_ends().filter(|end| *end > now).map(|end| {
        let left = roughly(end.since(now));
        if is_baking { format!("complete in about {left}") } else { format!("next step in about {left}") }
    });
    let parts: Vec<String> = look.into_iter().chain(step).collect();
    if parts.is_empty() { String::new() } else { format!("{}.", parts.join(", ")) }
}

/// A length of time as a person says it: `23 s`, `12 min`, `3 h 20 min`.
pub(super) fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min", (seconds + 30) / 60),
        _ => {
            let minutes = (seconds + 30) / 60;
            format!("{} h {} min", minutes / 60, minutes % 60)
        }
    }
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
