//! `serin canary rollback`: stops the canary, the fastest way first and then the permanent one.

use clap::Args;
use serde_json::Value;

use super::current_state::{CurrentState, ROLLED_BACK};
use super::job::{ControllerCommand, Step};
use super::{CommonOptions, off};
use crate::commands::rollout::actor_and_reason;
use crate::connection::Connection;
use crate::exit::Failure;

/// `canary rollback`.
#[derive(Args, Debug)]
pub(crate) struct Rollback {
    #[command(flatten)]
    common: CommonOptions,
}

// === impl Rollback ===

impl Rollback {
    pub(super) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let store = self.common.store(connection)?;
        let current = match (CurrentState::read(&store), store.api()) {
            (Ok(current), _) => current,
            // Stopping a canary must not depend on a read that can fail.
            (Err(failure), Some(client)) if !self.common.dry_run => {
                client.post("halt", &Value::Object(actor_and_reason(connection, &self.common.why)))?;
                return Err(Failure::Failed(format!(
                    "the canary is halted; canary-state was not written, because it cannot be read: {failure}"
                )));
            }
            (Err(failure), _) => return Err(failure),
        };
        let mut job = self.common.job("canary rollback", connection, &store);
        if is_done(&current) {
            job.already("the canary has no visitors");
            return Ok(());
        }
        let command = store.api().and_then(|_| controller_command(&current));
        let next = match command {
            Some(ControllerCommand::Halt) => "`serin canary clean-up`; `serin resume-canary` before the next canary",
            _ => "`serin canary clean-up`",
        };
        job.steps.extend(command.map(Step::Command));
        if current.traffic().is_some() || current.is_enabled() {
            job.steps.push(Step::Write { edit: off(ROLLED_BACK, connection), must: true });
        }
        job.about = vec![("next", next.into())];
        job.run(self.common.dry_run)
    }
}

fn is_done(current: &CurrentState) -> bool {
    current.traffic().is_none() && !current.is_enabled()
}

/// The controller command that reaches busy locations before KV does.
fn controller_command(current: &CurrentState) -> Option<ControllerCommand> {
    let is_steered = current.status.as_ref().is_some_and(|status| status.epoch.is_some());
    match (current.under_way(), current.halt()) {
        _ if !is_steered => None,
        (Some(_), _) => Some(ControllerCommand::Abort),
        (None, Some(_)) => None,
        (None, None) => Some(ControllerCommand::Halt),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_is_aborted_and_anything_else_halted_where_there_is_a_controller() {
        let rollout = |phase| json!({"id": "r1", "phase": phase});
        for (status, expected) in [
            (json!({"epoch": null}), None),
            (json!({"epoch": 1}), Some(ControllerCommand::Halt)),
            (json!({"epoch": 1, "halt": {"actor": "ada"}}), None),
            (json!({"epoch": 1, "rollout": rollout("completed")}), Some(ControllerCommand::Halt)),
            (
                json!({"epoch": 1, "rollout": rollout("paused"), "halt": {"actor": "ada"}}),
                Some(ControllerCommand::Abort),
            ),
            (json!({"epoch": 1, "rollout": rollout("baking")}), Some(ControllerCommand::Abort)),
        ] {
            let current =
                CurrentState { status: serde_json::from_value(status.clone()).unwrap(), ..CurrentState::default() };
            assert_eq!(controller_command(&current), expected, "{status}");
        }
        assert_eq!(controller_command(&CurrentState::default()), None);
    }
}
