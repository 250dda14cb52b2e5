//! A rollout: a plan of steps, carried out while the canary is healthy.
//!
//! Everything here is pure. A controller stores a [`State`], hands it to [`step`] with each [`Event`] and the time, stores what comes
//! back, and then performs the effects. It may be killed between any two of these and performs what is [`pending`] when it wakes up.

/// Who did what, when and why.
mod audit;
/// What people order.
mod command;
/// What the machine wants done.
mod effect;
/// What the machine is told.
mod event;
/// From a look of the analysis to a finding.
mod finding;
/// From an event to a row of the table.
mod machine;
/// Where a rollout stands.
mod phase;
/// Plans: steps, presets, limits.
mod schedule;
/// All that is stored.
mod state;
/// The transitions, as a table.
mod table;
/// From a cell of the table to a new state and its effects.
mod turn;

#[cfg(test)]
mod tests;

pub use audit::{CONTROLLER, Notice, Row, What};
pub use command::{Command, Order, Outcome, Refused, Start, carry_out};
pub use effect::{Effect, Ring, SetHalt, Step, Target, WriteState};
pub use event::{Document, Event, Finding, FindingKind, Look, Observation, Receipt};
pub use machine::{pending, step};
pub use phase::{PauseKind, Phase, PhaseKind, RollbackKind, Standing};
pub use schedule::{Freeze, Limits, Matcher, OnFail, Plan, PlanStep, Schedule, Timing, UnknownZone, UtcOffset};
pub use state::{Counters, Halted, Overlay, Rollout, State};
