//! Runs the analysis of the current rollout: closes its ticks, makes its analyses, and keeps the last one.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::check_answer::CheckAnswer;
use super::check_runner::{CheckQuestion, CheckRunner};
use super::known_visitors::KnownVisitors;
use super::metrics_buffer::MetricsBuffer;
use crate::analysis::{Alarm, AnalysisConfig, Evaluator, Figures, Health, LookContext, Measure, PerVariant};
use crate::document;
use crate::percentage::Percentage;
use crate::rollout::{Finding, FindingKind, Plan, State};
use crate::timestamp::Timestamp;
use crate::version::VersionCheck;

/// The evaluator of the current rollout, its clock and its last analysis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnalysisRunner {
    /// The analysed rollout, and which attempt of it.
    judged: Option<(String, u32)>,
    step: Option<usize>,
    evaluator: Option<Evaluator>,
    /// Error that keeps the plan from having an evaluator.
    error: Option<String>,
    tick_ms: u64,
    /// When the last tick closed.
    ticked_at: Timestamp,
    last_look: Option<LastLook>,
    /// The check of the current step; none before its first question.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<CheckRunner>,
    /// Version of the last answer of the canary's own /health, where the canary is a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    probed: Option<VersionCheck>,
}

/// The last analysis of the canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastLook {
    /// Time of the analysis.
    pub at: Timestamp,
    /// Pass, fail, inconclusive or error.
    pub verdict: FindingKind,
    /// Reason of the verdict, with its numbers.
    pub sentence: String,
    /// The traffic that the analysis lacked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingTraffic>,
    /// Whether nothing but the step's check held the canary.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_check: bool,
}

/// Traffic that an analysis lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingTraffic {
    /// The canary's traffic in this step.
    pub have: u64,
    /// The needed traffic; none where no number is enough at this split.
    pub needed: Option<u64>,
}

// === impl AnalysisRunner ===

impl AnalysisRunner {
    /// Follows the rollout: a new rollout, or a new attempt of it, gets a new evaluator; a new step resets the counts of the step. While
    /// nothing is observed, the last analysis stays for display.
    pub(super) fn follow(&mut self, state: &State, now: Timestamp) {
        let observation = state.observation();
        let step = observation.as_ref().map(|observation| observation.step);
        if let (Some(observation), Some(rollout)) = (observation, state.rollout()) {
            let judged = (observation.rollout_id, observation.attempt);
            if self.judged.as_ref() != Some(&judged) {
                *self = Self { judged: Some(judged), ticked_at: now, ..Self::of(&rollout.plan) };
            } else if self.step != step {
                self.ticked_at = now;
                self.check = None;
                self.evaluator.iter_mut().for_each(Evaluator::begin_step);
            }
        }
        self.step = step;
    }

    fn of(plan: &Plan) -> Self {
        let config = analysis_config(plan);
        let tick_ms = config.as_ref().map_or(AnalysisConfig::default().tick_ms, |config| config.tick_ms);
        let evaluator = config
            .and_then(|config| Evaluator::new(config, plan.planned().as_millis()).map_err(|error| error.to_string()));
        match evaluator {
            Ok(evaluator) => Self { evaluator: Some(evaluator), tick_ms, ..Self::default() },
            Err(error) => Self { error: Some(error), tick_ms, ..Self::default() },
        }
    }

    /// When the next tick closes; none while nothing is observed.
    pub fn next_tick(&self, state: &State) -> Option<Timestamp> {
        let tick = Duration::from_millis(self.tick_ms.max(1));
        state.observation().map(|_| self.ticked_at.after(tick))
    }

    /// The same as of `now`: at once after the clock went back.
    pub(super) fn tick_due_at(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        self.next_tick(state).map(|at| if now < self.ticked_at { now } else { at })
    }

    /// Closes a tick if it is due. Gives the finding of strong evidence, if there is any.
    pub(super) fn tick(
        &mut self,
        metrics: &mut MetricsBuffer,
        known: &mut KnownVisitors,
        state: &State,
        now: Timestamp,
    ) -> Option<Finding> {
        let is_due = self.tick_due_at(state, now).is_some_and(|at| now >= at);
        if !is_due {
            return None;
        }
        self.ticked_at = now;
        let evaluator = self.evaluator.as_mut()?;
        let mirrors = state.mirror_order().is_some();
        evaluator.close_tick(metrics.close_tick(known, split(state.share()), mirrors), ms(now));
        let reason = evaluator.strong_evidence()?;
        let finding = Finding::Fail { strong: true, sentence: with_impact(reason.to_string(), metrics) };
        self.last_look = Some(LastLook::new(&finding, now));
        Some(finding)
    }

    /// When the step's check is to be asked.
    pub(super) fn check_due_at(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        self.check.as_ref().unwrap_or(&CheckRunner::default()).due_at(state, now)
    }

    /// Leases the next question to the step's check to the caller, if it is due.
    pub(super) fn claim_check(&mut self, state: &State, now: Timestamp) -> Option<CheckQuestion> {
        self.check_due_at(state, now).filter(|at| now >= *at)?;
        self.check.get_or_insert_default().claim(state, now)
    }

    /// Records an answer of the step's check. Gives its finding against the canary, if it is one.
    pub(super) fn checked(
        &mut self,
        question: &CheckQuestion,
        answer: CheckAnswer,
        metrics: &MetricsBuffer,
        state: &State,
        now: Timestamp,
    ) -> Option<Finding> {
        let Finding::Fail { strong, sentence } = self.check.as_mut()?.record(question, answer, state, now)? else {
            return None;
        };
        let finding = Finding::Fail { strong, sentence: with_impact(sentence, metrics) };
        self.last_look = Some(LastLook::new(&finding, now));
        Some(finding)
    }

    /// The check of the current step; none before its first question.
    pub fn check(&self) -> Option<&CheckRunner> {
        self.check.as_ref()
    }

    /// Analyses the canary.
    pub(super) fn look(
        &mut self,
        metrics: &MetricsBuffer,
        state: &State,
        (health, version): (Health, Option<VersionCheck>),
        now: Timestamp,
    ) -> Finding {
        let mut missing = None;
        self.probed = version;
        let finding = match (&mut self.evaluator, &self.error) {
            (Some(evaluator), _) => {
                let step = state.observation().map(|observation| observation.step).unwrap_or_default();
                let plan = state.rollout().map(|rollout| &rollout.plan);
                let context = LookContext {
                    last_flush_at: metrics.last_report_at().map(ms),
                    breaker_opened_at: metrics.breaker_opened_at().map(ms),
                    health,
                    mirrors: state.mirror_order().is_some(),
                    version,
                    last_comparison: plan.is_some_and(|plan| plan.is_last_comparison(step)),
                };
                let look = evaluator.look(&context, ms(now));
                missing = look.reason.missing_traffic().map(|(have, needed)| MissingTraffic { have, needed });
                match Finding::from(&look) {
                    Finding::Fail { strong, sentence } => {
                        Finding::Fail { strong, sentence: with_impact(sentence, metrics) }
                    }
                    finding => finding,
                }
            }
            (None, error) => {
                let why = error.as_deref().unwrap_or("no metrics yet");
                Finding::Error { sentence: format!("The canary could not be analysed: {why}.") }
            }
        };
        let mut check = self.check.take().unwrap_or_default();
        let (finding, by_check) = check.hold(finding, state, now);
        self.check = Some(check).filter(|check| *check != CheckRunner::default());
        let missing = missing.filter(|_| !by_check);
        self.last_look = Some(LastLook { missing, by_check, ..LastLook::new(&finding, now) });
        finding
    }

    /// The last analysis of the canary.
    pub fn last_look(&self) -> Option<&LastLook> {
        self.last_look.as_ref()
    }

    /// Version of the last answer of the canary's own /health, where the canary is a version.
    pub fn probed(&self) -> Option<VersionCheck> {
        self.probed
    }

    /// Why a rollout holds whose answers of the last minute are of another version than they should be.
    pub fn mixed_versions(&self) -> Option<String> {
        self.evaluator.as_ref()?.mixed_versions().map(|reason| reason.to_string())
    }

    /// Numbers of the current step.
    pub fn figures(&self) -> Option<Figures> {
        self.evaluator.as_ref().map(Evaluator::figures)
    }

    /// Settings by which isolates count outcomes.
    pub(super) fn measure(&self) -> Measure {
        self.evaluator.as_ref().map(Evaluator::measure).unwrap_or_default()
    }

    /// Anomalies besides the canary.
    pub fn alarms(&self) -> Vec<Alarm> {
        self.evaluator.as_ref().map(Evaluator::alarms).unwrap_or_default()
    }
}

// === impl LastLook ===

impl LastLook {
    fn new(finding: &Finding, now: Timestamp) -> Self {
        let (verdict, sentence) = (finding.kind(), finding.sentence().to_owned());
        Self { at: now, verdict, sentence, missing: None, by_check: false }
    }
}

/// A sentence against the canary, with what became of its failed requests.
fn with_impact(sentence: String, metrics: &MetricsBuffer) -> String {
    let impact = metrics.impact();
    if impact.failed > 0 { format!("{sentence} {impact}") } else { sentence }
}

/// The analysis settings of a plan.
///
/// # Errors
/// A sentence that names the field, its value and what is accepted.
pub(crate) fn analysis_config(plan: &Plan) -> Result<AnalysisConfig, String> {
    let settings = plan.analysis().clone().into();
    let mut config: AnalysisConfig =
        document::read("settings", settings).map_err(|error| format!("analysis.{error}"))?;
    config.failure_limit = plan.limits().failure_limit;
    config.detect = plan.detect();
    config.mirror_ms = plan.mirrored().as_millis();
    config.check().map_err(|error| format!("analysis.{error}"))?;
    Ok(config)
}

/// Widths of the canary and of its control slice, in buckets.
pub(crate) fn split(share: Percentage) -> PerVariant<u64> {
    let canary = u64::from(share.thousandths());
    PerVariant::new(canary, (canary * 4).min(100_000 - canary))
}

/// Milliseconds since the epoch, as the analysis counts time.
fn ms(at: Timestamp) -> u64 {
    at.as_millis().max(0).unsigned_abs()
}
