//! `serin canary clean-up`: deletes the canary's Worker after no location can send visitors to it.

use clap::Args;

use super::job::Step;
use super::standing::{Edit, Standing};
use super::worker::Subject;
use super::{Circumstances, Settle};
use crate::arguments::Connection;
use crate::clock;
use crate::exit::Failure;

/// `canary clean-up`.
#[derive(Args, Debug)]
pub(crate) struct CleanUp {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    settle: Settle,
    #[command(flatten)]
    circumstances: Circumstances,
}

// === impl CleanUp ===

impl CleanUp {
    pub(super) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let worker = self.subject.read()?;
        let store = self.circumstances.store(connection)?;
        let standing = Standing::read(&store)?;
        if let Some(traffic) = standing.traffic() {
            let canary = &worker.canary;
            return Err(Failure::Failed(format!(
                "{canary} is in use, nothing was deleted: {traffic}; first `serin canary promote` or `serin canary rollback`"
            )));
        }
        let mut job = self.circumstances.job("canary clean-up", connection, &store);
        job.about = vec![("worker", worker.name.clone()), ("canary", format!("{}, deleted", worker.canary))];
        if standing.is_enabled() {
            // At 0 % a signed override still reaches the canary.
            job.steps.push(Step::Write { edit: Edit(vec![("enabled", false.into())]), must: false });
        }
        if standing.document.is_some() {
            job.steps.extend(self.settle.step(&standing, clock::now()));
        }
        job.steps.push(Step::Delete { name: worker.canary.clone(), call: worker.delete_canary() });
        job.run(self.circumstances.dry_run)
    }
}
