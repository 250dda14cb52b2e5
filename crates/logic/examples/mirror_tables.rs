//! Computes how often the paired tests of mirrored traffic roll back a healthy canary, and how soon a bad one, beside the tests that compare
//! visitors. docs/mirroring.md has the tables. The program takes some seconds:
//!
//!     cargo run -p serin-logic --example mirror_tables [runs, 1000]
#![allow(clippy::expect_used, reason = "the spreads are constants")]

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution, LogNormal, Poisson};
use serin_logic::analysis::{EProcess, Fraction, Restarts};

/// The canary's requests a second, of as many visitors.
const RATE: f64 = 10.0;
/// Ticks of five seconds: ten minutes.
const TICKS: u32 = 120;
const ERRORS: [f64; 7] = [1.5, 2.0, 3.0, 5.0, 10.0, 25.0, 60.0];
const P95: [f64; 7] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0];
/// What each of the two paired tests has of α = 1 %.
const PAIRED: f64 = 0.0025;
/// What the error test has in a plan that does not mirror.
const UNPAIRED_ERRORS: f64 = 0.005;
/// What the p95 test has in such a plan.
const UNPAIRED_P95: f64 = 0.0025;

/// How two answers to one request come about.
#[derive(Clone, Copy)]
struct Answers {
    stable: f64,
    canary: f64,
    /// Whether stable's failures are the request's own, so that the canary fails on the same requests.
    is_shared: bool,
    /// Pairs caught by the beginning of an incident that meets both variants, and as many by its end; one incident every two minutes.
    caught: u64,
}

fn main() {
    let runs = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(1_000);
    let case = |stable, canary, is_shared| Answers { stable, canary, is_shared, caught: 0 };
    println!("Healthy canaries, 10 min at 10 pairs/s, {runs} runs: rolled back by pairs, by visitors");
    for (name, answers) in [
        ("0.1 % fail on both", case(0.001, 0.001, false)),
        ("1 %", case(0.01, 0.01, false)),
        ("10 %", case(0.1, 0.1, false)),
        ("10 %, the same requests", case(0.1, 0.1, true)),
        ("1 %, incidents that catch 2 pairs", Answers { caught: 2, ..case(0.01, 0.01, false) }),
        ("1 %, incidents that catch 5 pairs", Answers { caught: 5, ..case(0.01, 0.01, false) }),
        ("1 %, incidents that catch 20 pairs", Answers { caught: 20, ..case(0.01, 0.01, false) }),
    ] {
        show(name, runs, |rng| paired(answers, rng), |rng| visitors(answers, rng));
    }
    println!("\nBad canaries: found within 10 min, after so many canary requests (median)");
    for (name, answers) in [
        ("1 → 5 %", case(0.01, 0.05, false)),
        ("1 → 5 %, stable's on the same requests", case(0.01, 0.05, true)),
        ("1 → 2 %", case(0.01, 0.02, false)),
        ("1 → 2 %, stable's on the same requests", case(0.01, 0.02, true)),
        ("5 → 10 %", case(0.05, 0.1, false)),
        ("5 → 10 %, stable's on the same requests", case(0.05, 0.1, true)),
        ("0.1 → 1 %", case(0.001, 0.01, false)),
        ("0.1 → 10 %", case(0.001, 0.1, false)),
        ("1 → 100 %", case(0.01, 1.0, false)),
    ] {
        show(name, runs, |rng| paired(answers, rng), |rng| visitors(answers, rng));
    }
    println!("\nLatency, tolerance 20 %: found within 10 min, by the sign of pairs, by visitors above p95");
    let slowed = |factor: f64| latencies(move |ms, _| ms * factor);
    for (name, [slower, canary, stable]) in [
        ("same", slowed(1.0)),
        ("at the tolerance", slowed(1.2)),
        ("× 1.3", slowed(1.3)),
        ("× 1.5", slowed(1.5)),
        ("× 2", slowed(2.0)),
        ("× 3", slowed(3.0)),
        ("10 % of requests + 300 ms", latencies(|ms, u| if u < 0.1 { ms + 300.0 } else { ms })),
    ] {
        show(name, runs, |rng| signs(slower, rng), |rng| above_p95(canary, stable, rng));
    }
}

/// Canary requests until the paired test is strong; none if it never is.
fn paired(Answers { stable, canary, is_shared, caught }: Answers, rng: &mut StdRng) -> Option<u64> {
    // With the same failures on both, the canary fails on others besides.
    let own = if is_shared { (canary - stable) / (1.0 - stable) } else { canary };
    let (against_rate, favour) = (own * (1.0 - stable), if is_shared { 0.0 } else { stable * (1.0 - own) });
    ticks(&ERRORS, 0.5, (PAIRED, 5), rng, |tick, requests, rng| {
        let against = binomial(requests, against_rate, rng);
        // Of the pairs that are not against the canary.
        let given = favour / (1.0 - against_rate);
        let favour = binomial(requests - against, given, rng);
        // The copy comes after stable's answer: an incident that begins in between fails the copy, one that ends in between fails stable.
        match tick % 24 {
            6 => (against + caught, favour),
            12 => (against, favour + caught),
            _ => (against, favour),
        }
    })
}

/// The same for the test that compares visitors: the canary has a fifth of them.
fn visitors(Answers { stable, canary, .. }: Answers, rng: &mut StdRng) -> Option<u64> {
    ticks(&ERRORS, 0.2, (UNPAIRED_ERRORS, u64::MAX), rng, |_, requests, rng| {
        (binomial(requests, canary, rng), binomial(4 * requests, stable, rng))
    })
}

/// Canary requests until the test of signs is strong, where a pair is slower with this probability.
fn signs(slower: f64, rng: &mut StdRng) -> Option<u64> {
    ticks(&ERRORS, 0.5, (PAIRED, 5), rng, |_, requests, rng| {
        let slower = binomial(requests, slower, rng);
        (slower, requests - slower)
    })
}

/// The same for the p95 test, where an answer is above the limit with these probabilities.
fn above_p95(canary: f64, stable: f64, rng: &mut StdRng) -> Option<u64> {
    ticks(&P95, 0.2, (UNPAIRED_P95, u64::MAX), rng, |_, requests, rng| {
        (binomial(requests, canary, rng), binomial(4 * requests, stable, rng))
    })
}

/// Probabilities, from a hundred thousand pairs of answers: that the canary is slower by more than 20 %, that it is above stable's p95 by more than
/// 20 %, and that stable is above its p95. A visitor's own pace and the request's size spread more than two answers to the same request.
fn latencies(slowed: impl Fn(f64, f64) -> f64) -> [f64; 3] {
    const BASE: f64 = 0.78;
    const NOISE: f64 = 0.25;
    let spread = |sigma| LogNormal::new(0.0, sigma).expect("the spread is positive");
    let (base, noise) = (spread(BASE), spread(NOISE));
    let limit = 50.0 * (1.645 * BASE.hypot(NOISE)).exp();
    let rng = &mut StdRng::seed_from_u64(1);
    let mut counts = [0_u32; 3];
    for _ in 0..100_000 {
        let ms = 50.0 * base.sample(rng);
        let (stable, canary) = (ms * noise.sample(rng), slowed(ms * noise.sample(rng), rng.random()));
        for (count, is_so) in counts.iter_mut().zip([canary > 1.2 * stable, canary > 1.2 * limit, stable > limit]) {
            *count += u32::from(is_so);
        }
    }
    counts.map(|count| f64::from(count) / 1e5)
}

fn binomial(count: u64, rate: f64, rng: &mut StdRng) -> u64 {
    Binomial::new(count, rate).expect("the rate is a probability").sample(rng)
}

/// Plays ten minutes. `outcome` gives what speaks against the canary and what against stable of a tick's canary requests.
fn ticks(
    grid: &[f64],
    share: f64,
    (alpha, most): (f64, u64),
    rng: &mut StdRng,
    mut outcome: impl FnMut(u32, u64, &mut StdRng) -> (u64, u64),
) -> Option<u64> {
    let mut process = EProcess::new(grid, 1.0, Restarts::over(600_000, 5_000));
    let arrivals = Poisson::new(RATE * 5.0).expect("the rate is positive");
    let mut sent = 0;
    for tick in 0..TICKS {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        let requests = arrivals.sample(rng) as u64;
        sent += requests;
        let (against, favour) = outcome(tick, requests, rng);
        process.close_tick_as_at_most(most, against, favour, Fraction::clamped(share));
        if process.is_strong(alpha) {
            return Some(sent);
        }
    }
    None
}

fn show(
    name: &str,
    runs: u64,
    mut one: impl FnMut(&mut StdRng) -> Option<u64>,
    mut other: impl FnMut(&mut StdRng) -> Option<u64>,
) {
    let told = |test: &mut dyn FnMut(&mut StdRng) -> Option<u64>| {
        let mut found: Vec<u64> = (0..runs).filter_map(|seed| test(&mut StdRng::seed_from_u64(seed))).collect();
        found.sort_unstable();
        let share = 100.0 * found.len() as f64 / runs as f64;
        let median = found.get(found.len() / 2).map_or_else(|| "-".to_owned(), u64::to_string);
        format!("{share:>6.1} % {median:>6}")
    };
    println!("  {name:<42}{}   {}", told(&mut one), told(&mut other));
}
