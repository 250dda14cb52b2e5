//! `serin canary clean-up`: deletes the canary's Worker after no location can send visitors to it.

use clap::Args;
use serde_json::Value;

use super::current_state::{CurrentState, Edit};
use super::deployment::{DeployVersions, Deployment, Share};
use super::job::Step;
use super::worker::{Worker, WorkerOptions};
use super::{CommonOptions, Settle};
use crate::clock;
use crate::connection::Connection;
use crate::exit::Failure;

/// `canary clean-up`.
#[derive(Args, Debug)]
pub(crate) struct CleanUp {
    #[command(flatten)]
    worker_options: WorkerOptions,
    #[command(flatten)]
    settle: Settle,
    #[command(flatten)]
    common: CommonOptions,
}

// === impl CleanUp ===

impl CleanUp {
    pub(super) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let worker = self.worker_options.read()?;
        let store = self.common.store(connection)?;
        let current = CurrentState::read(&store)?;
        if let Some(traffic) = current.traffic() {
            let canary = &worker.canary;
            return Err(Failure::Failed(format!(
                "{canary} is in use, nothing was deleted: {traffic}; run `serin canary promote` or `serin canary rollback` first"
            )));
        }
        let mut job = self.common.job("canary clean-up", connection, &store);
        job.about = vec![("worker", worker.name.clone()), ("canary", format!("{}, deleted", worker.canary))];
        if current.is_enabled() {
            // At 0 % a signed override still reaches the canary.
            job.steps.push(Step::Write { edit: Edit(vec![("enabled", false.into())]), must: false });
        }
        if current.document.is_some() {
            job.steps.extend(self.settle.step(&current, clock::now()));
        }
        match current.canary_version() {
            Some(version) => {
                job.about = vec![
                    ("worker", worker.name.clone()),
                    ("canary", format!("version {version}, out of its deployment")),
                ];
                job.steps.extend(self.without(version, &worker)?);
                let edit = Edit(vec![("canaryVersion", Value::Null), ("stableVersion", Value::Null)]);
                job.steps.push(Step::Write { edit, must: false });
            }
            None => job.steps.push(Step::Delete { name: worker.canary.clone(), call: worker.delete_canary() }),
        }
        job.run(self.common.dry_run)
    }

    /// Takes the canary's version out of the deployment, unless it was promoted or is out already.
    fn without(&self, version: &str, worker: &Worker) -> Result<Option<Step>, Failure> {
        let before = Deployment::read(&self.common.place.wrangler, &worker.deployment())?;
        if !before.has(version) || before.is_all(version) {
            return Ok(None);
        }
        let shares = vec![Share::new(before.stable_beside(Some(version))?, 100)];
        Ok(Some(Step::DeployVersions(Box::new(DeployVersions::new(worker, &before, shares)))))
    }
}
