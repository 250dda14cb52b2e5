//! The edge: what touches Workers on the path of requests. All of it is synchronous: Rust decides and counts, and JavaScript, whose
//! they are, moves requests, responses and promises. No decision is made in this crate.

#![allow(clippy::float_cmp, reason = "what the macro makes of an enum compares numbers that JavaScript gave")]

mod facts;
// Public because the glue generator exports only what is.
pub mod health;
pub mod isolate;
pub mod observation;
pub mod outcome;
pub mod route;
pub mod snapshot;
