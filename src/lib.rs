//! The edge: what touches Workers. `fetch.rs` is the path of a request; no decision is made in this crate.

mod dispatch;
mod facts;
// Public because the glue generator exports only what is.
pub mod fetch;
mod health;
mod isolate;
mod observation;
mod snapshot;
