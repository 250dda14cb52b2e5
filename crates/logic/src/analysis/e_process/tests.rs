use proptest::prelude::*;

use super::*;
use crate::analysis::counts::Fraction;
use crate::analysis::error_test::GRID;

#[derive(Deserialize)]
struct Golden {
    name: String,
    rho: Vec<f64>,
    theta0: f64,
    tick_s: u32,
    restart_every: u32,
    horizon: u32,
    rows: Vec<(u64, u64, u64, u64, f64)>,
}

/// The vectors are rounded to nine decimals.
#[test]
fn golden_vectors_match_to_nine_decimals() {
    let vectors: Vec<Golden> =
        serde_json::from_str(include_str!("../../../../../tests/vectors/e_test.json")).expect("the vectors parse");
    assert_eq!(vectors.iter().map(|v| v.rows.len()).sum::<usize>(), 80, "every row of both vectors is checked");
    let mut worst: f64 = 0.0;
    for Golden { name, rho, theta0, tick_s, restart_every, horizon, rows } in vectors {
        let count = horizon / tick_s / restart_every;
        let mut process = EProcess::new(&rho, theta0, Restarts { every: restart_every, count });
        for (tick, (n_c, x_c, n_s, x_s, ln_e_after)) in rows.into_iter().enumerate() {
            process.close_tick(x_c, x_s, Fraction::of(n_c, n_s));
            let error = (process.ln_e() - ln_e_after).abs();
            assert!(error <= 1e-9, "{name}, tick {tick}: ln E = {}, should be {ln_e_after}", process.ln_e());
            worst = worst.max(error);
        }
    }
    println!("largest error in ln E: {worst:.1e}");
}

fn choose(n: u32, k: u32) -> f64 {
    (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product()
}

/// E[factor of one tick] over all tables with these margins, if the odds ratio between the variants is exactly `odds_ratio`. The factor
/// comes from the process itself, with a single bet and the whole stake.
fn expected_factor(n_c: u32, n_s: u32, x: u32, rho: f64, odds_ratio: f64) -> f64 {
    let (mut weights, mut weighted) = (0.0, 0.0);
    for x_c in x.saturating_sub(n_s)..=x.min(n_c) {
        let weight = choose(n_c, x_c) * choose(n_s, x - x_c) * odds_ratio.powi(x_c.try_into().unwrap());
        let mut process = EProcess::new(&[rho], odds_ratio, Restarts { every: 0, count: 0 });
        process.close_tick(x_c.into(), (x - x_c).into(), Fraction::of(n_c.into(), n_s.into()));
        weights += weight;
        weighted += weight * nats(process.ln_r[0]).exp() / FIRST_STAKE;
    }
    weighted / weights
}

#[test]
fn no_small_table_has_an_expected_factor_above_one() {
    let mut worst: f64 = 0.0;
    for odds_ratio in [1.0, 1.25, 2.0] {
        for rho in GRID.into_iter().filter(|rho| *rho > odds_ratio) {
            for (n_c, n_s) in (1..=8).flat_map(|n_c| (1..=12).map(move |n_s| (n_c, n_s))) {
                for x in 0..=n_c + n_s {
                    let expected = expected_factor(n_c, n_s, x, rho, odds_ratio);
                    assert!(expected <= 1.0 + 1e-9, "E = {expected} for {n_c}, {n_s}, {x}, ρ {rho}, θ₀ {odds_ratio}");
                    worst = worst.max(expected);
                }
            }
        }
    }
    println!("largest expectation: {worst:.12}");
}

#[test]
fn the_whole_stake_is_bet_and_no_more() {
    let mut process = EProcess::new(&GRID, 1.0, Restarts { every: 6, count: 4 });
    let mut staked = 0.0;
    for _ in 0..200 {
        staked += process.stake();
        process.close_tick(0, 0, Fraction::of(1, 4));
        assert!((staked - process.staked()).abs() < 1e-12, "{staked} {}", process.staked());
    }
    assert!((staked - 1.0).abs() < 1e-12);
    assert!(process.ln_e().abs() < 1e-9, "without failures nothing is won and nothing lost");
}

#[test]
fn a_healthy_past_does_not_hide_a_failure_for_long() {
    let ticks_until_strong = |restarts| {
        let mut process = EProcess::new(&GRID, 1.0, restarts);
        (0..120).for_each(|_| process.close_tick(0, 5, Fraction::of(25, 475)));
        (1..1_000).find(|_| {
            process.close_tick(1, 5, Fraction::of(25, 475));
            process.is_strong(0.005)
        })
    };
    let with = ticks_until_strong(Restarts { every: 6, count: 120 });
    let without = ticks_until_strong(Restarts { every: 0, count: 0 });
    assert!(with.is_some() && with < without, "{with:?} {without:?}");
}

#[test]
fn restarts_come_every_thirty_seconds_over_the_planned_time() {
    assert_eq!(Restarts::over(3_600_000, 5_000), Restarts { every: 6, count: 120 });
    assert_eq!(Restarts::over(600_000, 1_000), Restarts { every: 30, count: 20 });
    assert_eq!(Restarts::over(0, 0), Restarts { every: 30_000, count: 1 });
    assert_eq!(Restarts::over(u64::MAX, u64::MAX), Restarts { every: 1, count: 1 });
}

#[test]
fn the_stored_form_is_frozen() {
    let mut process = EProcess::new(&[1.5, 60.0], 1.0, Restarts { every: 6, count: 120 });
    process.close_tick(1, 1, Fraction::of(5, 20));
    let json = concat!(
        r#"{"grid":[1.5,60.0],"theta0":1.0,"restarts":{"every":6,"count":120},"ticks":1,"#,
        r#""lnR":[-478302432060,-1697692960189]}"#
    );
    assert_eq!(
        serde_json::to_string(&process).unwrap(),
        json,
        "a controller of another version must read a running rollout"
    );
    assert_eq!(serde_json::from_str::<EProcess>(json).unwrap(), process);
}

#[test]
fn an_invalid_stored_test_is_refused() {
    let read = |json: &str| serde_json::from_str::<EProcess>(json).map_err(|error| error.to_string());
    let lengths = r#"{"grid":[2.0],"theta0":1.0,"restarts":{"every":6,"count":1},"ticks":1,"lnR":[1,2]}"#;
    assert!(read(lengths).unwrap_err().starts_with("2 logarithms for 1 alternatives"));
    let below = r#"{"grid":[2.0],"theta0":3.0,"restarts":{"every":6,"count":1},"ticks":1,"lnR":[1]}"#;
    assert!(read(below).unwrap_err().starts_with("an alternative of 2 with a tolerance of 3"));
}

#[test]
fn evidence_reads_as_odds() {
    let said = |ln_e| Evidence::new(ln_e, 0.005).to_string();
    assert_eq!(said(231_f64.ln()), "evidence 231 to 1, limit 200 to 1");
    assert_eq!(said(-0.6), "evidence 0.5 to 1, limit 200 to 1");
    assert_eq!(said(8_000.0), "evidence above 1,000,000 to 1, limit 200 to 1");
}

/// Counts as a faulty counter could report them.
fn any_count() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0_u64..200, 1 => any::<u64>(), 1 => Just(u64::MAX), 1 => Just(0)]
}

proptest! {
    #[test]
    fn any_ticks_leave_a_number_that_survives_storage(
        ticks in prop::collection::vec((any_count(), any_count(), any_count(), any_count()), 0..200),
        theta0 in prop_oneof![Just(1.0), Just(f64::NAN), Just(f64::INFINITY), Just(1.25), Just(7.5)],
        every in 0_u32..9, count in 0_u32..9,
    ) {
        let mut process = EProcess::new(&GRID, theta0, Restarts { every, count });
        for (canary_bad, stable_bad, n_c, n_s) in ticks {
            process.close_tick(canary_bad, stable_bad, Fraction::of(n_c, n_s));
            prop_assert!(process.ln_e().is_finite() && process.ln_e().abs() <= 9_001.0);
        }
        let json = serde_json::to_string(&process).unwrap();
        if process.theta0.is_finite() {
            prop_assert_eq!(serde_json::from_str::<EProcess>(&json).unwrap(), process);
        }
    }
}
