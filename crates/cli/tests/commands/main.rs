//! Tests of the built `serin` against a server with recorded responses: its requests, its output and its exit codes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod canary;
mod console;
mod doctor;
mod errors;
mod gate;
mod health;
mod help;
mod init;
mod reading;
mod rollout;
mod server;
mod start;
mod watch;
