//! Analyses the canary against stable while it runs. The number of analyses is not limited.
//!
//! With a fixed-size test, repeated analyses roll back one healthy canary in six within the hour, and with a threshold near the usual error
//! rate all of them. The tests in this module are e-processes: the probability that a canary no worse than stable is *ever* rolled back is
//! at most α, for any number of analyses, error rate or split.
//!
//! A controller closes a tick every few seconds with [`Evaluator::close_tick`], calls [`Evaluator::strong_evidence`] after each tick, and
//! makes an analysis, a [`Look`], every minute or so.

/// Settings of the analysis and their ranges.
mod config;
/// Requests and failures of both variants, and which of them are evidence.
mod counts;
/// Visits that breakers divert from the canary, and results of its probes.
mod diversion;
/// The sequential test that errors, latency and the sample ratio share.
mod e_process;
/// The error test: does the canary fail more often than stable?
mod error_test;
/// All tests together: ticks are the input, analyses the output.
mod evaluator;
/// Latency histograms and the latency tests of p95 and p99: is the canary slower than stable?
mod latency;
/// Settings that isolates need to count an outcome.
mod measure;
/// The paired tests of a step that mirrors.
mod paired;
/// The sample-ratio test: is the split the configured one? Its result is an alarm and does not influence the verdict.
mod sample_ratio;
/// The amount of traffic that a comparison needs.
pub mod sample_size;
/// Absolute limits, with an allowance for chance.
mod threshold;
/// Verdicts, and their reasons as sentences.
mod verdict;
/// Answers of another version than the one that was asked for.
mod versions;

pub use config::{AnalysisConfig, InvalidAnalysisConfig};
pub use counts::{Counts, Fraction, PerVariant, Unit};
pub use diversion::{Diversion, DiversionTest};
pub use e_process::{EProcess, Evidence, Restarts};
pub use error_test::{ErrorOutcome, ErrorTest, Floors};
pub use evaluator::{Evaluator, Health, LookContext, SlowVisitors, Tick};
pub use latency::{Histogram, InvalidHistogram, LatencyTest, Quantile, StableWindow, bucket_of};
pub use measure::{Measure, SlowLimits};
pub use paired::{PairCounts, PairedFigures, PairedReason, PairedTest, PairedTick};
pub use sample_ratio::SampleRatio;
pub use sample_size::Regression;
pub use threshold::{Affected, Threshold};
pub use verdict::{Alarm, Figures, HeldFor, Look, Metric, Reason, VariantFigures, Verdict};
pub use versions::{MAX_WRONG_PERCENT, VersionWindow};
