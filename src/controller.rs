//! The controller's work: what one event does with what is stored, and what follows from it outside.

/// Commands of the control API.
pub(crate) mod commands;
/// What has to be done outside after a transaction.
pub(crate) mod outbox;
/// What the control API shows.
pub(crate) mod queries;
/// Messages between isolates, shards and the controller.
pub(crate) mod rpc;
/// A Durable Object's SQLite.
pub(crate) mod store;
/// Load, act, settle, store.
pub(crate) mod transaction;
