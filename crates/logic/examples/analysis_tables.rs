//! Computes how often a healthy canary is rolled back and how soon a bad one is. The program takes one or two minutes:
//!
//!     cargo run --release -p serin-logic --example analysis_tables [healthy runs, 20000] [bad runs, 1000]

#[path = "../tests/simulation/mod.rs"]
mod simulation;

use simulation::{Caught, Errors, Over, Slowed, Slowness, requests_at, rollout, sticky_bad, sticky_null};

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse().ok());
    let healthy: u64 = numbers.next().unwrap_or(20_000);
    let bad: u64 = numbers.next().unwrap_or(1_000);
    false_rollbacks(healthy);
    detections(bad);
    by_split(bad);
    sticky(bad);
    slowness(bad / 4);
    rollouts(bad);
}

fn false_rollbacks(runs: u64) {
    println!("False rollbacks of {runs} healthy canaries each: 1 h, 720 looks, 100 requests/s, 5 % canary, α = 1 %");
    let same = |rate: Over| Errors { canary: rate, stable: rate, ..Errors::default() };
    let ramp = |tick| match tick {
        0..120 => 0.05,
        120..240 => 0.25,
        _ => 0.5,
    };
    let cases = [
        ("0.1 % failures on both", same(|_| 0.001)),
        ("0.5 %", same(|_| 0.005)),
        ("1 %", same(|_| 0.01)),
        ("2 %", same(|_| 0.02)),
        ("5 %", same(|_| 0.05)),
        ("10 %", same(|_| 0.1)),
        ("incident on both during a ramp 5, 25, 50 %", {
            let rate = |tick| if (180..300).contains(&tick) { 0.08 } else { 0.005 };
            Errors { share: ramp, ..same(rate) }
        }),
        ("incident on both at the step from 5 to 50 %", {
            let (share, rate) = (|t| if t < 120 { 0.05 } else { 0.5 }, |t| if t < 120 { 0.005 } else { 0.08 });
            Errors { share, ..same(rate) }
        }),
        ("1 %, tolerance × 1.25", Errors { theta0: 1.25, ..same(|_| 0.01) }),
    ];
    for (name, errors) in cases {
        let rolled_back = errors.run(runs).iter().flatten().count() as u64;
        let (rate, bound) = (percent(rolled_back, runs), 100.0 * upper_bound(rolled_back, runs));
        println!("  {name:<46}{rolled_back:>6}  {rate:.3} %   99 % sure below {bound:.3} %");
    }
}

fn detections(runs: u64) {
    println!("\nBad canaries: 2 h at 100 requests/s, 5 % canary, a look a second, α = 1 %; {runs} runs");
    let base = Errors { tick_ms: 1_000, ticks: 7_200, ..Errors::default() };
    let cases: [(&str, Over, Over); 8] = [
        ("1 → 5 %", |_| 0.05, |_| 0.01),
        ("0.5 → 1 %", |_| 0.01, |_| 0.005),
        ("0.1 → 10 %", |_| 0.1, |_| 0.001),
        ("0.1 → 0.5 %", |_| 0.005, |_| 0.001),
        ("1 → 2 %", |_| 0.02, |_| 0.01),
        ("5 → 10 %", |_| 0.1, |_| 0.05),
        ("0 → 1 %", |_| 0.01, |_| 0.0),
        ("1 → 100 %", |_| 1.0, |_| 0.01),
    ];
    for (name, canary, stable) in cases {
        show(name, &Errors { canary, stable, ..base }.run(runs));
    }
    let turned = Errors { ticks: 3_600, canary: |tick| if tick < 600 { 0.01 } else { 0.05 }, from: 600, ..base };
    show("healthy 10 min, 1 → 5 %", &turned.run(runs));
}

fn by_split(runs: u64) {
    println!("\n1 → 5 % by split");
    let shares: [(&str, Over); 6] = [
        ("1 %", |_| 0.01),
        ("5 %", |_| 0.05),
        ("20 %", |_| 0.2),
        ("25 %", |_| 0.25),
        ("50 %", |_| 0.5),
        ("75 %", |_| 0.75),
    ];
    for (name, share) in shares {
        show(name, &Errors { share, canary: |_| 0.05, tick_ms: 1_000, ticks: 3_600, ..Errors::default() }.run(runs));
    }
}

fn sticky(runs: u64) {
    let (by_request, by_key) = (0..runs).map(sticky_null).fold((0, 0), |(requests, keys), (by_request, by_key)| {
        (requests + u64::from(by_request), keys + u64::from(by_key))
    });
    println!("\nSticky visitors, 0.3 % of them always fail, canary healthy, {runs} runs: rolled back");
    println!(
        "  counting every failure {:.2} %, first failures of sticky keys {:.2} %",
        percent(by_request, runs),
        percent(by_key, runs)
    );
    show("1 → 5 % by first failures", &(0..runs).map(sticky_bad).collect::<Vec<_>>());
}

fn slowness(runs: u64) {
    println!("\nSlow canaries: 30 min, both variants drifting; {runs} runs");
    let cases: [(&str, f64, Slowed); 8] = [
        ("same, no tolerance", 0.0, |ms, _| ms),
        ("exactly at the tolerance of 20 %", 0.2, |ms, _| ms * 1.02_f64.powi(9)),
        ("× 1.5", 0.2, |ms, _| ms * 1.5),
        ("× 2", 0.2, |ms, _| ms * 2.0),
        ("× 3", 0.2, |ms, _| ms * 3.0),
        ("10 % of requests + 300 ms", 0.2, |ms, u| if u < 0.1 { ms + 300.0 } else { ms }),
        ("3 % of requests + 1 s", 0.2, |ms, u| if u < 0.03 { ms + 1_000.0 } else { ms }),
        ("all + 100 ms", 0.2, |ms, _| ms + 100.0),
    ];
    for (name, tolerance, canary) in cases {
        show(name, &Slowness { tolerance, minutes: 30, canary }.run(runs));
    }
}

fn rollouts(runs: u64) {
    println!(
        "\nWhole rollouts with the defaults: 1, 5, 25, 50 %, 5 min each, 100 requests/s, with ceilings; {runs} runs"
    );
    for (name, canary, stable) in [
        ("healthy, 1 %", 0.01, 0.01),
        ("healthy, 4.5 %", 0.045, 0.045),
        ("healthy, 5 %, at the ceiling", 0.05, 0.05),
        ("healthy, 10 %, above the ceiling", 0.1, 0.1),
        ("1 → 5 %", 0.05, 0.01),
        ("0.5 → 1 %", 0.01, 0.005),
        ("1 → 100 %", 1.0, 0.01),
    ] {
        let (held, caught): (Vec<u32>, Vec<_>) = (0..runs).map(|seed| rollout(canary, stable, seed)).unzip();
        show(name, &caught);
        println!("{:<36}looks that held: {:.2} a rollout", "", f64::from(held.iter().sum::<u32>()) / runs as f64);
    }
}

fn show(name: &str, runs: &[Option<Caught>]) {
    let caught = percent(runs.iter().flatten().count() as u64, runs.len() as u64);
    let [median, late] = [0.5, 0.9].map(|quantile| requests_at(quantile, runs));
    let requests = |caught: Option<Caught>| caught.map_or("–".to_owned(), |caught| caught.requests.to_string());
    let (seconds, failures) =
        median.map_or(("–".to_owned(), "–".to_owned()), |it| (it.seconds.to_string(), it.failures.to_string()));
    println!(
        "  {name:<34}caught {caught:>6.2} %   median {:>6} / p90 {:>6} canary requests, {seconds} s, {failures} failed",
        requests(median),
        requests(late)
    );
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole as f64
}

/// Upper confidence bound for a rate: at this rate `hits` or fewer of `runs` are observed 1 time in 100 (Clopper and Pearson 1934).
/// Computed by bisection.
fn upper_bound(hits: u64, runs: u64) -> f64 {
    let at_most = |p: f64| {
        let mut ln_term = runs as f64 * (-p).ln_1p();
        let mut sum = ln_term.exp();
        for k in 0..hits {
            ln_term += ((runs - k) as f64 / (k + 1) as f64 * p / (1.0 - p)).ln();
            sum += ln_term.exp();
        }
        sum
    };
    let (mut low, mut high) = (hits as f64 / runs as f64, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(middle) > 0.01 { low = middle } else { high = middle }
    }
    high
}
