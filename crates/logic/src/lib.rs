//! The core of Serin: every decision, and the documents and messages around it. Plain Rust without Workers, clock, randomness and I/O; time
//! is an argument.
//!
//! - `policy`: what operators wrote, and what holds
//! - `routing`: which variant answers a request, and why
//! - `breaker`: when a failing canary gets no more requests from this isolate
//! - `fallback`: which of its failures stable makes good
//! - `controller`: rollout, analysis and switches as one value, and its deliveries
//! - `analysis`: the canary, judged against stable
//! - `telemetry`: outcomes of requests, on their way from isolates to the controller
//! - `rollout`: the state machine that executes a plan of steps
//! - `api`: the control API: requests, parsed, and answers as structs
//! - `health`, `log_event`, `problem`: what operators and clients are told
//! - `document`: JSON documents that operators write, and the messages about those that are refused
//! - `span`: lengths of time as operators write them
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
pub mod health;
pub mod log_event;
pub mod matcher;
pub mod percentage;
pub mod policy;
pub mod problem;
pub mod request_attributes;
pub mod rollout;
pub mod routing;
pub mod snapshot;
pub mod span;
pub mod sticky_key;
pub mod telemetry;
pub mod throttle;
pub mod timestamp;
pub mod variant;
pub mod visitor;

pub use bucket::Bucket;
pub use percentage::Percentage;
pub use span::Span;
pub use timestamp::Timestamp;
pub use variant::Variant;
