//! The same plan and the same variants, judged by fixed thresholds, as in other tools, and by Serin's tests of the error rate. The model
//! has counts but no edge: every count reaches the judge at once and none is lost, which favours every judge alike.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Binomial, Distribution, Poisson};
use serde::{Deserialize, Serialize};
use serin_logic::Span;
use serin_logic::analysis::{AnalysisConfig, Counts, Evaluator, PerVariant, Tick, Unit};
use serin_logic::rollout::Plan;

use crate::outcome::End;
use crate::scenario::Scenario;

/// Analysis interval of both tools in the compared configurations: one minute.
const WINDOW_MS: u64 = 60_000;

/// A judge of the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judge {
    /// Serin's tests on the control slice, as on the edge, except that all counts are present at every tick.
    Serin,
    /// Serin's tests on all of stable.
    SerinOnAll,
    /// The usual configuration of Argo Rollouts: error rate above 5 % in 3 consecutive windows of 60 s.
    ArgoLike,
    /// The usual configuration of Flagger: error rate above 1 % in 5 windows of 60 s.
    FlaggerLike,
}

/// Decision of a judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// Promoted, rolled back, or unfinished at the scenario's limit.
    pub end: End,
    /// Whether the rollback is false: the canary was no worse, or had not become worse yet.
    pub falsely: bool,
    /// Time of the decision, after the canary's regression (else after the start).
    pub after_ms: u64,
    /// Requests to the canary in that time.
    pub requests: u64,
    /// The failures among them.
    pub failed: u64,
}

struct Windows {
    rate: f64,
    limit: u32,
    in_a_row: bool,
    open: Counts,
    bad: u32,
}

enum Bench {
    Tests(Box<Evaluator>),
    Windows(Windows),
}

// === impl Judge ===

impl Judge {
    /// All judges.
    pub const ALL: [Self; 4] = [Self::Serin, Self::SerinOnAll, Self::ArgoLike, Self::FlaggerLike];

    /// Name of the judge in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serin => "Serin's tests, without an edge",
            Self::SerinOnAll => "the same on all of stable",
            Self::ArgoLike => "> 5 % in 3 × 60 s in a row (Argo-like)",
            Self::FlaggerLike => "> 1 % in 5 × 60 s (Flagger-like)",
        }
    }

    fn bench(self, config: AnalysisConfig, plan: &Plan) -> Option<Bench> {
        let windows = |rate, limit, in_a_row| Windows { rate, limit, in_a_row, open: Counts::default(), bad: 0 };
        Some(match self {
            Self::Serin | Self::SerinOnAll => {
                Bench::Tests(Box::new(Evaluator::new(config, plan.planned().as_millis()).ok()?))
            }
            Self::ArgoLike => Bench::Windows(windows(0.05, 3, true)),
            Self::FlaggerLike => Bench::Windows(windows(0.01, 5, false)),
        })
    }
}

/// Runs the scenario's plan under `judge`, each step for its hold. The same seed gives every judge the same traffic, as long as the judges
/// are at the same step.
///
/// `None` if the plan's `analysis` is not valid.
pub fn judge(scenario: &Scenario, judge: Judge, seed: u64) -> Option<Judged> {
    let plan = &scenario.plan;
    let config: AnalysisConfig = serde_json::from_value(plan.analysis().clone().into()).ok()?;
    let config = AnalysisConfig { unit: Unit::Request, ..config };
    let tick_ms = config.tick_ms;
    let mut bench = judge.bench(config, plan)?;
    let rng = &mut StdRng::seed_from_u64(seed);
    let onset = scenario.onset().map_or(0, Span::as_millis);
    let mut judged = Judged { end: End::Unfinished, falsely: false, after_ms: 0, requests: 0, failed: 0 };
    let mut now = 0;
    for step in plan.steps() {
        if let Bench::Tests(analysis) = &mut bench {
            analysis.begin_step();
        }
        let canary = u64::from(step.percentage.thousandths());
        let rest = 100_000 - canary;
        let compared = if judge == Judge::Serin { (canary * 4).min(rest) } else { rest };
        let split = PerVariant::new(canary, compared);
        let until = now + step.hold.as_millis().max(tick_ms);
        while now < until {
            let counts = scenario.tick(now, tick_ms, split, rng);
            now += tick_ms;
            if now > onset {
                judged.requests += counts.canary.requests();
                judged.failed += counts.canary.failures();
            }
            judged.after_ms = now.saturating_sub(onset);
            if bench.rolls_back(counts, split, now) {
                let falsely = scenario.onset().is_none() || now <= onset;
                return Some(Judged { end: End::RolledBack, falsely, ..judged });
            }
            if now >= scenario.limit.as_millis() {
                return Some(judged);
            }
        }
    }
    Some(Judged { end: End::Promoted, ..judged })
}

// === impl Scenario ===

impl Scenario {
    /// Counts of both variants in `tick_ms`.
    fn tick(&self, at_ms: u64, tick_ms: u64, split: PerVariant<u64>, rng: &mut StdRng) -> PerVariant<Counts> {
        let stage = self.stage(at_ms);
        let expected = self.traffic.requests_per_second * stage.load * tick_ms as f64 / 1e3;
        let mut arm = |buckets: u64, failures: f64| {
            let requests =
                whole(Poisson::new(expected * buckets as f64 / 1e5).map_or(0.0, |poisson| poisson.sample(rng)));
            let failed = Binomial::new(requests, failures).map_or(0, |binomial| binomial.sample(rng));
            Counts::new(requests, failed)
        };
        PerVariant::new(arm(split.canary, stage.canary.failures), arm(split.stable, stage.stable.failures))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a drawn count is a small whole number
fn whole(drawn: f64) -> u64 {
    drawn as u64
}

// === impl Bench ===

impl Bench {
    fn rolls_back(&mut self, counts: PerVariant<Counts>, split: PerVariant<u64>, now: u64) -> bool {
        match self {
            Self::Tests(analysis) => {
                analysis.close_tick(Tick { counts, visits: counts, split, ..Tick::default() }, now);
                analysis.strong_evidence().is_some()
            }
            Self::Windows(windows) => {
                windows.open += counts.canary;
                now.is_multiple_of(WINDOW_MS) && windows.close()
            }
        }
    }
}

// === impl Windows ===

impl Windows {
    fn close(&mut self) -> bool {
        let is_bad = self.open.failure_rate(Unit::Request) > self.rate;
        self.open = Counts::default();
        self.bad = match (is_bad, self.in_a_row) {
            (true, _) => self.bad + 1,
            (false, true) => 0,
            (false, false) => self.bad,
        };
        self.bad >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_once_and_in_a_row_means_in_a_row() {
        let bad = Counts::new(100, 50);
        let feed = |in_a_row, windows: &[Counts]| {
            let mut it = Windows { rate: 0.05, limit: 2, in_a_row, open: Counts::default(), bad: 0 };
            windows.iter().any(|counts| {
                it.open += *counts;
                it.close()
            })
        };
        assert!(feed(true, &[bad, bad]));
        assert!(!feed(true, &[bad, Counts::new(100, 5), bad]));
        assert!(feed(false, &[bad, Counts::new(100, 5), bad]));
        assert!(!feed(false, &[bad, Counts::default(), Counts::default()]));
    }
}
