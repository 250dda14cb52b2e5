//! The control plane: what turns a splitter into safe delivery. A Wasm module of its own, loaded when it is first needed: the
//! request path neither pays for it nor falls with it. No decision is made here; `serin-logic` makes them.

// Public because the glue generator exports only what is.
/// The door of the control API.
pub mod api;
/// Calls to others, each with a deadline.
mod call;
/// The one that knows where the rollout stands.
pub mod controller_do;
/// What a turn left to be done outside.
mod errands;
/// One for each location.
pub mod metrics_do;
/// What the controller does for the control API.
mod orders;
/// What the control API tells.
mod readings;
/// What wrangler.toml says.
mod settings;
/// An object's own SQLite.
mod storage;
/// Load, act, settle, store.
mod turn;
/// The time in a plan's time zone.
mod zone;
