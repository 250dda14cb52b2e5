//! `serin start`: starts a rollout from a schedule's name, from steps, or from a plan file with optional changes.

use serin_logic::api::CommandAnswer;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use serin_logic::rollout::Plan;

use super::{rollout, watch};
use crate::client::{Answer, Client};
use crate::connection::{Connection, Why};
use crate::exit::Failure;
use crate::output;
use crate::rollout_format::place;
use crate::time_format::{exact, span};

/// `start`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct Start {
    /// The schedule; `custom` takes its steps from --step or --plan.
    #[arg(value_enum, required_unless_present_any = ["step", "plan"])]
    schedule: Option<Schedule>,
    /// Its name: 1 to 64 of A-Za-z0-9._-; made up if left out.
    #[arg(long)]
    id: Option<String>,
    /// A step: a percentage, how long it lasts, and whether it then waits for `promote`.
    #[arg(long, value_name = "PERCENTAGE[:SPAN][:approval]", value_parser = step, action = clap::ArgAction::Append)]
    step: Vec<Value>,
    /// Assign every visitor again, although the canary has visitors. Without it they stay on their side.
    #[arg(long)]
    reassign: bool,
    /// How long a step lasts that does not say so itself.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    hold: Option<Duration>,
    /// A plan as JSON: what `POST rollouts` takes. What is given beside it counts more.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    why: Why,
    /// Follow it until it is over, as `serin watch` does.
    #[arg(long)]
    watch: bool,
    /// Start although a switch keeps every visitor from the canary.
    #[arg(long)]
    anyway: bool,
    /// Start although the first step gives the canary fewer visitors than it has now.
    #[arg(long)]
    yes: bool,
    /// Ask the server for everything that a start checks, and start nothing.
    #[arg(long, conflicts_with = "watch")]
    dry_run: bool,
}

/// The schedules there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Schedule {
    /// 5, 25, 50, 100 %, 15 min each.
    Standard,
    /// 10, 50, 100 %, 5 min each.
    Fast,
    /// 5, 10, 25, 50, 75, 100 %, 30 min each.
    Safe,
    /// 100 % at once, 15 min to undo it.
    BlueGreen,
    /// Steps of its own.
    Custom,
}

// === impl Start ===

impl Start {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let plan = self.plan()?;
        Plan::parse(&Value::Object(plan.clone()).to_string())
            .map_err(|error| Failure::Usage(format!("the plan is not valid: {error}")))?;
        let client = Client::new(connection)?;
        if self.dry_run {
            let path = "rollouts?dryRun=true";
            let answer = rollout::post_confirmed(&client, path, self.body(plan, connection), self.yes)?;
            return show_check(connection, &answer);
        }
        let answer = rollout::post_confirmed(&client, "rollouts", self.body(plan, connection), self.yes)?;
        // With `--watch` the output is one line for each change.
        if !(self.watch && connection.json) {
            rollout::show(connection, "rollouts", &answer)?;
        }
        if !self.watch {
            return Ok(());
        }
        let id = answer.read::<CommandAnswer>()?.rollout.map(|rollout| rollout.id).or_else(|| self.id.clone());
        watch::Watch::of(id).follow(&client, connection.json)
    }

    fn body(&self, plan: Map<String, Value>, connection: &Connection) -> Map<String, Value> {
        let mut body = plan;
        body.extend(self.id.clone().map(|id| ("id".to_owned(), id.into())));
        body.extend(self.anyway.then(|| ("anyway".to_owned(), true.into())));
        body.extend(self.reassign.then(|| ("reassign".to_owned(), true.into())));
        body.extend(rollout::actor_and_reason(connection, &self.why));
        body
    }

    /// The document of the plan: the file's fields, overridden by the options.
    fn plan(&self) -> Result<Map<String, Value>, Failure> {
        let mut plan = match &self.plan {
            None => Map::new(),
            Some(file) => {
                let wrong = |why: String| Failure::Usage(format!("--plan {}: {why}", file.display()));
                let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
                serde_json::from_str(&text).map_err(|error| wrong(format!("not a JSON object: {error}")))?
            }
        };
        let has_steps = !self.step.is_empty();
        let schedule = match self.schedule {
            None | Some(Schedule::Custom) if has_steps => Some("custom".to_owned()),
            Some(_) if has_steps => {
                return Err(Failure::Usage(
                    "--step goes with the schedule custom alone; the others have their own".into(),
                ));
            }
            given => given.and_then(|schedule| Some(schedule.to_possible_value()?.get_name().to_owned())),
        };
        plan.extend(schedule.map(|schedule| ("schedule".to_owned(), schedule.into())));
        plan.extend(self.hold.map(|hold| ("hold".to_owned(), exact(hold).into())));
        if has_steps {
            plan.insert("steps".into(), self.step.clone().into());
        }
        Ok(plan)
    }
}

/// Prints what a start would lead to.
fn show_check(connection: &Connection, answer: &Answer) -> Result<(), Failure> {
    let check: CommandAnswer = answer.read()?;
    if !check.dry_run {
        // It may have been started.
        let server = "the server is older than --dry-run, and may have started the rollout";
        return Err(Failure::Failed(format!("{server}: see `serin status`")));
    }
    if connection.json {
        output::line(answer.text.trim_end());
        return Ok(());
    }
    rollout::warn(&check.warnings);
    let at = check.rollout.as_ref().map(|rollout| format!(": rollout {} would be {}", rollout.id, place(rollout)));
    let at = at.unwrap_or_default();
    let known = if check.already { ", and runs already" } else { "" };
    output::line(&format!("the server accepts the plan{known}{at}; nothing was started"));
    Ok(())
}

/// `5`, `5:10m`, `5:10m:approval` or `5:approval`.
fn step(text: &str) -> Result<Value, String> {
    let mut parts = text.split(':');
    let percentage = parts.next().unwrap_or_default();
    let percentage: Value = match percentage.parse::<f64>() {
        Ok(number) if (0.0..=100.0).contains(&number) => {
            serde_json::from_str(percentage).unwrap_or_else(|_| json!(number))
        }
        _ => return Err(format!("{percentage:?} is no percentage, accepted: 0 to 100")),
    };
    let mut step = Map::from_iter([("percentage".to_owned(), percentage)]);
    for part in parts {
        let (name, value) = match part {
            "approval" => ("approval", Value::Bool(true)),
            hold => ("hold", exact(span(hold)?).into()),
        };
        if step.insert(name.to_owned(), value).is_some() {
            return Err(format!("{text:?} names its {name} twice"));
        }
    }
    Ok(Value::Object(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_percentage_a_hold_and_an_approval() {
        assert_eq!(step("5"), Ok(json!({"percentage": 5})));
        assert_eq!(step("0.5:90s"), Ok(json!({"percentage": 0.5, "hold": "1m30s"})));
        assert_eq!(step("25:1h:approval"), Ok(json!({"percentage": 25, "hold": "1h", "approval": true})));
        assert_eq!(step("25:approval"), Ok(json!({"percentage": 25, "approval": true})));
        for text in ["", "x", "101", "-1", "5:", "5:10", "5:1m:2m", "nan"] {
            assert!(step(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_schedule_that_can_be_typed_is_one_that_the_worker_knows() {
        for schedule in Schedule::value_variants() {
            let name = schedule.to_possible_value().unwrap().get_name().to_owned();
            let steps = if name == "custom" { json!([5, 100]) } else { Value::Null };
            let mut plan = json!({"schedule": name, "steps": steps});
            plan.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            assert!(Plan::parse(&plan.to_string()).is_ok(), "{plan}");
        }
    }
}
