//! The paired tests of a step that mirrors: stable and the canary answer the same request. docs/mirroring.md derives them.
//!
//! Pairs in which neither answer is worse say nothing. Of the others, at most one half go against a canary that is no worse than stable;
//! with a tolerance of θ (an odds ratio), at most θ/(1 + θ). A bet on a larger fraction is the [`EProcess`] of a share of one half: the two
//! variants have the same requests. The test of latency bets in the same way on the pairs in which the canary was slower than the tolerance.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::config::AnalysisConfig;
use super::counts::{Counts, Fraction, PerVariant, Unit};
use super::e_process::{EProcess, Evidence, Restarts};
use super::error_test::{Floors, GRID, SOFT_HOLD};
use super::sample_size::needed_requests;
use super::threshold::{Affected, Threshold};
use super::verdict::{Metric, Reason};
use crate::mirror::Comparison;
use crate::variant::Variant;
use crate::visitors::VisitorSketch;
pub use reason::PairedReason;

/// What pairs say, as sentences.
mod reason;

/// A tick counts as at most so many pairs. An incident that begins between stable's answer and the copy's fails all copies that are under way,
/// and only them: a burst of pairs against the canary, which five in each of two ticks do not turn into a rollback.
const MOST_A_TICK: u64 = 5;

/// Counts of pairs. Fields of messages and of the stored state are only ever added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PairCounts {
    /// Requests that both variants answered or failed.
    pub pairs: u64,
    /// Pairs in which the canary's answer is worse.
    pub against_canary: u64,
    /// Pairs in which stable's answer is worse.
    pub against_stable: u64,
    /// Pairs whose times are compared.
    pub timed: u64,
    /// Of these, pairs in which the canary was slower by more than the tolerance.
    pub slower: u64,
    /// Answers that failed.
    pub failures: PerVariant<u64>,
}

/// Pairs of one tick.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairedTick {
    /// All pairs.
    pub counts: PairCounts,
    /// Visitors whose requests were copied.
    pub visitors: VisitorSketch,
    /// Visitors with a failed answer, by the variant that failed.
    pub failing: PerVariant<VisitorSketch>,
    /// Visitors with their first pair in which an answer is worse, by the variant of the worse answer.
    pub worse: PerVariant<u64>,
    /// Visitors with their first pair whose times are compared: the canary's where it was slower, stable's where it was not.
    pub slower: PerVariant<u64>,
}

/// Counts of a step that mirrors, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairedFigures {
    /// All pairs of the step.
    #[serde(flatten)]
    pub counts: PairCounts,
    /// Distinct visitors of the pairs.
    pub visitors: u64,
    /// What counted as evidence, by the variant of the worse answer.
    pub worse: PerVariant<u64>,
    /// What counted as evidence of latency: slower, and not slower.
    pub slower: PerVariant<u64>,
    /// Evidence that the canary's answers are worse.
    pub answers: Evidence,
    /// Evidence that the canary is slower.
    pub latency: Evidence,
}

/// The paired tests of one rollout. The evidence continues over all steps that mirror.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairedTest {
    answers: EProcess,
    latency: EProcess,
    alpha: f64,
    unit: Unit,
    counts: PairCounts,
    visitors: VisitorSketch,
    failing: PerVariant<VisitorSketch>,
    worse: PerVariant<u64>,
    slower: PerVariant<u64>,
    /// Pairs since the last analysis that had enough of them.
    recent: PairCounts,
    /// The evidence at the time it was first strong. It is latched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strong_answers: Option<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strong_latency: Option<Evidence>,
}

// === impl PairCounts ===

impl PairCounts {
    /// Counts how a pair compares.
    pub fn record(&mut self, comparison: Comparison, failed: PerVariant<bool>, slower: Option<bool>) {
        *self += Self {
            pairs: 1,
            against_canary: u64::from(comparison == Comparison::AgainstCanary),
            against_stable: u64::from(comparison == Comparison::AgainstStable),
            timed: u64::from(slower.is_some()),
            slower: u64::from(slower == Some(true)),
            failures: PerVariant::new(u64::from(failed.canary), u64::from(failed.stable)),
        };
    }
}

impl AddAssign for PairCounts {
    fn add_assign(&mut self, other: Self) {
        let Self { pairs, against_canary, against_stable, timed, slower, failures } = other;
        self.pairs = self.pairs.saturating_add(pairs);
        self.against_canary = self.against_canary.saturating_add(against_canary);
        self.against_stable = self.against_stable.saturating_add(against_stable);
        self.timed = self.timed.saturating_add(timed);
        self.slower = self.slower.saturating_add(slower);
        add(&mut self.failures, failures);
    }
}

// === impl PairedTest ===

impl PairedTest {
    /// Creates the tests for steps that mirror for `planned_ms` in all.
    pub fn new(config: &AnalysisConfig, planned_ms: u64) -> Self {
        let restarts = Restarts::over(planned_ms, config.tick_ms);
        Self {
            answers: EProcess::new(&GRID, config.error_tolerance, restarts),
            // The tolerance of the latency is in what isolates call slower.
            latency: EProcess::new(&GRID, 1.0, restarts),
            alpha: config.alpha_paired(),
            unit: config.unit,
            counts: PairCounts::default(),
            visitors: VisitorSketch::default(),
            failing: PerVariant::default(),
            worse: PerVariant::default(),
            slower: PerVariant::default(),
            recent: PairCounts::default(),
            strong_answers: None,
            strong_latency: None,
        }
    }

    /// Resets the counts of the step. The evidence continues.
    pub fn begin_step(&mut self) {
        self.counts = PairCounts::default();
        self.visitors = VisitorSketch::default();
        self.failing = PerVariant::default();
        self.worse = PerVariant::default();
        self.slower = PerVariant::default();
        self.recent = PairCounts::default();
    }

    /// Adds a closed tick, an empty one too.
    pub fn close_tick(&mut self, tick: &PairedTick) {
        let PairedTick { counts, visitors, failing, worse, slower } = tick;
        let not_slower = counts.timed.saturating_sub(counts.slower);
        let (worse, slower) = match self.unit {
            Unit::StickyKey => (*worse, *slower),
            Unit::Request => (
                PerVariant::new(counts.against_canary, counts.against_stable),
                PerVariant::new(counts.slower, not_slower),
            ),
        };
        let half = Fraction::of(1, 1);
        self.answers.close_tick_as_at_most(MOST_A_TICK, worse.canary, worse.stable, half);
        self.latency.close_tick_as_at_most(MOST_A_TICK, slower.canary, slower.stable, half);
        self.counts += *counts;
        self.recent += *counts;
        add(&mut self.worse, worse);
        add(&mut self.slower, slower);
        self.visitors.merge(visitors);
        for variant in Variant::ALL {
            self.failing.get_mut(variant).merge(failing.get(variant));
        }
        let Floors { failures, requests, difference } = Floors::default();
        let has_units = self.units() >= requests;
        // Floors only make a rollback rarer.
        let excess = self.worse.canary.saturating_sub(self.worse.stable) as f64;
        let matters = self.worse.canary >= failures && excess >= difference * self.units() as f64;
        if self.strong_answers.is_none() && self.answers.is_strong(self.alpha) && has_units && matters {
            self.strong_answers = Some(self.answers.evidence(self.alpha));
        }
        if self.strong_latency.is_none() && self.latency.is_strong(self.alpha) && has_units {
            self.strong_latency = Some(self.latency.evidence(self.alpha));
        }
    }

    /// Strong evidence, which requires a rollback at once.
    pub fn strong_evidence(&self) -> Option<Reason> {
        let PairedFigures { worse, slower, answers, latency, .. } = self.figures();
        let (units, unit) = (self.units(), self.unit);
        let worse = self.strong_answers.map(|_| PairedReason::Worse { worse, units, unit, evidence: answers });
        let slower = self.strong_latency.map(|_| PairedReason::Slower { slower, unit, evidence: latency });
        worse.or(slower).map(Reason::Pairs)
    }

    /// Evidence that is too strong for a promotion.
    pub fn suspicion(&self) -> Option<Reason> {
        let PairedFigures { answers, latency, .. } = self.figures();
        let tests = [(&self.answers, Metric::Answers, answers), (&self.latency, Metric::Latency, latency)];
        let found = tests.into_iter().find(|(test, ..)| test.is_strong(1.0 / SOFT_HOLD));
        found.map(|(_, metric, evidence)| Reason::Suspicious { metric, evidence })
    }

    /// Lack of pairs. The last step that compares needs enough of them to detect a bad canary.
    pub fn too_few(&self, config: &AnalysisConfig, last_comparison: bool) -> Option<Reason> {
        let (units, unit) = (self.units(), self.unit);
        if units < config.min_requests {
            return Some(Reason::Pairs(PairedReason::TooFew { units, needed: Some(config.min_requests), unit }));
        }
        // In a pair both variants have one request: the share is one half.
        let failing = match unit {
            Unit::StickyKey => self.failing.stable.estimate(),
            Unit::Request => self.counts.failures.stable,
        };
        let stable_rate = Counts::new(units, failing).failure_rate(Unit::Request);
        let needed = needed_requests(Fraction::of(1, 1), stable_rate, config.detect, self.alpha);
        let is_waiting = last_comparison && needed.is_none_or(|needed| units < needed);
        is_waiting.then_some(Reason::Pairs(PairedReason::TooFew { units, needed, unit }))
    }

    /// Nothing speaks against the canary.
    pub fn healthy(&self) -> Reason {
        Reason::Pairs(PairedReason::Equal { worse: self.worse, units: self.units(), unit: self.unit })
    }

    /// The share of failed answers since the last analysis, against the ceiling.
    pub fn threshold(&self, variant: Variant, ceiling: f64) -> Threshold {
        let (failures, requests) = (*self.recent.failures.get(variant), self.recent.pairs);
        let visitors = (self.unit == Unit::StickyKey).then(|| {
            let visitors = self.visitors.estimate().min(requests);
            Affected { affected: self.failing.get(variant).estimate().min(visitors), visitors }
        });
        Threshold::ErrorRate { failures, requests, ceiling, visitors }
    }

    /// Takes the pairs since the last analysis, if there are `least`. Returns whether there were.
    pub fn take_recent(&mut self, least: u64) -> bool {
        let is_enough = self.recent.pairs >= least;
        if is_enough {
            self.recent = PairCounts::default();
        }
        is_enough
    }

    /// Numbers of the current step.
    pub fn figures(&self) -> PairedFigures {
        PairedFigures {
            counts: self.counts,
            visitors: self.visitors.estimate(),
            worse: self.worse,
            slower: self.slower,
            answers: self.strong_answers.unwrap_or_else(|| self.answers.evidence(self.alpha)),
            latency: self.strong_latency.unwrap_or_else(|| self.latency.evidence(self.alpha)),
        }
    }

    /// Visitors with pairs, or pairs where every request counts for itself.
    fn units(&self) -> u64 {
        match self.unit {
            Unit::StickyKey => self.visitors.estimate(),
            Unit::Request => self.counts.pairs,
        }
    }
}

fn add(sum: &mut PerVariant<u64>, more: PerVariant<u64>) {
    sum.canary = sum.canary.saturating_add(more.canary);
    sum.stable = sum.stable.saturating_add(more.stable);
}

#[cfg(test)]
mod tests;
