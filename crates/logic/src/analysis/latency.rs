//! Is the canary slower than stable? Latencies travel as mergeable log-bucket histograms, and the question "is the canary's p95 more
//! than 20 % above stable's" becomes "is a request likelier to be slow on the canary", which the same [`EProcess`] answers.
//!
//! What "slow" means is fixed before a tick is opened: stable's quantile over the 60 s before it. Both variants getting slower together
//! therefore never accuses the canary, and a badly chosen quantile costs power, never a false alarm.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::ops::AddAssign;
use std::sync::LazyLock;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::counts::{Arms, Share};
use super::e_process::{EProcess, Evidence, Restarts, whole};

/// Width of a bucket: 2 % is finer than anything one would act on.
const GAMMA: f64 = 1.02;

/// 1.02^480 ms = 13.4 s, about where a deadline makes slow requests failed ones.
const BUCKETS: u16 = 480;

/// How far back stable's quantile looks.
const WINDOW_MS: u64 = 60_000;

/// More ticks than a window of one-second ticks has: a clock that jumps back must not let the window grow.
const WINDOW_TICKS: usize = 64;

/// How many times as likely to be slow the canary might be; equal bets on each. By definition 5 % or 1 % of stable's requests are slow,
/// so there is no use in more than 20.
const GRID: [f64; 7] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0];

/// Upper edges of the buckets in ms, by multiplication: the same on every platform, which `ln` is not. Made when first needed: as a
/// constant they are 4 KiB of every download, and no compressor finds anything in them.
static EDGES: LazyLock<Vec<f64>> =
    LazyLock::new(|| iter::successors(Some(GAMMA), |edge| Some(edge * GAMMA)).take(usize::from(BUCKETS)).collect());

/// How many requests took how long. Bucket i holds (1.02^i, 1.02^(i+1)] ms; the first also what is faster, the last what is slower.
/// On the wire an object from bucket to count, without the empty ones. In memory a list of the same in ascending order: there are few, and
/// a tree is 2 KiB of code for each kind of key and value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(Vec<(u16, u64)>);

/// A histogram that was not written by this code.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidHistogram {
    /// There is no such bucket.
    #[error("latency bucket {0}, should be 0..=479")]
    Bucket(u16),
}

/// A quantile that is watched.
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
    /// The evidence when it was first strong. Never taken back.
    strong: Option<Evidence>,
}

// === impl Histogram ===

impl Histogram {
    /// Counts one request; not a number, or less than none, counts as fastest.
    pub fn record(&mut self, latency_ms: f64) {
        self.add(bucket_of(latency_ms), 1);
    }

    /// Buckets that have any requests, and how many.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().copied()
    }

    /// Requests counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Upper edge, in ms, of the bucket that holds `quantile` (0..=1) of the requests; none of an empty histogram.
    #[must_use]
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        self.quantile_bucket(quantile).map(upper_edge)
    }

    /// Requests surely slower than `limit_ms`: those in its own bucket are not counted.
    #[must_use]
    pub fn slower_than(&self, limit_ms: f64) -> u64 {
        self.above(bucket_of(limit_ms))
    }

    fn quantile_bucket(&self, quantile: f64) -> Option<u16> {
        let wanted = quantile * self.total() as f64;
        let mut seen: u64 = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen as f64 >= wanted
        });
        found.or(self.0.last()).map(|(bucket, _)| *bucket)
    }

    fn above(&self, bucket: u16) -> u64 {
        let slower = self.0.iter().rev().take_while(|(other, _)| *other > bucket);
        slower.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// An empty bucket is no bucket: equal histograms are written alike.
    fn try_add(&mut self, bucket: u16, count: u64) -> Result<(), InvalidHistogram> {
        match count {
            0 => {}
            _ if bucket >= BUCKETS => return Err(InvalidHistogram::Bucket(bucket)),
            _ => self.add(bucket, count),
        }
        Ok(())
    }

    fn add(&mut self, bucket: u16, count: u64) {
        let place = self.0.partition_point(|(other, _)| *other < bucket);
        match self.0.get_mut(place) {
            Some((same, sum)) if *same == bucket => *sum = sum.saturating_add(count),
            _ => self.0.insert(place, (bucket, count)),
        }
    }
}

impl AddAssign<&Histogram> for Histogram {
    fn add_assign(&mut self, other: &Histogram) {
        other.0.iter().for_each(|(bucket, count)| self.add(*bucket, *count));
    }
}

impl TryFrom<BTreeMap<u16, u64>> for Histogram {
    type Error = InvalidHistogram;

    fn try_from(buckets: BTreeMap<u16, u64>) -> Result<Self, Self::Error> {
        let mut histogram = Self::default();
        for (bucket, count) in buckets {
            histogram.try_add(bucket, count)?;
        }
        Ok(histogram)
    }
}

/// An object from bucket to count.
struct Buckets;

impl<'de> Visitor<'de> for Buckets {
    type Value = Histogram;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Histogram, A::Error> {
        let mut histogram = Histogram::default();
        while let Some((bucket, count)) = entries.next_entry::<u16, u64>()? {
            histogram.try_add(bucket, count).map_err(de::Error::custom)?;
        }
        Ok(histogram)
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Buckets)
    }
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.buckets())
    }
}

// === impl Quantile ===

impl Quantile {
    /// As a number, 0..=1.
    #[must_use]
    pub fn get(self) -> f64 {
        match self {
            Self::P95 => 0.95,
            Self::P99 => 0.99,
        }
    }

    /// Stable's requests in the window without which the quantile is a guess: ten beyond it.
    fn needed(self) -> u64 {
        match self {
            Self::P95 => 200,
            Self::P99 => 1_000,
        }
    }
}

// === impl StableWindow ===

impl StableWindow {
    /// Takes in stable's latencies of the tick that closed at `now` (ms since the epoch).
    pub fn push(&mut self, tick: Histogram, now: u64) {
        self.0.push((now, tick));
        if self.0.len() > WINDOW_TICKS {
            self.0.remove(0);
        }
    }

    /// Forgets ticks that closed more than 60 s before a tick of `tick_ms` that closes at `now` was opened.
    pub fn expire(&mut self, tick_ms: u64, now: u64) {
        let keep_ms = WINDOW_MS.saturating_add(tick_ms);
        self.0.retain(|(closed_at, _)| now.saturating_sub(*closed_at) < keep_ms);
    }

    /// All of the window in one histogram.
    #[must_use]
    pub fn merged(&self) -> Histogram {
        let mut sum = Histogram::default();
        self.0.iter().for_each(|(_, tick)| sum += tick);
        sum
    }
}

// === impl LatencyTest ===

impl LatencyTest {
    /// A test that rolls a canary back with probability ≤ `alpha` whose quantile is at most 1 + `tolerance` (0.2: 20 %) times stable's.
    #[must_use]
    pub fn new(quantile: Quantile, alpha: f64, tolerance: f64, restarts: Restarts) -> Self {
        let buckets = whole((tolerance.ln_1p() / GAMMA.ln()).round()).min(u64::from(BUCKETS));
        let tolerance = u16::try_from(buckets).unwrap_or(BUCKETS);
        Self { process: EProcess::new(&GRID, 1.0, restarts), quantile, alpha, tolerance, strong: None }
    }

    /// Takes in a closed tick; `before` is stable's window as it was when the tick was opened.
    pub fn close_tick(&mut self, before: &Histogram, tick: &Arms<Histogram>) {
        let slow = before.quantile_bucket(self.quantile.get()).filter(|_| before.total() >= self.quantile.needed());
        match slow {
            Some(slow) => {
                let canary_slow = tick.canary.above(slow.saturating_add(self.tolerance));
                let share = Share::of(tick.canary.total(), tick.stable.total());
                self.process.close_tick(canary_slow, tick.stable.above(slow), share);
            }
            // The clock of the restarts goes on.
            None => self.process.close_tick(0, 0, Share::default()),
        }
        if self.strong.is_none() && self.process.is_strong(self.alpha) {
            self.strong = Some(self.process.evidence(self.alpha));
        }
    }

    /// Roll back: latched.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        self.strong.is_some()
    }

    /// Do not promote: E is at least `limit` now.
    #[must_use]
    pub fn is_suspicious(&self, limit: f64) -> bool {
        self.process.is_strong(1.0 / limit)
    }

    /// E and its limit: of now, or of when it was first strong.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.strong.unwrap_or_else(|| self.process.evidence(self.alpha))
    }
}

fn bucket_of(latency_ms: f64) -> u16 {
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
