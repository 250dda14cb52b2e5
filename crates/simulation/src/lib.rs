//! Rollouts at a simulated edge, in virtual time: what would become of a plan, a regression, an outage, a lossy network.
//!
//! Everything that decides is Serin's own code: which variant a visitor is dealt, what isolates and shards count and say, the breaker,
//! the analysis, the rollout's state machine. Simulated is what lies around it: visitors, variants, messages, KV, the objects' storage,
//! alarms and clocks. The same scenario and seed give the same run, always.
#![forbid(unsafe_code)]

/// How sure one can be of a rate that was seen in so many runs.
pub mod bound;
/// The controller's shell: storage, alarm, effects, and being killed.
mod control;
/// Isolates: what they know, decide and count.
mod edge;
/// What must always hold.
mod invariants;
/// KV: what was written, and who can read it when.
mod kv;
/// Requests per second and bytes for each object.
pub mod load;
/// How one run ended.
mod outcome;
/// What must hold of a scenario's numbers; files.
mod read;
/// Many runs in figures.
mod report;
/// Many seeds on several threads.
mod runs;
/// What is simulated.
mod scenario;
/// Reports and loads as markdown.
pub mod tables;
/// The same rollout, judged by fixed thresholds.
mod thresholds;
/// Visitors and their requests.
mod traffic;
/// The loop: what happens next.
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
