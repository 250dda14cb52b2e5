//! Where everything stands, for people and for the command line.

use serde_json::{Map, Value};

use crate::Span;
use crate::analysis::{Evidence, VariantFigures};
use crate::controller::Controller;
use crate::policy::switches::Setting;
use crate::policy::{Snapshot, Switch};
use crate::rollout::{Halted, Matcher, Phase, PhaseKind, Rollout, State};
use crate::timestamp::Timestamp;
use crate::{json, object};

/// What the status is made of.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// Of the Worker.
    pub version: &'a str,
    /// What KV says, with what the controller knows better.
    pub snapshot: &'a Snapshot,
    /// None: `ROLLOUT` is not bound.
    pub controller: Option<&'a Controller>,
}

/// The policy's part of it.
pub struct Policy;

// === impl Status ===

impl Status<'_> {
    /// The answer of `GET status`.
    pub fn view(&self, now: Timestamp) -> Value {
        let controller = self.controller;
        object!({
            "version": self.version,
            "time": now.to_rfc3339(),
            "epoch": controller.map(|controller| controller.state.epoch()),
            "policy": Policy::view(self.snapshot),
            "switches": switches(self.snapshot, now),
            "halt": controller.and_then(|controller| controller.state.halted()).map(halt),
            "rollout": controller.and_then(|controller| rollout_view(controller, now)),
            "telemetry": controller.map(|controller| object!({
                "lastReport": controller.metrics.last_report_at().map(Timestamp::to_rfc3339),
                "locations": controller.metrics.locations(),
                "diverted": controller.metrics.short_circuited(),
            })),
            "outbox": controller.map(|controller| controller.state.unfinished()).unwrap_or_default(),
        })
    }
}

// === impl Policy ===

impl Policy {
    fn view(snapshot: &Snapshot) -> Value {
        let state = snapshot.last_good();
        let error = snapshot.rejected().map(ToString::to_string).or(snapshot.unreadable().map(str::to_owned));
        object!({
            "enabled": state.map(|state| state.enabled),
            "percentage": state.map(|state| json::value(&state.percentage)),
            "rolloutId": state.map(|state| state.rollout_id.as_str()),
            "generation": state.and_then(|state| state.notes.generation),
            "rules": state.map(|state| state.rules.len()),
            "canaryWorker": state.and_then(|state| state.notes.canary_worker.as_deref()),
            "stableWorker": state.and_then(|state| state.notes.stable_worker.as_deref()),
            "error": error,
            "warnings": state.map(|state| state.warnings.clone()).unwrap_or_default(),
        })
    }
}

fn switches(snapshot: &Snapshot, now: Timestamp) -> Value {
    let mut view = Map::new();
    for switch in Switch::ALL {
        let Setting { reason, until, .. } = snapshot.switches().get(switch);
        let value = if snapshot.switches().is_on(switch, now) {
            object!({"on": true, "reason": reason.as_deref(), "until": until.map(Timestamp::to_rfc3339)})
        } else {
            object!({"on": false})
        };
        view.insert(switch.name().into(), value);
    }
    view.into()
}

fn halt(halted: &Halted) -> Value {
    let Halted { by_rollout, at, who, why } = halted;
    object!({"by": who.as_str(), "at": Timestamp::from(*at).to_rfc3339(), "why": why.as_str(), "byRollout": *by_rollout})
}

/// The rollout's part, also the answer of `GET rollouts/current`.
pub fn rollout_view(controller: &Controller, now: Timestamp) -> Option<Value> {
    let (state, analysis) = (&controller.state, &controller.analysis);
    let rollout = state.rollout()?;
    let moment = |at| Timestamp::from(at).to_rfc3339();
    let standing = state.standing();
    let (since, who, why) = account(rollout);
    let step = rollout.plan.steps().get(standing.step.saturating_sub(1));
    let steps: Vec<Value> = rollout
        .plan
        .steps()
        .iter()
        .map(|step| {
            object!({
                "percentage": step.percentage, "holdMs": step.hold.as_millis(), "where": step.ring.as_ref().map(ring), "approval": step.approval,
            })
        })
        .collect();
    Some(object!({
        "id": rollout.id.as_str(),
        "phase": standing.phase.map(PhaseKind::word),
        "who": who,
        "why": why,
        "since": moment(since),
        "step": standing.step,
        "of": standing.of,
        "percentage": standing.percentage,
        "where": step.and_then(|step| step.ring.as_ref()).map(ring),
        "schedule": json::value(&rollout.plan.schedule()),
        "steps": steps,
        "startedAt": moment(rollout.started_at),
        "startedBy": rollout.started_by.as_str(),
        "startedWhy": rollout.why.as_str(),
        "holdEnds": rollout.hold_ends().map(moment),
        "frozenUntil": rollout.frozen_until.map(moment),
        "nextLook": rollout.next_look.map(moment),
        "overdueMs": state.overdue(now).map(Span::as_millis),
        "failures": rollout.counters.failures,
        "inconclusive": rollout.counters.inconclusive,
        "errors": rollout.counters.errors,
        "lastLook": analysis.last_look().map(|look| object!({
            "at": look.at.to_rfc3339(), "verdict": json::value(&look.verdict), "sentence": look.sentence.as_str(),
        })),
        "figures": figures(controller),
        "alarms": analysis.alarms().iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}

fn ring(ring: &Matcher) -> Value {
    ring.as_json().clone().into()
}

fn figures(controller: &Controller) -> Option<Value> {
    let figures = controller.analysis.figures()?;
    let arm = |arm: &VariantFigures| {
        object!({
            "requests": arm.counts.requests(), "failures": arm.counts.failures(), "p95Ms": arm.p95_ms, "p99Ms": arm.p99_ms,
        })
    };
    Some(object!({
        "canary": arm(&figures.canary), "stable": arm(&figures.stable),
        "errors": evidence(figures.errors), "p95": evidence(figures.p95), "p99": evidence(figures.p99),
    }))
}

fn evidence(evidence: Evidence) -> Value {
    object!({"evidence": evidence.value(), "limit": evidence.limit})
}

/// Since when a rollout is in its phase, and on whose account.
fn account(rollout: &Rollout) -> (Timestamp, Option<&str>, Option<&str>) {
    match &rollout.phase {
        Phase::Progressing { since, .. } | Phase::Baking { since } => (*since, None, None),
        Phase::Completed { at } => (*at, None, None),
        Phase::Paused { at, who, why, .. }
        | Phase::RolledBack { at, who, why, .. }
        | Phase::Aborted { at, who, why, .. } => (*at, Some(who), Some(why)),
    }
}

// === impl State ===

impl State {
    /// What is still to be done outside, by name.
    pub(super) fn unfinished(&self) -> Vec<&'static str> {
        use crate::rollout::{Effect, pending};
        let names = pending(self, Timestamp::default()).into_iter().filter_map(|effect| match effect {
            Effect::WriteState(_) => Some("write"),
            Effect::Notify(_) => Some("notify"),
            Effect::Audit(_) => Some("audit"),
            Effect::SetHalt(_) => Some("halt"),
            Effect::SetAlarm(_) | Effect::TakeLook(_) => None,
        });
        names.collect()
    }
}
