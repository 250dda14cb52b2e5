//! The rollout, as the status and the answers of commands show it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::{json, word};
use super::mirror::MirrorView;
use crate::analysis::{AnalysisConfig, Evidence, Figures, Unit, VariantFigures};
use crate::controller::{CheckAnswer, CheckRunner, Controller, Impact, LastLook, analysis_config};
use crate::percentage::Percentage;
use crate::rollout::{Phase, PhaseKind, PlanStep, Rollout};
use crate::span::Span;
use crate::timestamp::Timestamp;

/// A rollout; also the answer of `GET rollouts/current`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutView {
    /// Id of the rollout.
    pub id: String,
    /// Phase: `progressing`, `paused`, `baking`, `completed`, `rolled-back` or `aborted`.
    pub phase: String,
    /// Actor that paused or ended the rollout.
    pub actor: Option<String>,
    /// Reason why the rollout is paused or over.
    pub reason: Option<String>,
    /// Start of the phase.
    pub since: String,
    /// Current step, counted from 1.
    pub step: usize,
    /// Number of steps.
    pub of: usize,
    /// The canary's percentage.
    pub percentage: Percentage,
    /// Matcher of the step's ring; none if the step is a share of everyone.
    #[serde(rename = "where")]
    pub ring: Option<Value>,
    /// Name of the schedule.
    pub schedule: String,
    /// Steps of the plan.
    pub steps: Vec<StepView>,
    /// Windows in which no step is taken, as a plan has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Value>,
    /// Start of the rollout.
    pub started_at: String,
    /// Actor that started the rollout.
    pub started_by: String,
    /// Reason why the rollout was started.
    pub started_reason: String,
    /// Time at which the step's hold ends.
    pub hold_ends: Option<String>,
    /// End of the freeze window that the step waits for.
    pub frozen_until: Option<String>,
    /// Percentage of the compared requests whose bodies are watched. The others' broken bodies are not known.
    pub watch_bodies: Percentage,
    /// Ceilings of the canary, whatever stable's values are.
    pub ceilings: Option<CeilingsView>,
    /// Time of the next analysis.
    pub next_look: Option<String>,
    /// Lateness of the next analysis, past its grace, in ms.
    pub overdue_ms: Option<u64>,
    /// Failed analyses in a row.
    pub failures: u32,
    /// Inconclusive analyses in a row.
    pub inconclusive: u32,
    /// Analyses in a row that could not be made.
    pub errors: u32,
    /// The last analysis of the canary.
    pub last_look: Option<LastLookView>,
    /// The last answer of the step's own check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckView>,
    /// Numbers of the current step.
    pub figures: Option<FiguresView>,
    /// Outcome of the rollout's failed canary requests.
    pub impact: ImpactView,
    /// What the rollout mirrors; none if no step of its plan does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorView>,
    /// Anomalies besides the canary, as sentences.
    pub alarms: Vec<String>,
}

/// A step of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StepView {
    /// The canary's percentage.
    pub percentage: Percentage,
    /// Duration of the step, in ms.
    pub hold_ms: u64,
    /// Matcher of the step's ring.
    #[serde(rename = "where")]
    pub ring: Option<Value>,
    /// Whether the step waits for an approval.
    pub approval: bool,
    /// Percentage of the requests of which the canary gets a copy; none unless the step mirrors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Percentage>,
    /// Patterns of the paths that are copied; none if all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Value>,
    /// Host and path of the step's own check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

/// An answer of a step's check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckView {
    /// Time of the answer.
    pub at: String,
    /// `pass`, `fail`, `wait` or `error`.
    pub verdict: String,
    /// The check's own words, or why there is no verdict.
    pub message: String,
    /// Answers in a row that said `fail`.
    pub failures: u32,
}

/// Ceilings of a plan's analysis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CeilingsView {
    /// Highest share of failed requests, 0 to 1.
    pub error_rate: f64,
    /// Highest p95, in ms.
    pub p95_ms: u64,
}

/// An analysis of the canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastLookView {
    /// Time of the analysis.
    pub at: String,
    /// `pass`, `fail`, `inconclusive` or `error`.
    pub verdict: String,
    /// Reason of the verdict.
    pub sentence: String,
}

/// Numbers of the current step. A Worker of another version may leave some out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FiguresView {
    /// The canary.
    pub canary: Option<VariantView>,
    /// Stable's control slice.
    pub stable: Option<VariantView>,
    /// Evidence that the canary fails more often than stable.
    pub errors: Option<EvidenceView>,
    /// Evidence that its p95 is worse.
    pub p95: Option<EvidenceView>,
    /// Evidence that its p99 is worse.
    pub p99: Option<EvidenceView>,
}

/// Outcome of a rollout's failed canary requests, as far as isolates have reported it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImpactView {
    /// Canary requests that failed.
    pub failed: u64,
    /// The ones among them that stable answered.
    pub rescued: u64,
    /// The ones among them whose failure a client saw.
    pub seen: u64,
}

/// Numbers of one variant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VariantView {
    /// Requests.
    pub requests: u64,
    /// Failed requests.
    pub failures: u64,
    /// Distinct visitors, estimated to 2 %; 0 where every request counts for itself.
    pub visitors: u64,
    /// Visitors with a failed request, each once a rollout.
    pub failed_visitors: u64,
    /// Median of the latency, in ms.
    pub p50_ms: Option<u64>,
    /// 95th percentile of the latency, in ms.
    pub p95_ms: Option<u64>,
    /// 99th percentile of the latency, in ms.
    pub p99_ms: Option<u64>,
}

/// An e-value and its limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvidenceView {
    /// The e-value; `null` where it is too large for JSON.
    pub evidence: Option<f64>,
    /// The e-value at which the canary is rolled back.
    pub limit: u64,
}

// === impl RolloutView ===

impl RolloutView {
    /// The rollout at `now`, if there has been one.
    pub fn new(controller: &Controller, now: Timestamp) -> Option<Self> {
        let Controller { state, analysis, .. } = controller;
        let rollout = state.rollout()?;
        let standing = state.summary();
        let (since, actor, reason) = account(rollout);
        let steps: Vec<StepView> = rollout.plan.steps().iter().map(StepView::from).collect();
        let step = steps.get(standing.step.saturating_sub(1));
        Some(Self {
            id: rollout.id.clone(),
            phase: standing.phase.map(PhaseKind::word).unwrap_or_default().to_owned(),
            actor: actor.map(str::to_owned),
            reason: reason.map(str::to_owned),
            since: since.to_rfc3339(),
            step: standing.step,
            of: standing.of,
            percentage: standing.percentage,
            ring: step.and_then(|step| step.ring.clone()),
            schedule: word(&rollout.plan.schedule()),
            steps,
            freeze: rollout.plan.freeze().map(json),
            started_at: rollout.started_at.to_rfc3339(),
            started_by: rollout.started_by.clone(),
            started_reason: rollout.reason.clone(),
            hold_ends: rollout.hold_ends().map(Timestamp::to_rfc3339),
            frozen_until: rollout.frozen_until.map(Timestamp::to_rfc3339),
            watch_bodies: rollout.plan.watch_bodies(),
            ceilings: analysis_config(&rollout.plan).ok().map(CeilingsView::from),
            next_look: rollout.next_look.map(Timestamp::to_rfc3339),
            overdue_ms: state.overdue(now).map(Span::as_millis),
            failures: rollout.counters.failures,
            inconclusive: rollout.counters.inconclusive,
            errors: rollout.counters.errors,
            last_look: analysis.last_look().map(LastLookView::from),
            check: analysis.check().and_then(CheckRunner::last).map(CheckView::from),
            figures: analysis.figures().as_ref().map(FiguresView::from),
            impact: controller.metrics.impact().into(),
            mirror: MirrorView::new(controller, rollout),
            alarms: analysis.alarms().iter().map(ToString::to_string).collect(),
        })
    }

    /// Whether the rollout is over, so that only `undo` changes it.
    pub fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "completed" | "rolled-back" | "aborted")
    }
}

/// Start of the rollout's phase, with its actor and reason.
fn account(rollout: &Rollout) -> (Timestamp, Option<&str>, Option<&str>) {
    match &rollout.phase {
        Phase::Progressing { since, .. } | Phase::Baking { since } => (*since, None, None),
        Phase::Completed { at } => (*at, None, None),
        Phase::Paused { at, actor, reason, .. }
        | Phase::RolledBack { at, actor, reason, .. }
        | Phase::Aborted { at, actor, reason, .. } => (*at, Some(actor), Some(reason)),
    }
}

impl From<Impact> for ImpactView {
    fn from(impact: Impact) -> Self {
        Self { failed: impact.failed, rescued: impact.rescued, seen: impact.seen() }
    }
}

impl From<&PlanStep> for StepView {
    fn from(step: &PlanStep) -> Self {
        let PlanStep { percentage, hold, ring, approval, mirror, paths, check } = step;
        Self {
            percentage: *percentage,
            hold_ms: hold.as_millis(),
            ring: ring.as_ref().map(json),
            approval: *approval,
            mirror: *mirror,
            paths: paths.as_ref().map(json),
            check: check.as_ref().map(|check| check.url.place().to_owned()),
        }
    }
}

impl From<(Timestamp, &CheckAnswer, u32)> for CheckView {
    fn from((at, CheckAnswer { verdict, message }, failures): (Timestamp, &CheckAnswer, u32)) -> Self {
        Self { at: at.to_rfc3339(), verdict: verdict.word().to_owned(), message: message.clone(), failures }
    }
}

impl From<AnalysisConfig> for CeilingsView {
    fn from(config: AnalysisConfig) -> Self {
        Self { error_rate: config.error_rate_ceiling, p95_ms: config.p95_ceiling_ms }
    }
}

impl From<&LastLook> for LastLookView {
    fn from(look: &LastLook) -> Self {
        Self { at: look.at.to_rfc3339(), verdict: word(&look.verdict), sentence: look.sentence.clone() }
    }
}

impl From<&Figures> for FiguresView {
    fn from(figures: &Figures) -> Self {
        let Figures { canary, stable, errors, p95, p99, paired: _ } = figures;
        Self {
            canary: Some(canary.into()),
            stable: Some(stable.into()),
            errors: Some(errors.into()),
            p95: Some(p95.into()),
            p99: Some(p99.into()),
        }
    }
}

impl From<&VariantFigures> for VariantView {
    fn from(figures: &VariantFigures) -> Self {
        let VariantFigures { counts, p50_ms, p95_ms, p99_ms } = *figures;
        Self {
            requests: counts.requests(),
            failures: counts.failures(),
            visitors: counts.visitors(),
            failed_visitors: counts.evidence(Unit::StickyKey),
            p50_ms,
            p95_ms,
            p99_ms,
        }
    }
}

impl From<&Evidence> for EvidenceView {
    fn from(evidence: &Evidence) -> Self {
        Self { evidence: Some(evidence.value()), limit: evidence.limit }
    }
}
