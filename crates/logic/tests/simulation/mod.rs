//! Seeded random reports of two variants, which feed the tests of `serin_logic::analysis`. The tests run a few hundred of them
//! (`analysis_simulation.rs`), and `examples/analysis_tables.rs` runs as many as the tables need.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "two programs share it; its parameters are constants"
)]

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution, Exp, LogNormal, Normal, Poisson};
use serin_logic::analysis::{
    AnalysisConfig, Counts, ErrorOutcome, ErrorTest, Evaluator, Floors, Fraction, Health, Histogram, LatencyTest,
    LookContext, PerVariant, Quantile, Restarts, StableWindow, Tick, Unit, Verdict,
};

/// A value that may change over the ticks of a run.
pub type Over = fn(u32) -> f64;

/// The canary's latency, from stable's latency in ms and a uniform random number in 0..1.
pub type Slowed = fn(f64, f64) -> f64;

/// Two variants that fail at random, compared by request.
#[derive(Clone, Copy)]
pub struct Errors {
    pub alpha: f64,
    pub theta0: f64,
    pub ticks: u32,
    pub tick_ms: u64,
    /// Requests per second to both variants.
    pub rps: f64,
    pub share: Over,
    pub canary: Over,
    pub stable: Over,
    /// Tick from which canary requests are counted. A rollback before this tick counts as none.
    pub from: u32,
}

/// The rollback of a run.
#[derive(Clone, Copy, Debug)]
pub struct Caught {
    pub requests: u64,
    pub failures: u64,
    pub seconds: f64,
}

impl Default for Errors {
    fn default() -> Self {
        Self {
            alpha: 0.01,
            theta0: 1.0,
            ticks: 720,
            tick_ms: 5_000,
            rps: 100.0,
            share: |_| 0.05,
            canary: |_| 0.01,
            stable: |_| 0.01,
            from: 0,
        }
    }
}

impl Errors {
    pub fn run(&self, runs: u64) -> Vec<Option<Caught>> {
        (0..runs).map(|seed| self.once(&mut StdRng::seed_from_u64(seed))).collect()
    }

    fn once(&self, rng: &mut StdRng) -> Option<Caught> {
        let restarts = Restarts::over(u64::from(self.ticks) * self.tick_ms, self.tick_ms);
        let mut test = ErrorTest::new(self.alpha, self.theta0, Unit::Request, Floors::default(), restarts);
        let tick_s = self.tick_ms as f64 / 1e3;
        let mut seen = Counts::default();
        for tick in 0..self.ticks {
            let counts = draw(self.rps * tick_s, (self.share)(tick), (self.canary)(tick), (self.stable)(tick), rng);
            if tick >= self.from {
                seen += counts.canary;
            }
            test.close_tick(&counts, PerVariant::default(), Fraction::default());
            if test.outcome() == ErrorOutcome::Strong {
                let seconds = f64::from(tick + 1 - self.from.min(tick)) * tick_s;
                return (tick >= self.from).then_some(Caught {
                    requests: seen.requests(),
                    failures: seen.failures(),
                    seconds,
                });
            }
        }
        None
    }
}

fn draw(requests: f64, share: f64, canary: f64, stable: f64, rng: &mut StdRng) -> PerVariant<Counts> {
    let all = count(Poisson::new(requests).expect("requests are positive").sample(rng));
    let n_c = binomial(all, share, rng);
    let n_s = all - n_c;
    PerVariant::new(Counts::new(n_c, binomial(n_c, canary, rng)), Counts::new(n_s, binomial(n_s, stable, rng)))
}

fn binomial(n: u64, p: f64, rng: &mut StdRng) -> u64 {
    Binomial::new(n, p).expect("a rate is in 0..=1").sample(rng)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a drawn count is a small whole number")]
fn count(drawn: f64) -> u64 {
    drawn as u64
}

/// Sticky visitors with heavy-tailed request rates, 0.3 % of whom always fail, and a canary without a fault. Returns whether the canary was
/// rolled back, by counting every failure and by counting first failures of sticky keys.
pub fn sticky_null(seed: u64) -> (bool, bool) {
    const VISITORS: u32 = 4_000;
    const SECONDS: u32 = 3_600;
    const SHARE: f64 = 0.05;
    let rng = &mut StdRng::seed_from_u64(seed);
    let spread = Normal::new(0.0, 1.5).expect("the spread is positive");
    let rates: Vec<f64> = (0..VISITORS).map(|_| f64::exp(spread.sample(rng))).collect();
    let scale = 100.0 / rates.iter().sum::<f64>();
    let mut first = PerVariant::new(vec![0_u64; SECONDS as usize], vec![0_u64; SECONDS as usize]);
    let (mut good, mut bad) = (PerVariant::new(1e-9, 1e-9), PerVariant::new(0.0, 0.0));
    for rate in rates.into_iter().map(|rate| rate * scale) {
        let on_canary = rng.random_bool(SHARE);
        let fails = rng.random_bool(0.003);
        let sums = if fails { &mut bad } else { &mut good };
        *(if on_canary { &mut sums.canary } else { &mut sums.stable }) += rate;
        let second = count(Exp::new(rate).expect("a rate is positive").sample(rng));
        let counts = if on_canary { &mut first.canary } else { &mut first.stable };
        if let Some(at) = counts.get_mut(usize::try_from(second).unwrap_or(usize::MAX)).filter(|_| fails) {
            *at += 1;
        }
    }
    let restarts = Restarts::over(3_600_000, 1_000);
    let test = |unit| ErrorTest::new(0.01, 1.0, unit, Floors::default(), restarts);
    let (mut by_request, mut by_key) = (test(Unit::Request), test(Unit::StickyKey));
    for (first_c, first_s) in first.canary.into_iter().zip(first.stable) {
        let mut counts = |good: f64, bad: f64, first: u64| {
            let mut poisson =
                |rate: f64| if rate > 0.0 { count(Poisson::new(rate).map_or(0.0, |p| p.sample(rng))) } else { 0 };
            let failures = poisson(bad).max(first);
            Counts::sticky(failures + poisson(good), failures, first)
        };
        let tick = PerVariant::new(counts(good.canary, bad.canary, first_c), counts(good.stable, bad.stable, first_s));
        let visitors = PerVariant::new(200, 3_800);
        by_request.close_tick(&tick, visitors, Fraction::clamped(SHARE));
        by_key.close_tick(&tick, visitors, Fraction::clamped(SHARE));
    }
    (by_request.outcome() == ErrorOutcome::Strong, by_key.outcome() == ErrorOutcome::Strong)
}

/// The same visitors without those who always fail: 5 % of the canary's requests fail and 1 % of stable's. Counted by first failures.
pub fn sticky_bad(seed: u64) -> Option<Caught> {
    const SECONDS: usize = 900;
    let rng = &mut StdRng::seed_from_u64(seed);
    let spread = Normal::new(0.0, 1.5).expect("the spread is positive");
    let rates: Vec<f64> = (0..4_000).map(|_| f64::exp(spread.sample(rng))).collect();
    let scale = 100.0 / rates.iter().sum::<f64>();
    let mut first = vec![PerVariant::new(0_u64, 0_u64); SECONDS];
    let mut traffic = PerVariant::new(0.0, 0.0);
    for rate in rates.into_iter().map(|rate| rate * scale) {
        let on_canary = rng.random_bool(0.05);
        *(if on_canary { &mut traffic.canary } else { &mut traffic.stable }) += rate;
        let failing = Exp::new(rate * if on_canary { 0.05 } else { 0.01 }).expect("a rate is positive");
        let second = usize::try_from(count(failing.sample(rng))).unwrap_or(usize::MAX);
        if let Some(variants) = first.get_mut(second) {
            *(if on_canary { &mut variants.canary } else { &mut variants.stable }) += 1;
        }
    }
    let restarts = Restarts::over(3_600_000, 1_000);
    let mut test = ErrorTest::new(0.01, 1.0, Unit::StickyKey, Floors::default(), restarts);
    for (second, first) in first.into_iter().enumerate() {
        let mut counts = |rate: f64, p: f64, first: u64| {
            let requests = count(Poisson::new(rate).expect("some visitors are on each side").sample(rng)).max(first);
            Counts::sticky(requests, binomial(requests, p, rng).max(first), first)
        };
        let tick =
            PerVariant::new(counts(traffic.canary, 0.05, first.canary), counts(traffic.stable, 0.01, first.stable));
        test.close_tick(&tick, PerVariant::new(200, 3_800), Fraction::clamped(0.05));
        if test.outcome() == ErrorOutcome::Strong {
            let failures = test.step().canary.failures();
            let seconds = (second + 1) as f64;
            // The traffic of the canary's few busy visitors differs from run to run; 5 requests a second is the mean.
            let requests = count(5.0 * seconds);
            return Some(Caught { requests, failures, seconds });
        }
    }
    None
}

/// Two variants of which the canary may be slower. Latencies are lognormal, p50 50 ms, p95 134 ms, p99 202 ms; 100 requests a second, 5 %
/// on the canary; both variants drift together, between 0.6 and 2.2 times.
#[derive(Clone, Copy)]
pub struct Slowness {
    pub tolerance: f64,
    pub minutes: u32,
    pub canary: Slowed,
}

impl Slowness {
    pub fn run(&self, runs: u64) -> Vec<Option<Caught>> {
        (0..runs).map(|seed| self.once(&mut StdRng::seed_from_u64(seed))).collect()
    }

    fn once(&self, rng: &mut StdRng) -> Option<Caught> {
        const TICK_MS: u64 = 5_000;
        let restarts = Restarts::over(u64::from(self.minutes) * 60_000, TICK_MS);
        let test = |quantile| LatencyTest::new(quantile, 0.0025, self.tolerance, restarts);
        let (mut p95, mut p99) = (test(Quantile::P95), test(Quantile::P99));
        let mut window = StableWindow::default();
        let base = LogNormal::new(50_f64.ln(), 0.6).expect("the spread is positive");
        for tick in 0..self.minutes * 12 {
            let seconds = f64::from(tick) * 5.0;
            let incident = if (900.0..1_500.0).contains(&seconds) { 0.8 } else { 0.0 };
            let drift = 1.0 + 0.4 * (seconds / 300.0).sin() + incident;
            let mut latency = PerVariant::<Histogram>::default();
            for _ in 0..25 {
                latency.canary.record((self.canary)(base.sample(rng), rng.random()) * drift);
            }
            for _ in 0..475 {
                latency.stable.record(base.sample(rng) * drift);
            }
            let now = u64::from(tick) * TICK_MS;
            window.expire(TICK_MS, now);
            let before = window.merged();
            p95.close_tick(&before, &latency);
            p99.close_tick(&before, &latency);
            window.push(latency.stable, now);
            if p95.is_strong() || p99.is_strong() {
                let (requests, seconds) = (25 * u64::from(tick + 1), seconds + 5.0);
                return Some(Caught { requests, failures: 0, seconds });
            }
        }
        None
    }
}

/// A whole rollout with the defaults, by request: 1, 5, 25, 50 %, five minutes each, all of stable compared, an analysis a minute. Returns
/// the verdicts other than pass, and the rollbacks.
pub fn rollout(canary: f64, stable: f64, seed: u64) -> (u32, Option<Caught>) {
    const TICK_MS: u64 = 5_000;
    let rng = &mut StdRng::seed_from_u64(seed);
    let config = AnalysisConfig { unit: Unit::Request, ..AnalysisConfig::default() };
    let mut evaluator = Evaluator::new(config, 1_200_000).expect("the defaults are valid");
    let (mut held, mut served, mut now) = (0, Counts::default(), 0);
    for percentage in [1_u32, 5, 25, 50] {
        evaluator.begin_step();
        for tick in 1..=60 {
            now += TICK_MS;
            let counts = draw(500.0, f64::from(percentage) / 100.0, canary, stable, rng);
            served += counts.canary;
            let split = PerVariant::new(percentage.into(), (100 - percentage).into());
            evaluator.close_tick(Tick { counts, split, ..Tick::default() }, now);
            let context = LookContext { last_flush_at: Some(now), health: Health::Unknown, ..LookContext::default() };
            let verdict = (tick % 12 == 0).then(|| evaluator.look(&context, now).verdict);
            held += u32::from(verdict == Some(Verdict::Inconclusive));
            if verdict == Some(Verdict::Fail) || evaluator.strong_evidence().is_some() {
                let (requests, failures) = (served.requests(), served.failures());
                return (held, Some(Caught { requests, failures, seconds: now as f64 / 1e3 }));
            }
        }
    }
    (held, None)
}

/// The quantile, over all runs, of the canary requests until rollback; `None` if that many runs were never rolled back.
pub fn requests_at(quantile: f64, runs: &[Option<Caught>]) -> Option<Caught> {
    let mut caught: Vec<Caught> = runs.iter().flatten().copied().collect();
    caught.sort_by_key(|caught| caught.requests);
    let index = count((quantile * runs.len() as f64).ceil()).saturating_sub(1);
    caught.get(usize::try_from(index).unwrap_or(usize::MAX)).copied()
}
