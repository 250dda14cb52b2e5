//! What Serin decides. Plain Rust: no Workers, no clock, no randomness, no I/O; time comes in as a value.
#![forbid(unsafe_code)]

pub mod rollout;
