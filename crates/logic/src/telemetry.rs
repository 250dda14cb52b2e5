//! Outcomes of requests, on their way from isolates to the controller: isolate → shard of its location → controller. Every message has a
//! number, so that a message that is sent again counts once, and names the configuration it was counted under, so that counts of an
//! earlier step are dropped.
//!
//! Both variants travel in the same message: losing one makes a tick smaller, never one-sided.

/// The message that carries counts.
mod batch;
/// One isolate's outcomes, collected into batches.
mod batcher;
/// The messages that have been counted.
mod deduplicator;
/// Pairs of answers to mirrored requests.
mod mirror_sample;
/// One location's shard: batches of many isolates in, one report out.
mod shard;
/// A visitor's first request in each message.
mod visits;

pub(crate) use batch::no_versions;
pub use batch::{Batch, Sample, VariantSample};
pub use batcher::{Answered, Observed, OutcomeBatcher};
pub use deduplicator::Deduplicator;
pub use mirror_sample::{MirrorSample, Pair, Uncopied};
pub use shard::Shard;
