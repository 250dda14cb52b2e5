//! The control API, as far as it can be without a network: requests become calls, and what is known becomes answers. docs/control-api.md
//! is its page.

/// Rows of the audit.
mod audit;
/// A request, understood.
mod call;
/// Why a key gets the variant it gets.
mod explain;
/// Figures for Prometheus.
mod prometheus;
/// Where everything stands.
mod status;

pub use audit::{change_row, rollout_row};
pub use call::{By, Call, Incoming, MAX_BODY, PREFIX};
pub use explain::{Question, explain};
pub use prometheus::metrics;
pub use status::{Policy, Status, rollout_view};
