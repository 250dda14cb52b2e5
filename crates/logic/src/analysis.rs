//! The canary judged against stable, while it runs and as often as one likes.
//!
//! Looking again and again at a fixed-size test rolls one healthy canary in six back within the hour, looking at a threshold near
//! the usual error rate all of them. The tests here are e-processes: the chance that a canary no worse than stable is *ever* rolled back is at most α,
//! however often anybody looks, whatever the error rate does, whatever the split does.
//!
//! A controller closes a tick every few seconds with [`Analysis::close_tick`], asks [`Analysis::strong_evidence`] after each one,
//! and takes a [`Look`] every minute or so.

/// Absolute limits, beyond chance.
mod ceiling;
/// What an operator may set, checked.
mod config;
/// Requests and failures of both variants; which of them is evidence.
mod counts;
/// The sequential test that everything else feeds.
mod e_process;
/// Failures: canary worse than stable.
mod error_test;
/// All of it together: ticks in, looks out.
mod judge;
/// Latency sketches, and p95 and p99: canary slower than stable.
mod latency;
/// How much traffic a comparison needs.
pub mod power;
/// Is the split what was configured? An alarm, no verdict.
mod sample_ratio;
/// What a look says, and why, in a sentence.
mod verdict;

pub use ceiling::Ceiling;
pub use config::{AnalysisConfig, InvalidAnalysisConfig};
pub use counts::{Arms, Counts, Share, Unit};
pub use e_process::{EProcess, Evidence, Restarts};
pub use error_test::{ErrorStanding, ErrorTest, Floors};
pub use judge::{Analysis, Facts, Health, Tick};
pub use latency::{Histogram, InvalidHistogram, LatencyTest, Quantile, StableWindow};
pub use sample_ratio::SampleRatio;
pub use verdict::{Alarm, ArmFigures, Figures, Look, Metric, Reason, Verdict};
