//! Simulates rollouts at the edge in virtual time: the outcome of a plan under a regression, an outage or a lossy network.
//!
//! Every decision is made by Serin's own code: the assignment of visitors, the counts of isolates and shards, the breaker, the analysis,
//! the rollout's state machine. The simulation replaces their surroundings: visitors, variants, messages, KV, the storage of the objects,
//! alarms and clocks. The same scenario and seed always give the same run.
#![forbid(unsafe_code)]

/// Confidence bounds for a rate that was observed in a number of runs.
pub mod bound;
/// The controller's shell: storage, alarm, effects, and crashes.
mod control;
/// Isolates: their snapshots, decisions and counts.
mod edge;
/// Invariants.
mod invariants;
/// KV: its writes, and the time at which each location can read them.
mod kv;
/// Requests per second and bytes for each object.
pub mod load;
/// The outcome of one run.
mod outcome;
/// Scenarios from files, with the ranges of their numbers.
mod read;
/// Summaries of many runs.
mod report;
/// Many seeds on several threads.
mod runs;
/// Scenarios.
mod scenario;
/// Reports and loads as markdown.
pub mod tables;
/// The same rollout, judged by fixed thresholds.
mod thresholds;
/// Visitors and their requests.
mod traffic;
/// The event loop.
mod world;
/// The time in a plan's time zone.
mod zone;

/// Scenarios by name.
pub mod presets;

pub use invariants::{Invariant, Violation};
pub use outcome::{End, Faulted, Messages, Outcome};
pub use read::InvalidScenario;
pub use report::{Ends, Quantiles, Report};
pub use runs::{Progress, run};
pub use scenario::{Behaviour, Edge, Faults, Outsider, OutsiderRequests, Scenario, Stage, Traffic};
pub use thresholds::{Judge, Judged, judge};
pub use world::simulate;
pub use zone::utc_offset;
