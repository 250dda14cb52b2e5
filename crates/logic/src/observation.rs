//! What isolates see of a rollout, on its way to the controller: isolate → shard of its location → controller. Nothing is counted
//! twice, however often a message is sent, and nothing is counted for a configuration that is no longer in force.
//!
//! Both variants always travel in the same message: losing it makes a tick smaller, never one-sided.

/// What travels.
mod batch;
/// Who sent what already.
mod ledger;
/// A shard: many isolates' batches in, one report out.
mod shard;
/// An isolate's own counts.
mod tally;
/// Sets of sticky keys.
mod units;

pub use batch::{ArmSample, Batch, Sample};
pub use ledger::Ledger;
pub use shard::Shard;
pub use tally::{Observed, Tally};
pub use units::Units;
