//! Is the canary slower than stable? Latencies are sent as mergeable log-bucket histograms. The question "is the canary's p95 more than 20
//! % above stable's" becomes "is a visitor's first slow answer in the step likelier to be the canary's", which the same [`EProcess`]
//! answers. Visitors differ, in pace and in what they ask for, and stay on their variant: counted by request, that alone makes a variant slow.
//!
//! The limit of "slow" is fixed before a tick opens: stable's quantile over the 60 s before it. A slowdown of both variants therefore never
//! counts against the canary, and a poorly chosen quantile costs power but never causes a false alarm.

use std::collections::BTreeMap;
use std::iter;
use std::ops::AddAssign;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::counts::{Fraction, PerVariant};
use super::e_process::{EProcess, Evidence, Restarts, whole};

/// Width of a bucket: 2 %, which is finer than any relevant difference.
const GAMMA: f64 = 1.02;

/// 1.02^480 ms = 13.4 s, about where a deadline makes slow requests failed ones.
const BUCKETS: u16 = 480;

/// Length of the window for stable's quantile.
const WINDOW_MS: u64 = 60_000;

/// Largest number of ticks in the window, so that a clock that jumps back cannot grow it. A window of one-second ticks has fewer.
const WINDOW_TICKS: usize = 64;

/// Alternatives for the canary's odds ratio of being slow, with equal bets on each. By definition 5 % or 1 % of stable's requests are slow,
/// so alternatives above 20 are of no use.
const GRID: [f64; 7] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0];

/// Upper edges of the buckets in ms. They are computed by multiplication, which gives the same result on every platform; `ln` does not.
static EDGES: LazyLock<Vec<f64>> =
    LazyLock::new(|| iter::successors(Some(GAMMA), |edge| Some(edge * GAMMA)).take(usize::from(BUCKETS)).collect());

/// Number of requests by latency. Bucket i holds (1.02^i, 1.02^(i+1)] ms; the first bucket also holds faster requests, and the last one
/// slower requests. The serialized form is an object from bucket to count, without empty buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<u16, u64>")]
pub struct Histogram(BTreeMap<u16, u64>);

/// Error for a histogram that this code cannot have written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidHistogram {
    /// The bucket does not exist.
    #[error("latency bucket {0}, should be 0..=479")]
    Bucket(u16),
}

/// A quantile that the latency tests compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantile {
    /// One request in 20 is slower.
    P95,
    /// One request in 100 is slower.
    P99,
}

/// Stable's latencies of the last 60 s.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StableWindow(Vec<(u64, Histogram)>);

/// The latency test of one quantile over one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencyTest {
    process: EProcess,
    quantile: Quantile,
    alpha: f64,
    /// Whole buckets by which the canary may be slower.
    tolerance: u16,
    /// The evidence at the time it was first strong. It is latched.
    strong: Option<Evidence>,
}

// === impl Histogram ===

impl Histogram {
    /// Counts one request. NaN and negative latencies count as fastest.
    pub fn record(&mut self, latency_ms: f64) {
        self.add(bucket_of(latency_ms), 1);
    }

    /// Requests counted.
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// Upper edge, in ms, of the bucket that holds `quantile` (0..=1) of the requests; `None` if the histogram is empty.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        self.quantile_bucket(quantile).map(upper_edge)
    }

    /// Requests that are certainly slower than `limit_ms`. Requests in the bucket of the limit do not count.
    pub fn slower_than(&self, limit_ms: f64) -> u64 {
        self.above(bucket_of(limit_ms))
    }

    fn quantile_bucket(&self, quantile: f64) -> Option<u16> {
        let wanted = quantile * self.total() as f64;
        let mut seen: u64 = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen = seen.saturating_add(**count);
            seen as f64 >= wanted
        });
        found.or(self.0.last_key_value()).map(|(bucket, _)| *bucket)
    }

    fn above(&self, bucket: u16) -> u64 {
        self.0.range(bucket.saturating_add(1)..).fold(0, |sum: u64, (_, count)| sum.saturating_add(*count))
    }

    /// Counts requests in a bucket. A bucket that does not exist counts as the last.
    pub(crate) fn add(&mut self, bucket: u16, count: u64) {
        let sum = self.0.entry(bucket.min(BUCKETS - 1)).or_default();
        *sum = sum.saturating_add(count);
    }
}

impl AddAssign<&Histogram> for Histogram {
    fn add_assign(&mut self, other: &Histogram) {
        other.0.iter().for_each(|(bucket, count)| self.add(*bucket, *count));
    }
}

impl TryFrom<BTreeMap<u16, u64>> for Histogram {
    type Error = InvalidHistogram;

    /// Drops empty buckets, so that equal histograms have the same serialized form.
    fn try_from(mut buckets: BTreeMap<u16, u64>) -> Result<Self, Self::Error> {
        buckets.retain(|_, count| *count > 0);
        match buckets.last_key_value() {
            Some((bucket, _)) if *bucket >= BUCKETS => Err(InvalidHistogram::Bucket(*bucket)),
            _ => Ok(Self(buckets)),
        }
    }
}

// === impl Quantile ===

impl Quantile {
    /// The quantile as a number, 0..=1.
    pub fn get(self) -> f64 {
        match self {
            Self::P95 => 0.95,
            Self::P99 => 0.99,
        }
    }

    /// Stable's requests that the window needs for a reliable quantile: ten beyond the quantile.
    fn needed(self) -> u64 {
        match self {
            Self::P95 => 200,
            Self::P99 => 1_000,
        }
    }
}

// === impl StableWindow ===

impl StableWindow {
    /// Adds stable's latencies of the tick that closed at `now` (ms since the epoch).
    pub fn push(&mut self, tick: Histogram, now: u64) {
        self.0.push((now, tick));
        if self.0.len() > WINDOW_TICKS {
            self.0.remove(0);
        }
    }

    /// Drops ticks that closed more than 60 s before the opening of a tick of `tick_ms` that closes at `now`.
    pub fn expire(&mut self, tick_ms: u64, now: u64) {
        let keep_ms = WINDOW_MS.saturating_add(tick_ms);
        self.0.retain(|(closed_at, _)| now.saturating_sub(*closed_at) < keep_ms);
    }

    /// All latencies of the window in one histogram.
    pub fn merged(&self) -> Histogram {
        let mut sum = Histogram::default();
        self.0.iter().for_each(|(_, tick)| sum += tick);
        sum
    }
}

// === impl LatencyTest ===

impl LatencyTest {
    /// Creates a test. It rolls back a canary whose quantile is at most 1 + `tolerance` (0.2: 20 %) times stable's with probability ≤
    /// `alpha`.
    pub fn new(quantile: Quantile, alpha: f64, tolerance: f64, restarts: Restarts) -> Self {
        let buckets = whole((tolerance.ln_1p() / GAMMA.ln()).round()).min(u64::from(BUCKETS));
        let tolerance = u16::try_from(buckets).unwrap_or(BUCKETS);
        Self { process: EProcess::new(&GRID, 1.0, restarts), quantile, alpha, tolerance, strong: None }
    }

    /// The bucket from which on an answer is slow, by stable's window; none while the window holds too few requests.
    pub fn limit(&self, window: &Histogram) -> Option<u16> {
        window.quantile_bucket(self.quantile.get()).filter(|_| window.total() >= self.quantile.needed())
    }

    /// Buckets by which the canary may be slower.
    pub fn tolerance(&self) -> u16 {
        self.tolerance
    }

    /// Adds a closed tick in which so many visitors had their first slow answer of the step. The canary had the share `configured`.
    pub fn close_tick_of_visitors(&mut self, slow: PerVariant<u64>, configured: Fraction) {
        self.process.close_tick(slow.canary, slow.stable, configured);
        self.latch();
    }

    /// Adds a closed tick in which every request counts for itself. `before` is stable's window at the opening of the tick.
    pub fn close_tick(&mut self, before: &Histogram, tick: &PerVariant<Histogram>) {
        match self.limit(before) {
            Some(slow) => {
                let canary_slow = tick.canary.above(slow.saturating_add(self.tolerance));
                let share = Fraction::of(tick.canary.total(), tick.stable.total());
                self.process.close_tick(canary_slow, tick.stable.above(slow), share);
            }
            // An empty tick keeps the schedule of the restarts.
            None => self.process.close_tick(0, 0, Fraction::default()),
        }
        self.latch();
    }

    fn latch(&mut self) {
        if self.strong.is_none() && self.process.is_strong(self.alpha) {
            self.strong = Some(self.process.evidence(self.alpha));
        }
    }

    /// Whether the evidence requires a rollback. Latched.
    pub fn is_strong(&self) -> bool {
        self.strong.is_some()
    }

    /// Whether E is at least `limit` now, so that the canary must not be promoted.
    pub fn is_suspicious(&self, limit: f64) -> bool {
        self.process.is_strong(1.0 / limit)
    }

    /// E and its limit: the current values, or those at the time when E was first strong.
    pub fn evidence(&self) -> Evidence {
        self.strong.unwrap_or_else(|| self.process.evidence(self.alpha))
    }
}

/// The bucket of a latency, 0..=479. NaN and negative latencies count as fastest.
pub fn bucket_of(latency_ms: f64) -> u16 {
    if latency_ms.is_nan() {
        return 0;
    }
    let bucket = EDGES.partition_point(|edge| *edge < latency_ms);
    u16::try_from(bucket).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn upper_edge(bucket: u16) -> f64 {
    EDGES.get(usize::from(bucket)).copied().unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests;
