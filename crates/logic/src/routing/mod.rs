//! The decision which variant serves a request.

pub mod cookies;
pub mod decision;
pub mod override_token;

pub use decision::{Decision, Outcome, Reason, decide, is_write};
