//! Judges the canary against stable while it runs, as often as one likes.
//!
//! Repeated looks at a fixed-size test roll one healthy canary in six back within the hour, looks at a threshold near the usual error rate
//! all of them. The tests here are e-processes: the chance that a canary no worse than stable is *ever* rolled back is at most α, whatever
//! the number of looks, the error rate or the split.
//!
//! A controller closes a tick every few seconds with [`Evaluator::close_tick`], asks [`Evaluator::strong_evidence`] after each one, and takes
//! a [`Look`] every minute or so.

/// Settings of the analysis and their ranges.
mod config;
/// Requests and failures of both variants, and which of them are evidence.
mod counts;
/// The sequential test behind errors, latency and the sample ratio.
mod e_process;
/// Failures: is the canary worse than stable?
mod error_test;
/// All tests together: ticks in, looks out.
mod evaluator;
/// Latency histograms, and p95 and p99: is the canary slower than stable?
mod latency;
/// The split: is it the configured one? An alarm, no verdict.
mod sample_ratio;
/// How much traffic a comparison needs.
pub mod sample_size;
/// Absolute limits, beyond chance.
mod threshold;
/// Verdicts, and their reasons as sentences.
mod verdict;

pub use config::{AnalysisConfig, InvalidAnalysisConfig};
pub use counts::{Counts, Fraction, PerVariant, Unit};
pub use e_process::{EProcess, Evidence, Restarts};
pub use error_test::{ErrorStanding, ErrorTest, Floors};
pub use evaluator::{Evaluator, Health, LookContext, Tick};
pub use latency::{Histogram, InvalidHistogram, LatencyTest, Quantile, StableWindow};
pub use sample_ratio::SampleRatio;
pub use threshold::Threshold;
pub use verdict::{Alarm, Figures, Look, Metric, Reason, VariantFigures, Verdict};
