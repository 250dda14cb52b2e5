//! What Serin decides. Plain Rust: no Workers, no clock, no randomness, no I/O; time comes in as a value.
//!
//! - `policy`: what operators wrote, and what holds
//! - `routing`: which variant answers a request, and why
//! - `breaker`: when a failing canary gets no more requests from this isolate
//! - `fallback`: which of its failures stable makes good
//! - `controller`: rollout, analysis and switches as one value
//! - `analysis`: how a canary is judged against stable
//! - `telemetry`: outcomes of requests, on their way from isolates to the controller
//! - `rollout`: a plan of steps, carried out
//! - `api`: the control API, requests to calls and what is known to answers
//! - `json`: types as JSON texts, and back
//! - `health`, `log_event`, `problem`: what operators and clients are told
//! - `document`: JSON documents that operators write, and the messages about those that are refused
//! - `span`: lengths of time as operators write them
//! - `quoted`: texts of others in messages
//! - `bearer`: who may see and change things
#![forbid(unsafe_code)]

pub mod analysis;
pub mod api;
pub mod bearer;
pub mod breaker;
pub mod bucket;
pub mod controller;
pub mod document;
pub mod fallback;
pub mod headers;
pub mod health;
pub mod json;
pub mod log_event;
pub mod matcher;
pub mod percentage;
pub mod policy;
pub mod problem;
mod quoted;
pub mod request_attributes;
pub mod rollout;
pub mod routing;
pub mod snapshot;
pub mod span;
pub mod sticky_key;
pub mod telemetry;
pub mod throttle;
pub mod timestamp;
pub mod utc_offset;
pub mod variant;
pub mod visitor;

pub use bucket::Bucket;
pub use percentage::Percentage;
pub use span::Span;
pub use timestamp::Timestamp;
pub use variant::Variant;
