//! `serin canary rollback`: stops the canary, the fastest way first and then the permanent one.

use clap::Args;
use serde_json::Value;

use super::job::{Order, Step};
use super::standing::{ROLLED_BACK, Standing};
use super::{Circumstances, off};
use crate::arguments::Connection;
use crate::commands::orders::account;
use crate::exit::Failure;

/// `canary rollback`.
#[derive(Args, Debug)]
pub(crate) struct Rollback {
    #[command(flatten)]
    circumstances: Circumstances,
}

// === impl Rollback ===

impl Rollback {
    pub(super) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let store = self.circumstances.store(connection)?;
        let standing = match (Standing::read(&store), store.api()) {
            (Ok(standing), _) => standing,
            // Stopping a canary must not depend on a read that can fail.
            (Err(failure), Some(client)) if !self.circumstances.dry_run => {
                client.post("halt", &Value::Object(account(connection, &self.circumstances.why)))?;
                return Err(Failure::Failed(format!(
                    "the canary is halted; canary-state was not written, because it cannot be read: {failure}"
                )));
            }
            (Err(failure), _) => return Err(failure),
        };
        let mut job = self.circumstances.job("canary rollback", connection, &store);
        if is_done(&standing) {
            job.already("the canary has no visitors");
            return Ok(());
        }
        let order = store.api().and_then(|_| order(&standing));
        job.steps.extend(order.map(Step::Order));
        if standing.traffic().is_some() || standing.is_enabled() {
            job.steps.push(Step::Write { edit: off(ROLLED_BACK, connection), must: true });
        }
        let next = match order {
            Some(Order::Halt) => "`serin canary clean-up`; `serin resume-canary` before the next canary",
            _ => "`serin canary clean-up`",
        };
        job.about = vec![("next", next.into())];
        job.run(self.circumstances.dry_run)
    }
}

fn is_done(standing: &Standing) -> bool {
    standing.traffic().is_none() && !standing.is_enabled()
}

/// The controller command that reaches busy locations before KV does.
fn order(standing: &Standing) -> Option<Order> {
    let is_steered = standing.status.as_ref().is_some_and(|status| status.epoch.is_some());
    match (standing.under_way(), standing.halt()) {
        _ if !is_steered => None,
        (Some(_), _) => Some(Order::Abort),
        (None, Some(_)) => None,
        (None, None) => Some(Order::Halt),
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
            (json!({"epoch": 1}), Some(Order::Halt)),
            (json!({"epoch": 1, "halt": {"actor": "ada"}}), None),
            (json!({"epoch": 1, "rollout": rollout("completed")}), Some(Order::Halt)),
            (json!({"epoch": 1, "rollout": rollout("paused"), "halt": {"actor": "ada"}}), Some(Order::Abort)),
            (json!({"epoch": 1, "rollout": rollout("baking")}), Some(Order::Abort)),
        ] {
            let standing = Standing { status: serde_json::from_value(status.clone()).unwrap(), ..Standing::default() };
            assert_eq!(order(&standing), expected, "{status}");
        }
        assert_eq!(order(&Standing::default()), None);
    }
}
