//! A rollout: a plan of steps, carried out while the canary is healthy.
//!
//! Everything here is pure. A controller stores a `State`, hands it to `step` with each `Event` and the time, stores what comes
//! back, and then performs the effects. It may be killed between any two of these and performs what is `pending` when it wakes up.

/// A share of sticky keys.
mod percentage;
/// Plans: steps, presets, limits.
mod schedule;
/// Points in time and spans.
mod time;

pub use percentage::{InvalidPercentage, Percentage};
pub use schedule::{InvalidPlan, Limits, Matcher, OnFail, Plan, PlanStep, Schedule, Timing};
pub use time::{InvalidSpan, Span, Timestamp};
