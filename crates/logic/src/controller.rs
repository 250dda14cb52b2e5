//! The controller's mind: the rollout's state machine, the analysis that feeds it, and the switches, as one value. A shell loads the
//! four documents, calls one method, stores what has changed, and performs the effects.

/// Who delivers to the outside, and when again.
mod delivery;
/// The analysis of the rollout that is under way.
mod desk;
/// What shards reported since the last tick.
mod inbox;
/// Switches thrown through the control API.
mod switchboard;
/// One turn: an alarm, a report, an order.
mod turn;
/// What a webhook's receiver gets.
mod webhook;

#[cfg(test)]
mod tests;

pub use delivery::Delivery;
pub(crate) use desk::config as analysis_config;
pub use desk::{Desk, LastLook};
pub use inbox::Inbox;
pub use switchboard::Switchboard;
pub use turn::{Controller, Deliveries, Seen, Wants};
pub use webhook::Format;
