//! The decisions of Serin. Pure Rust without Workers, clock, randomness or I/O; the time is an argument.
//!
//! - `policy`: the documents that operators write
//! - `snapshot`: the policy as one isolate knows it, from KV and the controller's overlay
//! - `routing`: the decision which variant serves a request, with its reason
//! - `matcher`, `request_attributes`, `sticky_key`, `visitor`, `bucket`, `percentage`: the parts of a decision
//! - `mirror`: copies of requests, sent to a canary without visitors
//! - `sampler`, `body_watch`: samples of requests, and of bodies that are watched
//! - `breaker`, `fallback`: protection from a failing canary within one isolate
//! - `controller`: rollout, analysis and switches as one value
//! - `analysis`: the comparison of the canary with stable
//! - `visitors`: what is kept of visitors: how many there were, and which of them failed or waited
//! - `telemetry`: outcomes of requests, on their way from isolates to the controller
//! - `rollout`: a plan of steps, and its execution
//! - `api`: requests and answers of the control API
//! - `health`, `log_event`, `log_rate_limiter`, `problem`: reports to operators and clients
//! - `document`: JSON documents that operators write, and the messages about those that are refused
//! - `span`, `timestamp`: lengths of time and points in time
//! - `version`: versions of one Worker as variants, and the check of answers
//! - `bearer`: the token of the control API
//! - `access`: the identity that Cloudflare Access vouches for
#![forbid(unsafe_code)]

pub mod access;
pub mod analysis;
pub mod api;
pub mod bearer;
pub mod body_watch;
pub mod breaker;
pub mod bucket;
pub mod console;
pub mod controller;
pub mod document;
pub mod effective;
pub mod fallback;
pub mod headers;
pub mod health;
pub mod history;
pub mod log_event;
pub mod log_rate_limiter;
pub mod matcher;
pub mod mirror;
pub mod percentage;
pub mod policy;
pub mod problem;
pub mod request_attributes;
pub mod rollout;
pub mod routing;
pub mod sampler;
pub mod snapshot;
pub mod span;
pub mod sticky_key;
pub mod telemetry;
pub mod timestamp;
pub mod utc_offset;
pub mod variant;
pub mod version;
pub mod visitor;
pub mod visitors;

pub use bucket::Bucket;
pub use percentage::Percentage;
pub use span::Span;
pub use timestamp::Timestamp;
pub use variant::Variant;
