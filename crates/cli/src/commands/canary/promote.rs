//! `serin canary promote`: makes the canary's code stable. The canary keeps its visitors until stable has the same code and is healthy,
//! so no request reaches a Worker that is missing or not ready.

use std::time::Duration;

use clap::Args;

use super::current_state::{CurrentState, PROMOTED, ROLLED_BACK};
use super::deployment::{DeployVersions, Deployment, Share};
use super::gates::{Gates, Variant};
use super::job::Step;
use super::worker::{Worker, WorkerOptions};
use super::{CommonOptions, off};
use crate::connection::Connection;
use crate::exit::Failure;
use crate::time_format::date_and_time;

/// `canary promote`.
#[derive(Args, Debug)]
pub(crate) struct Promote {
    #[command(flatten)]
    worker_options: WorkerOptions,
    #[command(flatten)]
    gates: Gates,
    #[command(flatten)]
    common: CommonOptions,
}

// === impl Promote ===

impl Promote {
    pub(super) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let worker = self.worker_options.read()?;
        let canary = self.gates.health(Variant::Canary, connection)?;
        let stable = self.gates.deployed(Variant::Stable, connection)?;
        let store = self.common.store(connection)?;
        let current = CurrentState::read(&store)?;

        let mut job = self.common.job("canary promote", connection, &store);
        job.about = vec![
            ("worker", worker.name.clone()),
            ("canary", format!("{}, without visitors", worker.canary)),
            ("next", "`serin canary clean-up`".into()),
        ];
        if let Some(at) = promoted(&current, &worker) {
            let Worker { name, canary, .. } = &worker;
            job.already(&format!(
                "{canary} was promoted to {name} at {at}; deploy a newer version with `serin canary deploy` first"
            ));
            return Ok(());
        }
        refuse(&current, &worker)?;
        job.steps.push(Step::Gate(canary));
        if let Some(version) = current.canary_version() {
            let canary = format!("version {version}, which is {} now", worker.name);
            job.about = vec![("worker", worker.name.clone()), ("canary", canary)];
            job.steps.extend(self.version(version, &worker, connection)?);
            if self.gates.address(Variant::Stable).is_some() {
                job.steps.push(Step::Gate(stable));
            }
        } else {
            job.steps.push(Step::Deploy { name: worker.name.clone(), call: worker.deploy() });
            job.steps.push(Step::Gate(stable));
        }
        job.steps.push(Step::Write { edit: off(PROMOTED, connection), must: false });
        let done = job.run(self.common.dry_run);
        done.map_err(|failure| match failure {
            Failure::Unhealthy(why) if why.starts_with(Variant::Stable.name()) => Failure::Unhealthy(format!(
                "{why}\nthe canary keeps its visitors; run `npx wrangler rollback --name {}` to restore stable's last version",
                worker.name
            )),
            failure => failure,
        })
    }
}

impl Promote {
    /// Deploys the canary's version at 100 %, unless it is already, and waits until requests for stable reach it.
    fn version(&self, version: &str, worker: &Worker, connection: &Connection) -> Result<Vec<Step>, Failure> {
        let before = Deployment::read(&self.common.place.wrangler, &worker.deployment())?;
        let mut steps = Vec::new();
        if !before.is_all(version) {
            before.stable_beside(Some(version))?;
            if !before.has(version) {
                return Err(Failure::Failed(format!(
                    "version {version} is not in {}'s deployment any more; nothing was deployed. `serin canary rollback`, then deploy it again",
                    worker.name
                )));
            }
            let shares = vec![Share::new(version, 100)];
            steps.push(Step::DeployVersions(Box::new(DeployVersions::new(worker, &before, shares))));
        }
        let gate = self.gates.of_splitter(Variant::Stable, connection)?;
        steps.push(Step::Gate(gate.of_version(version, Duration::ZERO)));
        Ok(steps)
    }
}

/// Time of this canary's promotion.
fn promoted(current: &CurrentState, worker: &Worker) -> Option<String> {
    let is_this = current.text("canaryWorker").is_none_or(|name| name == worker.canary);
    let is_done = current.text("stage") == Some(PROMOTED) && !current.is_enabled() && current.traffic().is_none();
    (is_this && is_done).then(|| current.text("updatedAt").map_or_else(|| "an unknown time".into(), date_and_time))
}

/// Refuses a canary that is not in use, or that a halt, a rollback or a running rollout puts in doubt.
fn refuse(current: &CurrentState, worker: &Worker) -> Result<(), Failure> {
    let refused = |why: String| Err(Failure::Failed(format!("{why}; nothing was deployed")));
    if let Some(rollout) = current.under_way() {
        let (id, phase) = (&rollout.id, &rollout.phase);
        return refused(format!(
            "rollout {id} is {phase}: wait for its end with `serin watch`, or end it with `serin abort`"
        ));
    }
    if let Some(error) = &current.invalid {
        return refused(format!("canary-state is not valid: {error}"));
    }
    if let Some(halt) = current.halt() {
        let (by, why) = (&halt.actor, &halt.reason);
        return refused(format!("the canary is halted by {by}: {why}"));
    }
    if current.text("stage") == Some(ROLLED_BACK) {
        return refused("the canary was rolled back: deploy another version with `serin canary deploy`".into());
    }
    if let Some(rollout) = current.taken_back() {
        return refused(format!("rollout {} is {}", rollout.id, rollout.phase));
    }
    if !current.is_enabled() {
        return refused("canary-state is disabled, so there is no canary: run `serin canary deploy` first".into());
    }
    match current.text("canaryWorker") {
        Some(other) if other != worker.canary => refused(format!("the canary is {other}, not {}", worker.canary)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
