//! Summaries of many runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bound::upper_99;
use crate::invariants::Violation;
use crate::outcome::{End, Faulted, Messages, Outcome};
use crate::scenario::Scenario;
use crate::thresholds::{Judge, Judged};

/// Number of violations that are shown. All violations are counted.
const SHOWN: usize = 20;

/// Results of a scenario over many seeds. Times in ms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// Number of seeds.
    pub runs: u64,
    /// Counts of how the rollouts ended.
    pub ends: Ends,
    /// Whether the canary is never worse than stable, so that every rollback is a false one.
    pub is_harmless: bool,
    /// Share of runs with a rollback although the canary was no worse, or before it became worse, 0..=1.
    pub false_rollbacks: f64,
    /// Upper bound of the true share, with 99 % confidence.
    pub false_rollbacks_below: f64,
    /// Time from the canary's regression to the rollback.
    pub detected_ms: Option<Quantiles>,
    /// Requests to the canary in that time, in runs with a correct rollback.
    pub canary_requests: Option<Quantiles>,
    /// The requests among them that the analysis had counted in the step of the verdict.
    pub counted_requests: Option<Quantiles>,
    /// Failed requests to the canary, until its last response.
    pub failed: Option<Quantiles>,
    /// The failures among them that reached the client.
    pub without_fallback: Option<Quantiles>,
    /// Time from the rollback to the canary's last response.
    pub last_canary_ms: Option<Quantiles>,
    /// Time from the start to completion.
    pub promoted_ms: Option<Quantiles>,
    /// The same scenario under other judges.
    pub judged: BTreeMap<Judge, Verdicts>,
    /// Virtual time of all runs.
    pub simulated_ms: u64,
    /// Messages of all runs.
    pub messages: Messages,
    /// Faults injected in all runs.
    pub faulted: Faulted,
    /// Number of violated invariants.
    pub violations: u64,
    /// The first violations, ordered by seed.
    pub first_violations: Vec<Violation>,
}

/// Number of runs by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ends {
    /// Runs that completed.
    pub promoted: u64,
    /// Runs that were rolled back.
    pub rolled_back: u64,
    /// Runs that wait for an operator.
    pub paused: u64,
    /// Runs without an end within the limit.
    pub unfinished: u64,
}

/// Decisions of a judge over all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdicts {
    /// Counts of how the rollouts ended.
    pub ends: Ends,
    /// Rollbacks although the canary was no worse, or before it became worse.
    pub false_rollbacks: u64,
    /// Time from the canary's regression to the rollback, where the rollback was correct.
    pub after_ms: Option<Quantiles>,
    /// Requests to the canary in that time.
    pub requests: Option<Quantiles>,
    /// The failures among them.
    pub failed: Option<Quantiles>,
}

/// Quantiles of a value over the runs that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quantiles {
    /// Number of runs that have the value.
    pub runs: u64,
    /// Median.
    pub median: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Maximum.
    pub max: u64,
}

/// Results of each run, kept until the report is complete.
#[derive(Default)]
pub(crate) struct Collected {
    outcomes: Vec<Kept>,
    judged: BTreeMap<Judge, Vec<Judged>>,
    simulated_ms: u64,
    messages: Messages,
    faulted: Faulted,
    violations: u64,
    shown: Vec<Violation>,
}

struct Kept {
    end: End,
    ended_ms: Option<u64>,
    detected_ms: Option<u64>,
    canary_requests: u64,
    counted_requests: u64,
    failed: u64,
    without_fallback: u64,
    last_canary_ms: Option<u64>,
}

// === impl Collected ===

impl Collected {
    pub(crate) fn add(&mut self, outcome: Outcome, judged: impl IntoIterator<Item = (Judge, Judged)>) {
        self.simulated_ms += outcome.simulated_ms;
        self.messages.add(&outcome.messages);
        self.faulted.add(&outcome.faulted);
        self.violations += outcome.violations.len() as u64;
        self.shown.extend(outcome.violations.into_iter().take(SHOWN));
        for (judge, verdict) in judged {
            self.judged.entry(judge).or_default().push(verdict);
        }
        self.outcomes.push(Kept {
            end: outcome.end,
            ended_ms: outcome.ended_ms,
            detected_ms: outcome.detected_ms,
            canary_requests: outcome.canary_requests,
            counted_requests: outcome.counted_requests,
            failed: outcome.failed,
            without_fallback: outcome.without_fallback,
            last_canary_ms: outcome.last_canary_ms,
        });
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.outcomes.extend(other.outcomes);
        for (judge, verdicts) in other.judged {
            self.judged.entry(judge).or_default().extend(verdicts);
        }
        self.simulated_ms += other.simulated_ms;
        self.messages.add(&other.messages);
        self.faulted.add(&other.faulted);
        self.violations += other.violations;
        self.shown.extend(other.shown);
    }

    /// Builds the report. The result does not depend on the order in which the runs finished.
    pub(crate) fn report(mut self, scenario: &Scenario) -> Report {
        let runs = self.outcomes.len() as u64;
        let caught = |kept: &&Kept| kept.detected_ms.is_some();
        let of = |value: fn(&Kept) -> Option<u64>| Quantiles::of(self.outcomes.iter().filter_map(value).collect());
        let of_caught =
            |value: fn(&Kept) -> u64| Quantiles::of(self.outcomes.iter().filter(caught).map(value).collect());
        let falsely = self.outcomes.iter().filter(|kept| kept.end == End::RolledBack && kept.detected_ms.is_none());
        let falsely = falsely.count() as u64;
        self.shown.sort_by_key(|violation| (violation.seed, violation.at_ms));
        self.shown.truncate(SHOWN);
        Report {
            scenario: scenario.name.clone(),
            runs,
            ends: Ends::of(self.outcomes.iter().map(|kept| kept.end)),
            is_harmless: scenario.onset().is_none(),
            false_rollbacks: if runs == 0 { 0.0 } else { falsely as f64 / runs as f64 },
            false_rollbacks_below: upper_99(falsely, runs),
            detected_ms: of(|kept| kept.detected_ms),
            canary_requests: of_caught(|kept| kept.canary_requests),
            counted_requests: of_caught(|kept| kept.counted_requests),
            failed: of_caught(|kept| kept.failed),
            without_fallback: of_caught(|kept| kept.without_fallback),
            last_canary_ms: of(|kept| kept.last_canary_ms),
            promoted_ms: of(|kept| kept.ended_ms.filter(|_| kept.end == End::Promoted)),
            judged: self.judged.iter().map(|(judge, verdicts)| (*judge, Verdicts::of(verdicts))).collect(),
            simulated_ms: self.simulated_ms,
            messages: self.messages,
            faulted: self.faulted,
            violations: self.violations,
            first_violations: self.shown,
        }
    }
}

// === impl Ends ===

impl Ends {
    fn of(ends: impl Iterator<Item = End>) -> Self {
        let mut sum = Self::default();
        for end in ends {
            *match end {
                End::Promoted => &mut sum.promoted,
                End::RolledBack => &mut sum.rolled_back,
                End::Paused => &mut sum.paused,
                End::Unfinished => &mut sum.unfinished,
            } += 1;
        }
        sum
    }

    /// Sum of all runs.
    pub fn runs(&self) -> u64 {
        let Self { promoted, rolled_back, paused, unfinished } = self;
        promoted + rolled_back + paused + unfinished
    }
}

// === impl Verdicts ===

impl Verdicts {
    fn of(verdicts: &[Judged]) -> Self {
        let caught = || verdicts.iter().filter(|judged| judged.end == End::RolledBack && !judged.falsely);
        Self {
            ends: Ends::of(verdicts.iter().map(|judged| judged.end)),
            false_rollbacks: verdicts.iter().filter(|judged| judged.falsely).count() as u64,
            after_ms: Quantiles::of(caught().map(|judged| judged.after_ms).collect()),
            requests: Quantiles::of(caught().map(|judged| judged.requests).collect()),
            failed: Quantiles::of(caught().map(|judged| judged.failed).collect()),
        }
    }
}

// === impl Quantiles ===

impl Quantiles {
    /// `None` without values.
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        // Nearest rank: the smallest value that the given percentage of values does not exceed.
        let at = |percent: usize| values.get((values.len() * percent).div_ceil(100).checked_sub(1)?).copied();
        Some(Self { runs: values.len() as u64, median: at(50)?, p90: at(90)?, p99: at(99)?, max: at(100)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_an_observed_value() {
        assert_eq!(Quantiles::of(vec![]), None);
        let one = Quantiles::of(vec![7]).unwrap();
        assert_eq!((one.median, one.p99, one.max), (7, 7, 7));
        let many = Quantiles::of((1..=1_000).rev().collect()).unwrap();
        assert_eq!((many.median, many.p90, many.p99, many.max), (500, 900, 990, 1_000));
    }
}
