//! A rollout: the execution of a plan of steps while the canary is healthy.
//!
//! Everything here is pure. A controller stores a [`State`], hands it to [`step`] with each [`Event`] and the time, stores the state that
//! comes back, and then performs the effects. It may be killed between any two of these; when it starts again it performs what is
//! [`pending`].
//!
//! The files from the bottom up: data (`phase`, `schedule`, `published_state`, `command`, `event`, `audit`, `effect`, `outbox`, `state`),
//! then transitions (`table`, `transition`, `execute`, `machine`).

mod audit;
mod command;
mod effect;
mod event;
mod execute;
mod finding;
mod machine;
mod outbox;
mod overlay;
mod phase;
mod published_state;
mod schedule;
mod state;
mod table;
mod transition;

#[cfg(test)]
mod tests;

pub use audit::{Action, AuditEntry, CONTROLLER, Notification};
pub use command::{Command, CommandError, CommandRequest, Start, is_valid_id};
pub use effect::{Effect, SetHalt, WriteState};
pub use event::{Event, Finding, FindingKind, Look, Observation, Receipt, Replacement};
pub use execute::{Outcome, execute};
pub use machine::{pending, step};
pub use overlay::{DesiredState, Overlay};
pub use phase::{PauseKind, Phase, PhaseKind, RollbackKind, RolloutSummary};
pub use published_state::PublishedState;
pub use schedule::{
    Check, CheckUrl, Freeze, Limits, Mirroring, OnFail, OnMaxWait, Plan, PlanStep, Schedule, Timing, UnknownZone,
    UtcOffset,
};
pub use state::{Counters, Halted, Resumed, Rollout, State};
pub use transition::Step;
