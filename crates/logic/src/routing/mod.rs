//! Which variant answers a request, and why.

pub mod cookies;
pub mod decision;
pub mod facts;
pub mod override_token;
pub mod sticky_key;
pub mod target;
pub mod visitor;

pub use decision::{Decision, Outcome, Reason, decide};
pub use facts::Facts;
pub use visitor::VisitorId;
