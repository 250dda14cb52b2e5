//! The sequential test that errors, latency and the sample ratio share. It compares the growth of a bet on "the canary is worse" with the
//! most that a canary no worse than stable could cause.
//!
//! # Why it is exact
//! Of the `x` bad units of a tick, `x_c` are the canary's. If a unit is no likelier to be bad on the canary, `x_c` given `x` is
//! hypergeometric (realised share w) or binomial (configured share w). Hoeffding (1963, theorem 4): the hypergeometric is dominated
//! in convex order by Binomial(x, w), so E[ρ^x_c] ≤ (1 + w(ρ−1))^x, for any base rate and in every tick for itself. With a tolerance
//! θ₀ (odds ratio ≤ θ₀) the same holds by concavity of q/(1 + q(s−1)) for s ≥ 1. Each factor therefore has expectation at most 1, and
//! products over ticks and mixtures over ρ and over starting times keep that. Ville (1939): such a process ever reaches 1/α with
//! probability at most α.
//!
//! # Why it restarts
//! A plain product that has observed a healthy canary for a long time has lost nearly all of its stake, and would need long to recover it
//! when the canary becomes bad. Half of the stake is therefore bet at the start, and the other half in equal parts later.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::counts::Fraction;

/// Logarithms are stored as whole multiples of 10⁻¹², so that a reloaded state is identical. JSON does not guarantee this for fractions.
const STEPS_PER_NAT: f64 = 1e12;

/// ±9,000 nats, the largest multiple of 1,000 that stays below 2^53 steps, the limit up to which JSON readers distinguish integers.
const MAX_STEPS: i64 = 9_000_000_000_000_000;

/// The stake of the first tick. The restarts have the rest.
const FIRST_STAKE: f64 = 0.5;

/// A mixture of bets, one per alternative ρ. Every tick must be added, empty ticks too, because restarts are scheduled in ticks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "EProcessWire")]
pub struct EProcess {
    /// The alternatives ρ, all above θ₀.
    grid: Vec<f64>,
    theta0: f64,
    restarts: Restarts,
    /// Number of closed ticks.
    ticks: u32,
    /// ln R for each ρ, in `STEPS_PER_NAT`. The values have no meaning before the first tick, when R is 0.
    ln_r: Vec<i64>,
}

/// Schedule for the second half of the stake: an equal part every `every` ticks, `count` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restarts {
    /// Ticks between two parts; 0 means never.
    pub every: u32,
    /// Number of parts; 0 means never.
    pub count: u32,
}

/// The strength of the evidence, and its limit. Both are rounded for display; decisions use the exact value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// ln E, to three decimals.
    pub ln_e: f64,
    /// 1/α: the limit from which the evidence is strong.
    pub limit: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EProcessWire {
    grid: Vec<f64>,
    theta0: f64,
    restarts: Restarts,
    ticks: u32,
    ln_r: Vec<i64>,
}

/// Error for a stored test that this code cannot have written.
#[derive(Debug, Error)]
enum InvalidEProcess {
    #[error("{ln_r} logarithms for {grid} alternatives")]
    Lengths { ln_r: usize, grid: usize },
    #[error("an alternative of {rho} with a tolerance of {theta0}")]
    Alternative { rho: f64, theta0: f64 },
}

// === impl EProcess ===

impl EProcess {
    /// Creates bets on the alternatives of `grid` above the tolerance `theta0` (an odds ratio; a value below 1 or NaN counts as 1).
    pub fn new(grid: &[f64], theta0: f64, restarts: Restarts) -> Self {
        let theta0 = theta0.max(1.0);
        let grid: Vec<f64> = grid.iter().copied().filter(|rho| *rho > theta0 && rho.is_finite()).collect();
        let ln_r = vec![0; grid.len()];
        Self { grid, theta0, restarts, ticks: 0, ln_r }
    }

    /// Adds a closed tick: `canary_bad` of the canary's units and `stable_bad` of stable's were bad, and `share` is the canary's share of
    /// all units.
    pub fn close_tick(&mut self, canary_bad: u64, stable_bad: u64, share: Fraction) {
        self.close_tick_as_at_most(u64::MAX, canary_bad, stable_bad, share);
    }

    /// The same for a tick that counts as at most `most` bad units, so that a burst cannot decide. The tick's factor gets an exponent of at most
    /// 1 that follows from the number of bad units alone; by Jensen's inequality its expectation stays at most 1.
    pub fn close_tick_as_at_most(&mut self, most: u64, canary_bad: u64, stable_bad: u64, share: Fraction) {
        let bad = canary_bad.saturating_add(stable_bad);
        let exponent = if bad > most { most as f64 / bad as f64 } else { 1.0 };
        let w = share.get();
        // Reports of a canary without a share remain from an earlier split and are not evidence.
        let canary_bad = if w > 0.0 { canary_bad as f64 } else { 0.0 };
        let stable_bad = stable_bad as f64;
        let ln_stake = self.stake().ln();
        let ln_null = (w * (self.theta0 - 1.0)).ln_1p();
        for (ln_r, rho) in self.ln_r.iter_mut().zip(&self.grid) {
            let staked = if self.ticks == 0 { ln_stake } else { ln_add(nats(*ln_r), ln_stake) };
            let ln_alternative = (w * (rho - 1.0)).ln_1p();
            let won = canary_bad * (rho / self.theta0).ln() - (canary_bad + stable_bad) * (ln_alternative - ln_null);
            *ln_r = steps(staked + exponent * won);
        }
        self.ticks = self.ticks.saturating_add(1);
    }

    /// ln E: 0 before the first tick, never NaN, and between -9,000 and 9,000.
    pub fn ln_e(&self) -> f64 {
        if self.ticks == 0 || self.grid.is_empty() {
            return 0.0;
        }
        let bets = self.ln_r.iter().map(|ln_r| nats(*ln_r)).fold(f64::NEG_INFINITY, ln_add);
        ln_add(bets - (self.grid.len() as f64).ln(), (1.0 - self.staked()).ln())
    }

    /// Whether E has reached 1/α now. Ville's inequality bounds the probability that this is ever true.
    pub fn is_strong(&self, alpha: f64) -> bool {
        self.ln_e() >= -alpha.ln()
    }

    /// E and 1/α, for display.
    pub fn evidence(&self, alpha: f64) -> Evidence {
        Evidence::new(self.ln_e(), alpha)
    }

    /// The stake of the next tick.
    fn stake(&self) -> f64 {
        let Restarts { every, count } = self.restarts;
        if self.ticks == 0 {
            FIRST_STAKE
        } else if every > 0 && self.ticks.is_multiple_of(every) && self.ticks / every <= count {
            (1.0 - FIRST_STAKE) / f64::from(count)
        } else {
            0.0
        }
    }

    /// The sum of all stakes up to the last tick. The closed form avoids rounding errors and stored state.
    fn staked(&self) -> f64 {
        let Restarts { every, count } = self.restarts;
        let made = self.ticks.saturating_sub(1).checked_div(every).unwrap_or(0).min(count);
        FIRST_STAKE + if count == 0 { 0.0 } else { (1.0 - FIRST_STAKE) * f64::from(made) / f64::from(count) }
    }
}

impl TryFrom<EProcessWire> for EProcess {
    type Error = InvalidEProcess;

    fn try_from(wire: EProcessWire) -> Result<Self, Self::Error> {
        let EProcessWire { grid, theta0, restarts, ticks, ln_r } = wire;
        if ln_r.len() != grid.len() {
            return Err(InvalidEProcess::Lengths { ln_r: ln_r.len(), grid: grid.len() });
        }
        if let Some(rho) = grid.iter().copied().find(|rho| !(theta0 >= 1.0 && *rho > theta0)) {
            return Err(InvalidEProcess::Alternative { rho, theta0 });
        }
        let ln_r = ln_r.into_iter().map(|steps| steps.clamp(-MAX_STEPS, MAX_STEPS)).collect();
        Ok(Self { grid, theta0, restarts, ticks, ln_r })
    }
}

// === impl Restarts ===

impl Restarts {
    /// Restarts every 30 s over the planned duration of a rollout. Both times are in milliseconds, and a tick is at least 1 ms.
    pub fn over(planned_ms: u64, tick_ms: u64) -> Self {
        const EVERY_MS: u64 = 30_000;
        let every = (EVERY_MS / tick_ms.max(1)).max(1);
        let count = (planned_ms / tick_ms.max(1) / every).max(1);
        Self { every: u32::try_from(every).unwrap_or(u32::MAX), count: u32::try_from(count).unwrap_or(u32::MAX) }
    }
}

// === impl Evidence ===

impl Evidence {
    fn new(ln_e: f64, alpha: f64) -> Self {
        Self { ln_e: (ln_e * 1e3).round() / 1e3, limit: whole((1.0 / alpha).round()) }
    }

    /// E itself, capped, because JSON has no infinity.
    pub fn value(&self) -> f64 {
        self.ln_e.exp().min(f64::MAX)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ln_e, limit } = self;
        match ln_e.exp() {
            e if e >= 1e6 => write!(f, "evidence above 1,000,000 to 1, limit {limit} to 1"),
            e if e >= 9.95 => write!(f, "evidence {e:.0} to 1, limit {limit} to 1"),
            e => write!(f, "evidence {e:.1} to 1, limit {limit} to 1"),
        }
    }
}

/// ln(e^a + e^b), computed without leaving the logarithms; −∞ stands for 0.
fn ln_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

fn nats(steps: i64) -> f64 {
    steps as f64 / STEPS_PER_NAT
}

#[expect(clippy::cast_possible_truncation, reason = "the cast saturates and is then cut to MAX_STEPS")]
fn steps(nats: f64) -> i64 {
    ((nats * STEPS_PER_NAT).round() as i64).clamp(-MAX_STEPS, MAX_STEPS)
}

/// Converts a number to an integer. A negative number and NaN become 0, and a number that is too large becomes `u64::MAX`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, and NaN is 0")]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests;
