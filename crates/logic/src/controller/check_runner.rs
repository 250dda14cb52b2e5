//! Asks a step's check: when it is due, one question at a time, and what its answers mean for the rollout.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::check_answer::{CheckAnswer, CheckVerdict};
use crate::analysis::HeldFor;
use crate::rollout::{Check, Finding, Observation, OnMaxWait, Phase, Rollout, State};
use crate::span::Span;
use crate::timestamp::Timestamp;

/// Time after the deadline of an answer in which it is still recorded. Then the question is lost and may be asked again.
const RECORDING: Duration = Duration::from_secs(5);

/// Longest pause after a question without an answer, also where `every` is longer: an error holds the rollout.
const LONGEST_ERROR_PAUSE: Span = Span::from_secs(60);

/// The check of the current step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckRunner {
    /// Number of the last question.
    asked: u64,
    /// End of the lease of the question under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    leased_until: Option<Timestamp>,
    next_at: Timestamp,
    /// Answers in a row that say `fail`.
    failures: u32,
    /// The last answer, and when it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<(Timestamp, CheckAnswer)>,
    /// Since when the check has kept the step from going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    holds_since: Option<Timestamp>,
}

/// A question to a check, leased to the caller.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckQuestion {
    /// The check.
    pub check: Check,
    number: u64,
    observation: Observation,
    fields: CheckFields,
}

/// The body of a question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckFields {
    rollout_id: String,
    step: usize,
    of: usize,
    percentage: crate::Percentage,
    since: String,
    canary_worker: Option<String>,
}

// === impl CheckRunner ===

impl CheckRunner {
    /// When the next question is due; none where the step has no check, or its percentage is not served.
    pub(super) fn due_at(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        let (rollout, check) = current(state)?;
        if let Some(end) = self.leased_until {
            return Some(soonest(end, lease(check), now));
        }
        if self.asked > 0 {
            return Some(soonest(self.next_at, check.every.into(), now));
        }
        // The first question comes with the first look, when the percentage has reached every location.
        Some(match rollout.phase {
            Phase::Progressing { since, .. } | Phase::Baking { since } => since.after(rollout.plan.timing().settle),
            _ => now,
        })
    }

    /// Leases the next question to the caller, if it is due.
    pub(super) fn claim(&mut self, state: &State, now: Timestamp) -> Option<CheckQuestion> {
        self.due_at(state, now).filter(|at| now >= *at)?;
        let (rollout, check) = current(state)?;
        let (summary, observation) = (state.summary(), state.observation()?);
        self.asked = self.asked.saturating_add(1);
        self.leased_until = Some(now.after(lease(check)));
        let since = match rollout.phase {
            Phase::Progressing { since, .. } | Phase::Baking { since } => since,
            Phase::Paused { at, held, .. } => at.before(held),
            _ => now,
        };
        let fields = CheckFields {
            rollout_id: rollout.id.clone(),
            step: summary.step,
            of: summary.of,
            percentage: summary.percentage,
            since: since.to_rfc3339(),
            canary_worker: None,
        };
        Some(CheckQuestion { check: check.clone(), number: self.asked, observation, fields })
    }

    /// Records an answer. Gives the finding against the canary where the check has failed as often in a row as the plan permits.
    pub(super) fn record(
        &mut self,
        question: &CheckQuestion,
        answer: CheckAnswer,
        state: &State,
        now: Timestamp,
    ) -> Option<Finding> {
        // An answer to an earlier question, or about an earlier step, comes too late.
        if self.asked != question.number || self.leased_until.is_none() || state.observation()? != question.observation
        {
            return None;
        }
        let check = &question.check;
        self.leased_until = None;
        let pause = match answer.verdict {
            CheckVerdict::Error => check.every.min(LONGEST_ERROR_PAUSE),
            CheckVerdict::Pass | CheckVerdict::Fail | CheckVerdict::Wait => check.every,
        };
        self.next_at = now.after(pause);
        self.failures = match answer.verdict {
            CheckVerdict::Fail => self.failures.saturating_add(1),
            CheckVerdict::Pass | CheckVerdict::Wait => 0,
            CheckVerdict::Error => self.failures,
        };
        let sentence = sentence(check, &answer, self.failures);
        self.last = Some((now, answer));
        if self.failures < check.failure_limit {
            return None;
        }
        self.failures = 0;
        Some(Finding::Fail { strong: true, sentence })
    }

    /// The finding of a look, held where the check has not passed: a canary that nothing speaks against waits for it.
    pub(super) fn hold(&mut self, finding: Finding, state: &State, now: Timestamp) -> (Finding, bool) {
        let Some((rollout, check)) = current(state) else { return (finding, false) };
        let goes_on = match &finding {
            Finding::Pass { .. } => true,
            // After `maxWait` the step would go on as if the look had passed.
            Finding::Inconclusive { held_for: HeldFor::Traffic, .. } => {
                rollout.plan.limits().on_max_wait == OnMaxWait::GoOn
            }
            Finding::Inconclusive { .. } | Finding::Fail { .. } | Finding::Error { .. } => false,
        };
        let answer = self.last.as_ref().filter(|(at, _)| is_fresh(check, *at, now)).map(|(_, answer)| answer);
        match answer {
            Some(CheckAnswer { verdict: CheckVerdict::Pass, .. }) => {
                self.holds_since = None;
                (finding, false)
            }
            _ if !goes_on => (finding, false),
            answer => {
                self.holds_since.get_or_insert(now);
                let held = match answer {
                    None => held(format!("The check {} has not responded yet. The step is held.", check.url.place())),
                    Some(answer @ CheckAnswer { verdict: CheckVerdict::Error, .. }) => {
                        Finding::Error { sentence: sentence(check, answer, self.failures) }
                    }
                    Some(answer) => held(format!("{} The step is held.", sentence(check, answer, self.failures))),
                };
                (held, true)
            }
        }
    }

    /// The last answer, when it came, and how many in a row said `fail`.
    pub fn last(&self) -> Option<(Timestamp, &CheckAnswer, u32)> {
        self.last.as_ref().map(|(at, answer)| (*at, answer, self.failures))
    }

    /// Since when the check has kept the step from going on.
    pub fn holds_since(&self) -> Option<Timestamp> {
        self.holds_since
    }
}

// === impl CheckQuestion ===

impl CheckQuestion {
    /// The JSON to send, with the canary's Worker as deploy scripts wrote it.
    pub fn body(&self, canary_worker: Option<&str>) -> String {
        let fields = CheckFields { canary_worker: canary_worker.map(str::to_owned), ..self.fields.clone() };
        serde_json::to_string(&fields).unwrap_or_default()
    }

    /// What the question is about.
    pub(super) fn observation(&self) -> &Observation {
        &self.observation
    }
}

/// The rollout, and the check of its step, while the step's percentage is served and judged.
fn current(state: &State) -> Option<(&Rollout, &Check)> {
    let (rollout, observation) = (state.rollout()?, state.observation()?);
    let check = rollout.plan.steps().get(observation.step)?.check.as_ref()?;
    state.is_written().then_some((rollout, check))
}

fn lease(check: &Check) -> Duration {
    Duration::from(check.timeout).saturating_add(RECORDING)
}

/// A time that was set `at_most` ahead; at once if it is further, because the clock went back.
fn soonest(at: Timestamp, at_most: Duration, now: Timestamp) -> Timestamp {
    if at.since(now) > at_most { now } else { at }
}

/// Whether an answer still counts: none counts after the next one is missing.
fn is_fresh(check: &Check, at: Timestamp, now: Timestamp) -> bool {
    now.since(at) <= Duration::from(check.every).saturating_mul(2).saturating_add(lease(check))
}

fn held(sentence: String) -> Finding {
    Finding::Inconclusive { held_for: HeldFor::Check, sentence }
}

fn sentence(check: &Check, CheckAnswer { verdict, message }: &CheckAnswer, failures: u32) -> String {
    let place = check.url.place();
    let words = if message.is_empty() { String::new() } else { format!(": {message}") };
    match verdict {
        CheckVerdict::Pass | CheckVerdict::Wait => format!("The check {place} says {}{words}.", verdict.word()),
        CheckVerdict::Fail => {
            format!("The check {place} says fail{words}. Fails in a row: {failures}, limit {}.", check.failure_limit)
        }
        CheckVerdict::Error => format!("The check {place} has no verdict{words}."),
    }
}
