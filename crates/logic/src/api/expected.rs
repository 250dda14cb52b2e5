//! How long a rollout is expected to take at the traffic of the last hour, and the smallest regression that it will notice.

use core::fmt::Write as _;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::outlook::{grouped, roughly};
use crate::analysis::sample_size::{needed_requests, smallest_regression};
use crate::analysis::{AnalysisConfig, Fraction, Regression, Unit};
use crate::controller::{Controller, analysis_config, split};
use crate::rollout::{OnMaxWait, Plan, PlanStep};
use crate::span::Span;
use crate::timestamp::Timestamp;

/// Requests from which on the last rollout's visitors say how many requests a visitor sends.
const ENOUGH: u64 = 100;

/// The expected course of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpectedView {
    /// Time from the start to the end, in ms; none without traffic, or where a step waits longer than the plan permits.
    pub duration_ms: Option<u64>,
    /// Everybody's requests a minute in the last hour.
    pub requests_per_minute: f64,
    /// Distinct visitors a minute among them; none where no rollout has counted visitors yet.
    pub visitors_per_minute: Option<f64>,
    /// The steps of the plan.
    pub steps: Vec<ExpectedStepView>,
    /// The smallest regression that the last comparison notices; none without traffic or without a comparison.
    pub smallest_regression: Option<Regression>,
    /// All of this for people.
    pub sentence: String,
}

/// The expected course of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExpectedStepView {
    /// Duration of the step, in ms; none as above.
    pub duration_ms: Option<u64>,
    /// Visitors on the canary a minute, or requests where every request counts for itself; none in a ring, whose traffic is not known.
    pub canary_per_minute: Option<f64>,
    /// The number of them that the step needs; none where no number is enough.
    pub needed: Option<u64>,
}

/// Traffic of the last hour, and what the last rollout learnt of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Known {
    requests_per_minute: f64,
    visitors_per_minute: Option<f64>,
    stable_rate: f64,
}

/// What decides how long steps take.
struct Forecast<'a> {
    plan: &'a Plan,
    config: AnalysisConfig,
    known: Known,
}

// === impl ExpectedView ===

impl ExpectedView {
    /// The expectation for `plan` at `now`; none if the settings of its analysis are not valid. The controller still has the numbers of its
    /// last rollout.
    pub fn new(plan: &Plan, controller: &Controller, now: Timestamp) -> Option<Self> {
        let config = analysis_config(plan).ok()?;
        let known = Known::of(controller, config.unit, now);
        Some(Forecast { plan, config, known }.view())
    }
}

// === impl Known ===

impl Known {
    fn of(controller: &Controller, unit: Unit, now: Timestamp) -> Self {
        let requests_per_minute = controller.metrics.traffic().per_minute(now);
        let Some(figures) = controller.analysis.figures() else {
            return Self { requests_per_minute, ..Self::default() };
        };
        let (canary, stable) = (figures.canary.counts, figures.stable.counts);
        let requests = canary.requests().saturating_add(stable.requests());
        let visitors = canary.visitors().saturating_add(stable.visitors());
        let is_known = requests >= ENOUGH && visitors > 0;
        let visitors_per_minute = is_known.then(|| requests_per_minute * (visitors as f64 / requests as f64).min(1.0));
        Self { requests_per_minute, visitors_per_minute, stable_rate: stable.failure_rate(unit) }
    }

    /// Units a minute: what the plan counts. Where visitors are not known, each request is taken as one.
    fn per_minute(&self, unit: Unit) -> f64 {
        match unit {
            Unit::StickyKey => self.visitors_per_minute.unwrap_or(self.requests_per_minute),
            Unit::Request => self.requests_per_minute,
        }
    }
}

// === impl Forecast ===

impl Forecast<'_> {
    fn view(&self) -> ExpectedView {
        let steps: Vec<_> = (0..self.plan.steps().len()).map(|index| self.step(index)).collect();
        let duration_ms = steps.iter().map(|step| step.duration_ms).sum::<Option<u64>>();
        let smallest_regression = self.smallest_regression(&steps);
        ExpectedView {
            sentence: self.sentence(&steps, duration_ms, smallest_regression),
            duration_ms,
            requests_per_minute: tenths(self.known.requests_per_minute),
            visitors_per_minute: self.known.visitors_per_minute.map(tenths),
            steps,
            smallest_regression,
        }
    }

    fn step(&self, index: usize) -> ExpectedStepView {
        let Some(step) = self.plan.steps().get(index) else { return ExpectedStepView::default() };
        let canary_per_minute = step.ring.is_none().then(|| self.known.per_minute(self.config.unit) * share(step));
        let needed = self.needed(index, step);
        let (timing, limits) = (self.plan.timing(), self.plan.limits());
        let hold = if index == self.plan.last() { timing.bake } else { step.hold }.max(timing.settle).as_millis();
        let duration_ms = match (canary_per_minute, needed) {
            // Without its traffic, a ring's own hold is all that is known of it.
            (None, _) if self.known.requests_per_minute > 0.0 => Some(hold),
            (None, _) | (_, None) => None,
            (Some(rate), Some(needed)) => {
                let traffic = millis(needed as f64 / rate * 60_000.0);
                // The look that finds the traffic takes the step, and looks come in intervals.
                let look = timing.look_every.as_millis().max(1);
                let with_look =
                    |ms: u64| hold.saturating_add(ms.saturating_sub(hold).div_ceil(look).saturating_mul(look));
                let limit = limits.max_wait.map(|limit| timing.settle.as_millis().saturating_add(limit.as_millis()));
                match (traffic, limit) {
                    (traffic, Some(limit)) if traffic.is_none_or(|traffic| traffic > limit) => {
                        (limits.on_max_wait == OnMaxWait::GoOn && rate > 0.0).then(|| with_look(limit))
                    }
                    (traffic, _) => traffic.map(with_look),
                }
            }
        };
        ExpectedStepView { duration_ms, canary_per_minute: canary_per_minute.map(tenths), needed }
    }

    /// Units on the canary without which the step does not pass.
    fn needed(&self, index: usize, step: &PlanStep) -> Option<u64> {
        let least = self.config.min_requests;
        if !self.plan.is_last_comparison(index) {
            return Some(least);
        }
        let (detect, alpha) = (self.config.detect, self.config.alpha_errors());
        Some(needed_requests(fraction(step), self.known.stable_rate, detect, alpha)?.max(least))
    }

    fn smallest_regression(&self, steps: &[ExpectedStepView]) -> Option<Regression> {
        let index = self.plan.last().checked_sub(1)?;
        let ExpectedStepView { duration_ms, canary_per_minute, .. } = steps.get(index)?;
        let units = canary_per_minute.zip(*duration_ms).map(|(rate, ms)| rate * ms as f64 / 60_000.0)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let units = units.round() as u64;
        let step = self.plan.steps().get(index)?;
        smallest_regression(fraction(step), self.known.stable_rate, units, self.config.alpha_errors())
    }

    fn sentence(&self, steps: &[ExpectedStepView], duration: Option<u64>, smallest: Option<Regression>) -> String {
        let holds = roughly(self.plan.planned().into());
        let Known { requests_per_minute, visitors_per_minute, .. } = self.known;
        if requests_per_minute <= 0.0 {
            return format!(
                "No traffic in the last hour: how long the rollout takes is not known. It waits for visitors; its holds alone take {holds}."
            );
        }
        let rate = |rate: f64, units: &str| format!("{} {units} a minute in the last hour", count(rate));
        let is_guess = self.config.unit == Unit::StickyKey && visitors_per_minute.is_none();
        let traffic = match (self.config.unit, visitors_per_minute) {
            (Unit::StickyKey, Some(visitors)) => rate(visitors, "visitors"),
            _ => rate(requests_per_minute, "requests"),
        };
        let mut text = match duration {
            Some(ms) => {
                let about = if is_guess { "At least" } else { "About" };
                format!("{about} {} at {traffic}; the holds alone take {holds}.", roughly(Duration::from_millis(ms)))
            }
            None => self.too_long(steps, &traffic),
        };
        if is_guess {
            text.push_str(" Each request is taken as another visitor's, because no rollout has counted visitors yet.");
        }
        if let Some(Regression { factor, points }) = smallest {
            let _ = write!(
                text,
                " It notices a canary that fails {factor} times as often as stable, {points} percentage points more."
            );
        }
        let waits = self.plan.steps().iter().any(|step| step.approval || step.check.is_some());
        if waits || self.plan.freeze().is_some() {
            text.push_str(" Approvals, checks and windows come on top.");
        }
        text
    }

    /// The first step that does not end by itself.
    fn too_long(&self, steps: &[ExpectedStepView], traffic: &str) -> String {
        let endless = steps.iter().enumerate().find(|(_, step)| step.duration_ms.is_none());
        let Some((index, ExpectedStepView { canary_per_minute, needed, .. })) = endless else { return String::new() };
        let place = format!("step {} of {}", index + 1, steps.len());
        let units = self.config.unit.plural();
        let Some(needed) = needed else {
            return format!(
                "At {traffic}, {place} never has {units} enough, because stable fails too often to compare with."
            );
        };
        let time =
            canary_per_minute.filter(|rate| *rate > 0.0).and_then(|rate| millis(*needed as f64 / rate * 60_000.0));
        let time = time.map_or_else(|| "longer than can be said".to_owned(), |ms| roughly(Duration::from_millis(ms)));
        let limits = self.plan.limits();
        let then = match limits.on_max_wait {
            OnMaxWait::Pause => "pauses",
            OnMaxWait::RollBack => "rolls back",
            OnMaxWait::GoOn => "goes on",
        };
        let limit = limits.max_wait.unwrap_or_default();
        let needed = grouped(*needed);
        format!(
            "At {traffic}, {place} needs {time} for {needed} {units} on the canary: after the plan's maxWait, {limit}, the rollout {then}."
        )
    }
}

/// The canary's share of everybody, 0 to 1.
fn share(step: &PlanStep) -> f64 {
    f64::from(step.percentage.thousandths()) / 1e5
}

fn fraction(step: &PlanStep) -> Fraction {
    let widths = split(step.percentage);
    Fraction::of(widths.canary, widths.stable)
}

/// A rate, to a tenth.
fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

/// A rate for people.
fn count(rate: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let whole = rate.round() as u64;
    if rate < 10.0 { tenths(rate).to_string() } else { grouped(whole) }
}

/// Whole milliseconds; none beyond a thousand years.
fn millis(ms: f64) -> Option<u64> {
    Span::from_seconds(ms / 1e3).ok().map(Span::as_millis)
}

#[cfg(test)]
mod tests;
