//! The steps of a command as a list. `--dry-run` prints the list; otherwise the steps run in this command.

use serin_logic::api::StatusView;
use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::current_state::{CurrentState, Edit};
use super::deployment::{DeployVersions, UPLOADED, uploaded};
use super::gates::Gate;
use crate::client::Client;
use crate::clock;
use crate::commands::rollout::actor_and_reason;
use crate::commands::state::Store;
use crate::connection::{Connection, Why};
use crate::exit::Failure;
use crate::output::{self, CAUTION, GOOD, sheet, styled};
use crate::time_format::exact;
use crate::wrangler::{Invocation, Wrangler};

/// Pause between two polls of the controller's outbox.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// One step of a command.
pub(super) enum Step {
    /// Runs a gate. The job stops if the gate fails.
    Gate(Gate),
    /// Waits until a document has reached every location.
    Wait(Duration),
    /// Deploys a Worker.
    Deploy { name: String, call: Invocation },
    /// Uploads a version of a Worker. Later steps have its id in place of [`UPLOADED`].
    Upload { name: String, call: Invocation },
    /// Changes which versions of a Worker serve.
    DeployVersions(Box<DeployVersions>),
    /// Deletes a Worker.
    Delete { name: String, call: Invocation },
    /// Sends a command to the controller.
    Command(ControllerCommand),
    /// Changes the document. `must` says whether to replace a document that is not valid.
    Write { edit: Edit, must: bool },
}

/// A command for the controller.
#[derive(Debug, PartialEq)]
pub(super) enum ControllerCommand {
    Abort,
    Halt,
    /// Confirms the percentage that was just written.
    LiftHalt {
        percentage: Value,
    },
}

/// A command's steps and their dependencies.
pub(super) struct Job<'a> {
    pub(super) command: &'static str,
    pub(super) connection: &'a Connection,
    pub(super) store: &'a Store,
    pub(super) wrangler: &'a Wrangler,
    pub(super) why: &'a Why,
    /// Names and values for the summary.
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) steps: Vec<Step>,
    /// Id of the version that this command has uploaded.
    pub(super) uploaded: RefCell<Option<String>>,
}

// === impl Job ===

impl Job<'_> {
    /// Prints the steps, or runs them in command until one fails.
    ///
    /// # Errors
    /// The error of the step that failed. Later steps do not run.
    pub(super) fn run(&self, dry: bool) -> Result<(), Failure> {
        if dry { self.show() } else { self.execute() }
    }

    fn show(&self) -> Result<(), Failure> {
        let words = self.steps.iter().map(|step| Ok((step.title(), self.describe(step)?)));
        let words = words.collect::<Result<Vec<_>, Failure>>()?;
        if self.connection.json {
            let steps = words
                .iter()
                .map(|(title, (line, document))| json!({"step": title, "call": line, "document": document}));
            output::line(&self.json(json!({"dryRun": true, "steps": steps.collect::<Vec<_>>()})).to_string());
            return Ok(());
        }
        for (number, (title, (line, document))) in words.iter().enumerate() {
            output::line(&format!("{}. {title}\n   {line}", number + 1));
            if let Some(document) = document {
                output::line(&indented(&format!("{document:#}")));
            }
        }
        Ok(())
    }

    fn execute(&self) -> Result<(), Failure> {
        let mut done = Vec::new();
        let mut late = None;
        for step in &self.steps {
            let title = step.title();
            match self.perform(step) {
                Ok(result) => {
                    if !self.connection.json {
                        output::line(&format!("{}  {title}: {result}", styled(GOOD, "done")));
                    }
                    done.push(json!({"step": title, "result": result}));
                }
                Err(failure) if step.is_one_of_two() => {
                    output::error_line(&styled(CAUTION, &format!("warning: {title} failed: {failure}")));
                    done.push(json!({"step": title, "failed": failure.to_string()}));
                    late = Some(failure);
                }
                Err(failure) => {
                    if self.connection.json && !matches!(failure, Failure::Refused(_)) {
                        let report = json!({"done": done, "failed": {"step": title, "why": failure.to_string()}});
                        output::line(&self.json(report).to_string());
                    }
                    return Err(failure);
                }
            }
        }
        if self.connection.json {
            output::line(&self.json(json!({"already": false, "done": done})).to_string());
        } else {
            output::line(&format!("\n{}", self.summary()));
        }
        late.map_or(Ok(()), Err)
    }

    /// Reports that nothing has to be done, with the reason.
    pub(super) fn already(&self, why: &str) {
        if self.connection.json {
            output::line(&self.json(json!({"already": true, "why": why})).to_string());
        } else {
            output::line(&format!("nothing to do: {why}"));
        }
    }

    fn summary(&self) -> String {
        sheet(self.about.iter().map(|(name, value)| (*name, Some(value.clone()))).collect())
    }

    fn json(&self, mut report: Value) -> Value {
        if let Some(report) = report.as_object_mut() {
            report.insert("command".into(), self.command.into());
            report.extend(self.about.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())));
        }
        report
    }

    /// A step's call and document, for a dry run.
    fn describe(&self, step: &Step) -> Result<(String, Option<Value>), Failure> {
        Ok(match step {
            Step::Gate(gate) => (gate.describe(), None),
            Step::Wait(time) => (format!("wait {}", exact(*time)), None),
            Step::DeployVersions(change) => (self.wrangler.describe(&change.call), None),
            Step::Deploy { call, .. } | Step::Upload { call, .. } | Step::Delete { call, .. } => {
                let document = call.document.as_ref().and_then(|document| serde_json::from_str(&document.text).ok());
                (self.wrangler.describe(call), document)
            }
            Step::Command(command) => {
                (format!("POST {}/__serin/{}", self.client()?.origin(), command.path()), Some(self.body().into()))
            }
            Step::Write { edit, must } => {
                let checked = CurrentState::of(self.store.read()?.as_deref()).edited(edit, *must)?;
                (self.store.describe_write(&checked), Some(checked.value()))
            }
        })
    }

    fn perform(&self, step: &Step) -> Result<String, Failure> {
        match step {
            Step::Gate(gate) => gate.pass(self.uploaded.borrow().as_deref()),
            Step::Wait(time) => {
                if !self.connection.json {
                    output::error_line(&format!(
                        "waiting {} until no location can still send visitors to the old canary",
                        exact(*time)
                    ));
                }
                clock::wait(*time);
                Ok(format!("for {}", exact(*time)))
            }
            Step::Deploy { name, call } => self.wrangler.follow(call).map(|()| name.clone()),
            Step::Upload { call, .. } => {
                let report = self.wrangler.report(call)?;
                let id = uploaded(&report).ok_or_else(|| {
                    Failure::Failed("wrangler reports no version id; is it older than 4.0? Nothing was deployed".into())
                })?;
                Ok(self.uploaded.borrow_mut().insert(id).clone())
            }
            Step::DeployVersions(change) => change.perform(self.wrangler, self.uploaded.borrow().as_deref()),
            Step::Delete { name, call } => self.delete(name, call),
            Step::Command(command) => self.send(command),
            Step::Write { edit, must } => {
                let edit = self.with_upload(edit);
                // The document is read again because the steps before this one took time.
                let checked = CurrentState::of(self.store.read()?.as_deref()).edited(&edit, *must)?;
                for warning in &checked.warnings {
                    output::error_line(&styled(CAUTION, &format!("warning: {warning}")));
                }
                let already = self.store.write(&checked, self.connection, self.why)?.already;
                Ok(format!("{}{}", if already { "unchanged: " } else { "" }, checked.summary()))
            }
        }
    }

    /// The changes with the id of the version that was uploaded.
    fn with_upload(&self, Edit(fields): &Edit) -> Edit {
        let uploaded = self.uploaded.borrow();
        let known = |value: &Value| match &*uploaded {
            Some(id) if value == UPLOADED => Value::from(id.clone()),
            _ => value.clone(),
        };
        Edit(fields.iter().map(|(name, value)| (*name, known(value))).collect())
    }

    fn delete(&self, name: &str, call: &Invocation) -> Result<String, Failure> {
        let outcome = self.wrangler.output(call)?;
        // The codes of Cloudflare's API for a Worker that does not exist.
        let is_gone = ["code: 10007", "code: 10090"].iter().any(|code| outcome.says(code));
        match () {
            () if outcome.is_good => Ok(name.to_owned()),
            () if is_gone => Ok(format!("{name} was already deleted")),
            () => Err(self.wrangler.failure(call, &outcome)),
        }
    }

    fn send(&self, command: &ControllerCommand) -> Result<String, Failure> {
        let client = self.client()?;
        let mut body = self.body();
        if let ControllerCommand::LiftHalt { percentage } = command {
            body.insert("percentage".into(), percentage.clone());
        }
        client.post(command.path(), &body.into())?;
        // The controller's write for an abort must not come after the write of the next step.
        let tries = self.connection.timeout.as_millis() / POLL_INTERVAL.as_millis();
        for _ in 0..tries {
            let Ok(status) = client.get("status").and_then(|answer| answer.read::<StatusView>()) else { break };
            if !status.outbox.iter().any(|kind| kind == "write") {
                return Ok("busy locations apply it within seconds".into());
            }
            clock::wait(POLL_INTERVAL);
        }
        Ok("not in KV yet; the controller keeps trying".into())
    }

    fn body(&self) -> Map<String, Value> {
        actor_and_reason(self.connection, self.why)
    }

    fn client(&self) -> Result<&Client, Failure> {
        self.store.api().ok_or_else(|| Failure::Failed("there is no control API".into()))
    }
}

// === impl Step ===

impl Step {
    /// Whether the step and the next step stop the canary in two independent ways. The next step then runs even if this one fails.
    const fn is_one_of_two(&self) -> bool {
        matches!(self, Self::Command(ControllerCommand::Abort | ControllerCommand::Halt))
    }

    fn title(&self) -> String {
        match self {
            Self::Gate(gate) => gate.title(),
            Self::Wait(_) => "wait for the last visitors".into(),
            Self::Deploy { name, .. } => format!("deploy {name}"),
            Self::Upload { name, .. } => format!("upload a version of {name}"),
            Self::DeployVersions(change) => format!("deploy versions of {}", change.name),
            Self::Delete { name, .. } => format!("delete {name}"),
            Self::Command(command) => command.title().into(),
            Self::Write { .. } => "write canary-state".into(),
        }
    }
}

// === impl ControllerCommand ===

impl ControllerCommand {
    const fn path(&self) -> &'static str {
        match self {
            Self::Abort => "rollouts/current/abort",
            Self::Halt => "halt",
            Self::LiftHalt { .. } => "resume-canary",
        }
    }

    const fn title(&self) -> &'static str {
        match self {
            Self::Abort => "abort the rollout",
            Self::Halt => "halt the canary",
            Self::LiftHalt { .. } => "lift the halt of the ended rollout",
        }
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}
