//! The built `serin` against a server with recorded answers: what is sent, what is printed, how it ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod canary;
mod errors;
mod gate;
mod health;
mod help;
mod orders;
mod reading;
mod server;
mod start;
mod watch;
