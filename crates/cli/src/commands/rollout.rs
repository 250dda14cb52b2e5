//! Commands for the current rollout, and the halt. Each command sends one request, is idempotent, and reports when it changed nothing.

use clap::Args;
use serde_json::{Map, Value};
use serin_logic::api::CommandAnswer;

use crate::client::{Answer, Client};
use crate::connection::{Connection, Why};
use crate::exit::Failure;
use crate::output::{self, STRONG, styled};
use crate::rollout_format::place;

/// A command without options of its own.
#[derive(Args, Debug)]
pub(crate) struct RolloutCommand {
    #[command(flatten)]
    why: Why,
    /// Refuse unless this is the epoch that `status` shows. A halt is never refused.
    #[arg(long, value_name = "N")]
    epoch: Option<u64>,
}

/// `promote`.
#[derive(Args, Debug)]
pub(crate) struct Promote {
    /// Go straight to 100 %.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    command: RolloutCommand,
}

/// `abort`. It takes no epoch: what stops a canary must not fail for having been slow.
#[derive(Args, Debug)]
pub(crate) struct Abort {
    /// Refuse unless this is the current rollout.
    #[arg(long, value_name = "ID")]
    rollout: Option<String>,
    #[command(flatten)]
    why: Why,
}

/// `resume-canary`.
#[derive(Args, Debug)]
pub(crate) struct ResumeCanary {
    /// Confirm that this puts more visitors on the canary than its rollout has observed.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    command: RolloutCommand,
}

// === impl RolloutCommand ===

impl RolloutCommand {
    pub(crate) fn run(&self, connection: &Connection, path: &str) -> Result<(), Failure> {
        send(connection, path, self.body(connection))
    }

    fn body(&self, connection: &Connection) -> Map<String, Value> {
        let mut body = actor_and_reason(connection, &self.why);
        body.extend(self.epoch.map(|epoch| ("epoch".to_owned(), epoch.into())));
        body
    }
}

// === impl Promote ===

impl Promote {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let mut body = self.command.body(connection);
        body.insert("to".into(), if self.full { "full" } else { "next" }.into());
        send(connection, "rollouts/current/promote", body)
    }
}

// === impl ResumeCanary ===

impl ResumeCanary {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        const PATH: &str = "resume-canary";
        let client = Client::new(connection)?;
        let answer = post_confirmed(&client, PATH, self.command.body(connection), self.yes)?;
        show(connection, PATH, &answer)
    }
}

// === impl Abort ===

impl Abort {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let mut body = actor_and_reason(connection, &self.why);
        body.extend(self.rollout.clone().map(|id| ("rolloutId".to_owned(), id.into())));
        send(connection, "rollouts/current/abort", body)
    }
}

/// The known fields of `actor` and `reason` for a request body.
pub(super) fn actor_and_reason(connection: &Connection, why: &Why) -> Map<String, Value> {
    let known = [("actor", connection.who()), ("reason", why.why.clone())];
    known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
}

fn send(connection: &Connection, path: &str, body: Map<String, Value>) -> Result<(), Failure> {
    let answer = Client::new(connection)?.post(path, &Value::Object(body))?;
    show(connection, path, &answer)
}

/// Sends a command. With `yes`, it confirms the percentage that the server asks about.
pub(super) fn post_confirmed(
    client: &Client,
    path: &str,
    mut body: Map<String, Value>,
    yes: bool,
) -> Result<Answer, Failure> {
    match client.post(path, &Value::Object(body.clone())) {
        Err(Failure::Refused(refusal)) if yes && refusal.is("unconfirmed") => {
            body.extend(refusal.member("percentage").map(|percentage| ("percentage".to_owned(), percentage)));
            client.post(path, &Value::Object(body))
        }
        answer => answer,
    }
}

/// Prints what may surprise about a start.
pub(super) fn warn(warnings: &[String]) {
    for warning in warnings {
        output::error_line(&format!("warning: {warning}"));
    }
}

/// Prints the outcome of a command.
pub(super) fn show(connection: &Connection, path: &str, answer: &Answer) -> Result<(), Failure> {
    if connection.json {
        output::line(answer.text.trim_end());
        return Ok(());
    }
    let CommandAnswer { already, rollout, percentage, failed, warnings, .. } = answer.read()?;
    warn(&warnings);
    let done = match path.rsplit('/').next().unwrap_or(path) {
        "rollouts" => "started",
        "halt" => "the canary is halted",
        "resume-canary" => "the halt is lifted",
        "pause" => "paused",
        "resume" => "resumed",
        "promote" => "promoted",
        "abort" => "aborted",
        "undo" => "undone",
        other => other,
    };
    let done = match percentage {
        Some(percentage) => format!("{done}: {percentage} % of visitors go to the canary"),
        None => done.to_owned(),
    };
    let done = if already { format!("already done, nothing changed: {done}") } else { done };
    output::line(&match rollout {
        Some(rollout) => {
            let (id, place) = (styled(STRONG, &rollout.id), place(&rollout));
            format!("{done}; rollout {id} is {}, {place}", rollout.phase)
        }
        None => done,
    });
    failed.lines().for_each(|line| output::error_line(&format!("warning: {line}")));
    Ok(())
}
