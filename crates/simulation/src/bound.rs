//! Confidence bounds for a rate that was observed in a number of runs.

/// Upper confidence bound for a rate, in 0..=1: at this rate `hits` or fewer of `runs` are observed 1 time in 100 (Clopper and Pearson
/// 1934), so the true rate is below it with 99 % confidence. Computed by bisection.
pub fn upper_99(hits: u64, runs: u64) -> f64 {
    if hits >= runs {
        return 1.0;
    }
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
    // Each iteration halves the interval; 2^-60 is below the precision of an f64.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if at_most(middle) > 0.01 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_tables() {
        // Without hits: 1 − 0.01^(1/n). Else the quantile of a beta distribution, R's qbeta(0.99, hits + 1, runs - hits).
        assert!((upper_99(0, 1_000) - (1.0 - 0.01_f64.powf(1e-3))).abs() < 1e-12);
        assert!((upper_99(1, 10) - 0.504_4).abs() < 1e-3);
        assert!((upper_99(10, 10) - 1.0).abs() < 1e-12);
        assert!((upper_99(0, 0) - 1.0).abs() < 1e-12);
    }
}
