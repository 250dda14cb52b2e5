//! The controller's work: an event changes the stored state, and the change causes effects outside.

/// Questions to a plan's check.
mod check;
/// Commands of the control API.
pub(crate) mod commands;
/// Tables of the history.
pub(crate) mod history;
/// Effects outside the object after a transaction.
pub(crate) mod outbox;
/// Answers of the control API.
pub(crate) mod queries;
/// Messages between isolates, shards and the controller.
pub(crate) mod rpc;
/// A Durable Object's SQLite.
pub(crate) mod store;
/// Load, act, settle, store.
pub(crate) mod transaction;

/// Why the controller or a shard did not do what it was asked for, beside what the rollout's own rules refuse.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControllerError {
    #[error(transparent)]
    Storage(#[from] store::StorageError),
    #[error("KV: {0}")]
    Kv(String),
    #[error("message: {0}")]
    Message(String),
}
