//! Rollouts at a simulated edge, in virtual time: the fate of a plan under a regression, an outage or a lossy network.
//!
//! Every decision is Serin's own code: the assignment of visitors, the counts of isolates and shards, the breaker,
//! the analysis, the rollout's state machine. Simulated are its surroundings: visitors, variants, messages, KV, the objects' storage,
//! alarms and clocks. The same scenario and seed give the same run, always.
#![forbid(unsafe_code)]

/// How sure one can be of a rate that was seen in so many runs.
pub mod bound;
/// The controller's shell: storage, alarm, effects, and being killed.
mod control;
/// Isolates: their snapshots, decisions and counts.
mod edge;
/// Invariants.
mod invariants;
/// KV: its writes, and when each location reads them.
mod kv;
/// Requests per second and bytes for each object.
pub mod load;
/// How one run ended.
mod outcome;
/// Scenarios from files, with the ranges of their numbers.
mod read;
/// Many runs in figures.
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
pub use scenario::{Behaviour, Edge, Faults, Scenario, Stage, Traffic};
pub use thresholds::{Judge, Judged, judge};
pub use world::simulate;
pub use zone::utc_offset;
