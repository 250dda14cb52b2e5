//! `serin canary deploy`: deploys a version. Visitors reach it only after its gates have passed.

use clap::Args;
use serde_json::{Value, json};

use super::current_state::{CurrentState, DEPLOYED, DEPLOYING, Edit, PROMOTED};
use super::deployment::{DeployVersions, Deployment, Share, UPLOADED};
use super::gates::{Gates, Variant};
use super::job::{ControllerCommand, Step};
use super::worker::{Worker, WorkerOptions};
use super::{CommonOptions, Settle, signed};
use crate::clock;
use crate::commands::state::number;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output::{self, CAUTION, styled};

/// `canary deploy`.
#[derive(Args, Debug)]
pub(crate) struct Deploy {
    #[command(flatten)]
    worker_options: WorkerOptions,
    /// Deploy the canary as a version of NAME instead of a Worker of its own.
    #[arg(long)]
    versions: bool,
    /// Share of visitors once the canary is healthy: 0 to 100, in steps of 0.001.
    #[arg(long, value_name = "NUMBER", default_value = "5", value_parser = number)]
    percentage: Value,
    /// New salt of the assignment; re-assigns every visitor.
    #[arg(long, value_name = "ID")]
    rollout_id: Option<String>,
    #[command(flatten)]
    settle: Settle,
    #[command(flatten)]
    gates: Gates,
    #[command(flatten)]
    common: CommonOptions,
}

// === impl Deploy ===

impl Deploy {
    pub(super) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let worker = self.worker_options.read()?;
        let stable = self.gates.health(Variant::Stable, connection)?;
        let canary = self.gates.deployed(Variant::Canary, connection)?;
        let edit = self.edit(&worker, connection);
        // An invalid percentage is refused before anything is deployed.
        CurrentState::default().edited(&edit, false)?;
        let store = self.common.store(connection)?;
        let current = CurrentState::read(&store)?;
        refuse(&current, &worker)?;
        current.edited(&edit, false)?;
        // A version is reached by the name of stable's Worker, and a gate of its own proves that it is.
        let checked =
            if self.versions { None } else { Some(self.common.check_bound(&worker.canary, connection, &store)?) };
        for warning in &worker.warnings {
            output::error_line(&styled(CAUTION, &format!("warning: {warning}")));
        }

        let mut job = self.common.job("canary deploy", connection, &store);
        let name = if self.versions { format!("a version of {}", worker.name) } else { worker.canary.clone() };
        job.about = vec![
            ("worker", worker.name.clone()),
            ("canary", name),
            ("percentage", self.percentage.to_string()),
            ("next", "`serin start SCHEDULE`, `serin canary promote` or `serin canary rollback`".into()),
        ];
        job.about.extend(checked.map(|checked| ("checked", checked)));
        job.steps.push(Step::Gate(stable));
        // Some locations may still send visitors to a canary that was on a moment ago. Without a date the canary has been off for long.
        if current.text("updatedAt").is_some() {
            job.steps.extend(self.settle.step(&current, clock::now()));
        }
        if self.versions {
            job.steps.extend(self.as_version(&worker, &current, connection)?);
            if self.gates.address(Variant::Canary).is_some() {
                job.steps.push(Step::Gate(canary));
            }
        } else {
            // From this step on, the deployed canary is no longer the promoted one.
            if current.text("stage") == Some(PROMOTED) {
                job.steps.push(Step::Write { edit: Edit(vec![("stage", json!(DEPLOYING))]), must: false });
            }
            job.steps.push(Step::Deploy { name: worker.canary.clone(), call: worker.deploy_canary() });
            job.steps.push(Step::Gate(canary));
        }
        job.steps.push(Step::Write { edit, must: false });
        if current.halt().is_some_and(|halt| halt.by_rollout) {
            job.steps.push(Step::Command(ControllerCommand::LiftHalt { percentage: self.percentage.clone() }));
        }
        job.run(self.common.dry_run)
    }

    /// Uploads the version and deploys it at 0 %, and waits until the splitter's own requests reach it. The document names it before it is
    /// deployed, so that a second run knows the version of a first one that was stopped.
    fn as_version(
        &self,
        worker: &Worker,
        current: &CurrentState,
        connection: &Connection,
    ) -> Result<[Step; 4], Failure> {
        let before = Deployment::read(&self.common.place.wrangler, &worker.deployment())?;
        let stable = before.stable_beside(current.canary_version())?;
        let shares = vec![Share::new(stable, 100), Share::new(UPLOADED, 0)];
        let name = worker.name.clone();
        let [enabled, percentage] = [json!(false), json!(0)];
        let mut edit = signed(connection);
        edit.0.extend([("enabled", enabled), ("percentage", percentage), ("stage", json!(DEPLOYING))]);
        edit.0.extend([("canaryVersion", json!(UPLOADED)), ("canaryWorker", Value::Null)]);
        let gate = self.gates.of_splitter(Variant::Canary, connection)?.of_version(UPLOADED, self.settle.settle);
        Ok([
            Step::Upload { name, call: worker.upload_version() },
            Step::Write { edit, must: false },
            Step::DeployVersions(Box::new(DeployVersions::new(worker, &before, shares))),
            Step::Gate(gate),
        ])
    }

    fn edit(&self, worker: &Worker, connection: &Connection) -> Edit {
        let mut edit = signed(connection);
        let (canary, version) =
            if self.versions { (Value::Null, json!(UPLOADED)) } else { (json!(worker.canary), Value::Null) };
        edit.0.extend([
            ("enabled", json!(true)),
            ("percentage", self.percentage.clone()),
            ("stableWorker", json!(worker.name)),
            ("canaryWorker", canary),
            ("canaryVersion", version),
            ("deployedAt", json!(clock::now().to_rfc3339())),
            ("stage", json!(DEPLOYED)),
        ]);
        let given = [
            ("stableUrl", self.gates.address(Variant::Stable)),
            ("canaryUrl", self.gates.address(Variant::Canary)),
            ("rolloutId", self.rollout_id.as_deref()),
        ];
        edit.0.extend(given.into_iter().filter_map(|(name, value)| Some((name, json!(value?)))));
        edit
    }
}

/// The deployed version has passed no gate yet, so no visitor may be on the canary and no halt or rollback may be in force.
fn refuse(current: &CurrentState, worker: &Worker) -> Result<(), Failure> {
    if let Some(traffic) = current.traffic() {
        let canary = &worker.canary;
        return Err(Failure::Failed(format!(
            "{canary} is in use, nothing was deployed: {traffic}; run `serin canary promote` or `serin canary rollback` first"
        )));
    }
    if let Some(halt) = current.halt().filter(|halt| !halt.by_rollout) {
        let (by, why) = (&halt.actor, &halt.reason);
        return Err(Failure::Failed(format!(
            "{by} halted the canary ({why}), nothing was deployed; run `serin resume-canary` first"
        )));
    }
    Ok(())
}
