//! The controller's mind: the rollout's state machine, the analysis that feeds it, and the switches, as one value. A shell loads the
//! four documents, calls one method, stores what has changed, and performs the effects.

/// The analysis of the rollout that is under way.
mod desk;
/// What shards reported since the last tick.
mod inbox;
/// Notices on their way.
mod postbox;
/// Switches thrown through the control API.
mod switchboard;
/// One turn: an alarm, a report, an order.
mod turn;

#[cfg(test)]
mod tests;

pub(crate) use desk::config as analysis_config;
pub use desk::{Desk, LastLook};
pub use inbox::Inbox;
pub use postbox::{Format, Postbox};
pub use switchboard::Switchboard;
pub use turn::{Controller, Seen};
