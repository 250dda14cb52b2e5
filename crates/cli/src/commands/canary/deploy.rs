//! `serin canary deploy`: deploys a version. Visitors reach it only after its gates have passed.

use clap::Args;
use serde_json::{Value, json};

use super::gates::{Gates, Variant};
use super::job::{Order, Step};
use super::standing::{DEPLOYED, DEPLOYING, Edit, PROMOTED, Standing};
use super::worker::{Subject, Worker};
use super::{Circumstances, Settle, signed};
use crate::arguments::Connection;
use crate::clock;
use crate::commands::state::number;
use crate::exit::Failure;
use crate::output::{self, CAUTION, styled};

/// `canary deploy`.
#[derive(Args, Debug)]
pub(crate) struct Deploy {
    #[command(flatten)]
    subject: Subject,
    /// The share it gets once it is healthy: 0 to 100, in steps of 0.001.
    #[arg(long, value_name = "NUMBER", default_value = "5", value_parser = number)]
    percentage: Value,
    /// A new salt. It re-assigns every visitor.
    #[arg(long, value_name = "ID")]
    rollout_id: Option<String>,
    #[command(flatten)]
    settle: Settle,
    #[command(flatten)]
    gates: Gates,
    #[command(flatten)]
    circumstances: Circumstances,
}

// === impl Deploy ===

impl Deploy {
    pub(super) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let worker = self.subject.read()?;
        let stable = self.gates.health(Variant::Stable, connection)?;
        let canary = self.gates.deployed(Variant::Canary, connection)?;
        let edit = self.edit(&worker, connection);
        // An invalid percentage is refused before anything is deployed.
        Standing::default().edited(&edit, false)?;
        let store = self.circumstances.store(connection)?;
        let standing = Standing::read(&store)?;
        refuse(&standing, &worker)?;
        standing.edited(&edit, false)?;
        for warning in &worker.warnings {
            output::error_line(&styled(CAUTION, &format!("warning: {warning}")));
        }

        let mut job = self.circumstances.job("canary deploy", connection, &store);
        job.about = vec![
            ("worker", worker.name.clone()),
            ("canary", worker.canary.clone()),
            ("percentage", self.percentage.to_string()),
            ("next", "`serin start SCHEDULE`, `serin canary promote` or `serin canary rollback`".into()),
        ];
        job.steps.push(Step::Gate(stable));
        // Some locations may still send visitors to a canary that was on a moment ago. Without a date the canary has been off for long.
        if standing.text("updatedAt").is_some() {
            job.steps.extend(self.settle.step(&standing, clock::now()));
        }
        // From this step on, the deployed canary is no longer the promoted one.
        if standing.text("stage") == Some(PROMOTED) {
            job.steps.push(Step::Write { edit: Edit(vec![("stage", json!(DEPLOYING))]), must: false });
        }
        job.steps.push(Step::Deploy { name: worker.canary.clone(), call: worker.deploy_canary() });
        job.steps.push(Step::Gate(canary));
        job.steps.push(Step::Write { edit, must: false });
        if standing.halt().is_some_and(|halt| halt.by_rollout) {
            job.steps.push(Step::Order(Order::LiftHalt));
        }
        job.run(self.circumstances.dry_run)
    }

    fn edit(&self, worker: &Worker, connection: &Connection) -> Edit {
        let mut edit = signed(connection);
        edit.0.extend([
            ("enabled", json!(true)),
            ("percentage", self.percentage.clone()),
            ("stableWorker", json!(worker.name)),
            ("canaryWorker", json!(worker.canary)),
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
fn refuse(standing: &Standing, worker: &Worker) -> Result<(), Failure> {
    if let Some(traffic) = standing.traffic() {
        let canary = &worker.canary;
        return Err(Failure::Failed(format!(
            "{canary} is in use, nothing was deployed: {traffic}; first `serin canary promote` or `serin canary rollback`"
        )));
    }
    if let Some(halt) = standing.halt().filter(|halt| !halt.by_rollout) {
        let (by, why) = (&halt.actor, &halt.reason);
        return Err(Failure::Failed(format!(
            "{by} halted the canary ({why}), nothing was deployed; first `serin resume-canary`"
        )));
    }
    Ok(())
}
