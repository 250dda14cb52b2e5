//! Where the canary is judged: the analysis of the rollout that is under way, its ticks, and the last look.

use serde::{Deserialize, Serialize};

use super::inbox::Inbox;
use crate::analysis::{Alarm, Analysis, AnalysisConfig, Arms, Facts, Figures, Health};
use crate::json;
use crate::rollout::{Finding, FindingKind, Plan, State};
use crate::timestamp::Timestamp;

/// The analysis and its clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Desk {
    /// Whose rollout, and which attempt of it.
    judged: Option<(String, u32)>,
    step: Option<usize>,
    analysis: Option<Analysis>,
    /// Why there is no analysis though there should be.
    trouble: Option<String>,
    tick_ms: u64,
    /// When the last tick closed.
    ticked_at: Timestamp,
    last_look: Option<LastLook>,
}

/// What was found last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastLook {
    /// When.
    pub at: Timestamp,
    /// Pass, fail, inconclusive or error.
    pub verdict: FindingKind,
    /// Why, with its numbers.
    pub sentence: String,
}

// === impl Desk ===

impl Desk {
    /// Follows the rollout: a new one, or a new attempt, is judged anew; a new step begins its own counts. While nothing is observed,
    /// what was found stays, to be looked at.
    pub(super) fn follow(&mut self, state: &State, now: Timestamp) {
        let observation = state.observation();
        let step = observation.as_ref().map(|observation| observation.step);
        if let (Some(observation), Some(rollout)) = (observation, state.rollout()) {
            let judged = (observation.rollout_id, observation.attempt);
            if self.judged.as_ref() != Some(&judged) {
                *self = Self { judged: Some(judged), ticked_at: now, ..Self::of(&rollout.plan) };
            } else if self.step != step {
                self.ticked_at = now;
                self.analysis.iter_mut().for_each(Analysis::begin_step);
            }
        }
        self.step = step;
    }

    fn of(plan: &Plan) -> Self {
        let config = config(plan);
        let (analysis, trouble) = match config.as_ref().map(|it| Analysis::new(it.clone(), plan.planned().as_millis()))
        {
            Ok(Ok(analysis)) => (Some(analysis), None),
            Ok(Err(error)) => (None, Some(error.to_string())),
            Err(error) => (None, Some(error.clone())),
        };
        let tick_ms = config.unwrap_or_default().tick_ms;
        Self { analysis, trouble, tick_ms, ..Self::default() }
    }

    /// When the next tick closes; none: nothing is counted.
    #[must_use]
    pub fn next_tick(&self, state: &State) -> Option<Timestamp> {
        let tick = core::time::Duration::from_millis(self.tick_ms.max(1));
        state.observation().map(|_| self.ticked_at.after(tick))
    }

    /// Closes a tick if it is time; says what strong evidence there is.
    pub(super) fn tick(&mut self, inbox: &mut Inbox, state: &State, now: Timestamp) -> Option<Finding> {
        let is_due = self.next_tick(state).is_some_and(|at| now >= at || now < self.ticked_at);
        if !is_due {
            return None;
        }
        self.ticked_at = now;
        let analysis = self.analysis.as_mut()?;
        analysis.close_tick(inbox.close_tick(split(state)), ms(now));
        let reason = analysis.strong_evidence()?;
        let sentence = reason.to_string();
        self.last_look = Some(LastLook { at: now, verdict: FindingKind::Fail, sentence: sentence.clone() });
        Some(Finding::Fail { strong: true, sentence })
    }

    /// Judges the canary.
    pub(super) fn look(&mut self, inbox: &Inbox, state: &State, health: Health, now: Timestamp) -> Finding {
        let finding = match (&mut self.analysis, &self.trouble) {
            (Some(analysis), _) => {
                let step = state.observation().map(|observation| observation.step).unwrap_or_default();
                let plan = state.rollout().map(|rollout| &rollout.plan);
                let facts = Facts {
                    last_flush_at: inbox.last_report_at().map(ms),
                    breaker_opened_at: inbox.breaker_opened_at().map(ms),
                    health,
                    last_comparison: plan.is_some_and(|plan| plan.is_last_comparison(step)),
                };
                Finding::from(&analysis.look(&facts, ms(now)))
            }
            (None, trouble) => {
                let why = trouble.as_deref().unwrap_or("nothing was counted yet");
                Finding::Error { sentence: format!("The canary could not be judged: {why}.") }
            }
        };
        let (verdict, sentence) = (finding.kind(), finding.sentence().to_owned());
        self.last_look = Some(LastLook { at: now, verdict, sentence });
        finding
    }

    /// What was found last.
    #[must_use]
    pub fn last_look(&self) -> Option<&LastLook> {
        self.last_look.as_ref()
    }

    /// What to show of the current step.
    #[must_use]
    pub fn figures(&self) -> Option<Figures> {
        self.analysis.as_ref().map(Analysis::figures)
    }

    /// What is wrong besides the canary.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        self.analysis.as_ref().map(Analysis::alarms).unwrap_or_default()
    }
}

/// The analysis' settings of a plan.
///
/// # Errors
/// A sentence that names the field, its value and what is accepted.
pub(crate) fn config(plan: &Plan) -> Result<AnalysisConfig, String> {
    let mut config: AnalysisConfig =
        json::read(&plan.analysis().clone().into()).map_err(|error| format!("analysis is not accepted: {error}"))?;
    config.failure_limit = plan.limits().failure_limit;
    config.check().map_err(|error| format!("analysis.{error}"))?;
    Ok(config)
}

/// Widths of the canary and of its control slice, in buckets.
fn split(state: &State) -> Arms<u64> {
    let canary = u64::from(state.share().thousandths());
    Arms::new(canary, (canary * 4).min(100_000 - canary))
}

/// The analysis counts from the epoch on.
fn ms(at: Timestamp) -> u64 {
    at.as_millis().max(0).unsigned_abs()
}
