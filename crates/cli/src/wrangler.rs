//! wrangler as a child process. An [`Invocation`] is data, so that a dry run prints exactly what a real run executes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use serde_json::Value;

use crate::exit::Failure;

/// Environment variable that names the wrangler program.
const VARIABLE: &str = "SERIN_WRANGLER";

/// Environment variable that names the file in which wrangler reports what it did, one JSON document a line.
const REPORT_VARIABLE: &str = "WRANGLER_OUTPUT_FILE_PATH";

/// Options that name the wrangler program.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Wrangler {
    /// Path of wrangler; default: `SERIN_WRANGLER`, then the one that npx finds installed.
    #[arg(id = "wrangler", long = "wrangler", value_name = "PATH")]
    path: Option<PathBuf>,
}

/// A call of wrangler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Arguments after `wrangler`.
    pub(crate) args: Vec<String>,
    /// Working directory, or `None` for the current one.
    pub(crate) folder: Option<PathBuf>,
    /// Temporary file that the call reads. It is deleted after the call.
    pub(crate) document: Option<Document>,
}

/// A temporary file for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// The option that names the file.
    pub(crate) flag: &'static str,
    /// Whether the file must be in the directory of the call, because its paths are relative to it.
    pub(crate) is_there: bool,
    /// Content of the file.
    pub(crate) text: String,
}

/// Outcome of a call.
pub(crate) struct Outcome {
    /// Whether the exit code was 0.
    pub(crate) is_good: bool,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

// === impl Invocation ===

impl Invocation {
    /// Creates a call with these arguments.
    pub(crate) fn new(args: &[&str]) -> Self {
        Self { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..Self::default() }
    }

    /// Adds an option with a value, if there is a value.
    pub(crate) fn option(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.args.extend([name.to_owned(), value.to_owned()]);
        }
        self
    }

    /// Sets the working directory.
    pub(crate) fn inside(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }
}

// === impl Wrangler ===

impl Wrangler {
    /// Runs a call and captures its output.
    ///
    /// # Errors
    /// wrangler is not installed, or its temporary file cannot be written.
    pub(crate) fn output(&self, call: &Invocation) -> Result<Outcome, Failure> {
        self.run(call, Stdio::piped(), Stdio::piped(), None)
    }

    /// Runs a call and shows its output on this process's standard error.
    ///
    /// # Errors
    /// wrangler is not installed, its temporary file cannot be written, or the call failed.
    pub(crate) fn follow(&self, call: &Invocation) -> Result<(), Failure> {
        self.show(call, None)
    }

    /// As [`follow`](Self::follow), and gives what wrangler reports of it.
    ///
    /// # Errors
    /// As [`follow`](Self::follow), or wrangler reports nothing.
    pub(crate) fn report(&self, call: &Invocation) -> Result<Vec<Value>, Failure> {
        let wrong = |error| Failure::Failed(format!("wrangler's report cannot be read: {error}"));
        let file = tempfile::Builder::new().prefix("serin-").suffix(".ndjson").tempfile().map_err(wrong)?;
        self.show(call, Some(file.path()))?;
        let text = std::fs::read_to_string(file.path()).map_err(wrong)?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    fn show(&self, call: &Invocation, report: Option<&Path>) -> Result<(), Failure> {
        let outcome = self.run(call, std::io::stderr().into(), Stdio::inherit(), report)?;
        let failed = || Failure::Failed(format!("`{}` failed; see its output above", self.describe(call)));
        outcome.is_good.then_some(()).ok_or_else(failed)
    }

    fn run(&self, call: &Invocation, stdout: Stdio, stderr: Stdio, report: Option<&Path>) -> Result<Outcome, Failure> {
        let file = call.document.as_ref().map(|document| document.write(call.folder.as_deref())).transpose()?;
        let (program, before) = self.program();
        let mut command = Command::new(&program);
        command.args(before).args(&call.args);
        if let (Some(document), Some(file)) = (&call.document, &file) {
            command.arg(document.flag).arg(file.path());
        }
        if let Some(report) = report {
            command.env(REPORT_VARIABLE, report);
        }
        if let Some(folder) = &call.folder {
            command.current_dir(folder);
        }
        // Without standard input wrangler asks no questions. The options of a call answer them.
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
        let output = child.and_then(std::process::Child::wait_with_output).map_err(|error| {
            Failure::Failed(format!(
                "{program} cannot be run: {error}; set --wrangler or {VARIABLE} to the path of wrangler"
            ))
        })?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Outcome { is_good: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) })
    }

    /// A call in shell syntax.
    pub(crate) fn describe(&self, call: &Invocation) -> String {
        let place = call.folder.as_ref().map(|folder| format!("cd {} && ", quoted(&folder.to_string_lossy())));
        let document = call.document.as_ref().map(|document| [document.flag.to_owned(), "DOCUMENT".to_owned()]);
        let (program, before) = self.program();
        let before = before.iter().map(|word| (*word).to_owned());
        let words = std::iter::once(program)
            .chain(before)
            .chain(call.args.iter().cloned())
            .chain(document.into_iter().flatten());
        let words: Vec<String> = words.map(|word| quoted(&word)).collect();
        format!("{}{}", place.unwrap_or_default(), words.join(" "))
    }

    /// The error for a failed call.
    pub(crate) fn failure(&self, call: &Invocation, outcome: &Outcome) -> Failure {
        let said = [&outcome.stderr, &outcome.stdout].map(|text| text.trim());
        let said = said.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        Failure::Failed(format!("`{}` failed\n{said}", self.describe(call)))
    }

    /// The program, and the arguments before those of a call.
    fn program(&self) -> (String, &'static [&'static str]) {
        let variable = || std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        match self.path.clone().or_else(variable) {
            // A relative path must also resolve from the working directory of a call.
            Some(path) if path.components().count() > 1 => {
                (std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned(), &[])
            }
            Some(name) => (name.to_string_lossy().into_owned(), &[]),
            // npx must not download a program that is not installed.
            None => (if cfg!(windows) { "npx.cmd" } else { "npx" }.to_owned(), &["--no-install", "wrangler"]),
        }
    }
}

// === impl Document ===

impl Document {
    fn write(&self, folder: Option<&Path>) -> Result<tempfile::NamedTempFile, Failure> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".serin-").suffix(".json");
        let file = match folder.filter(|_| self.is_there) {
            Some(folder) => builder.tempfile_in(folder),
            None => builder.tempfile(),
        };
        let written = file.and_then(|mut file| file.write_all(self.text.as_bytes()).map(|()| file));
        written.map_err(|error| Failure::Failed(format!("a file for wrangler cannot be written: {error}")))
    }
}

// === impl Outcome ===

impl Outcome {
    /// Whether standard output or standard error contains `text`.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }
}

fn quoted(arg: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !arg.is_empty() && arg.chars().all(is_plain) {
        arg.to_owned()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_shown_as_a_shell_takes_it() {
        let wrangler = Wrangler { path: Some("wrangler".into()) };
        let mut call = Invocation::new(&["deploy"]).option("--name", Some("it's")).option("--env", None);
        assert_eq!(wrangler.describe(&call), r"wrangler deploy --name 'it'\''s'");
        call.document = Some(Document { flag: "--config", is_there: true, text: "{}".into() });
        let call = call.inside(Path::new("/a b"));
        assert_eq!(wrangler.describe(&call), r"cd '/a b' && wrangler deploy --name 'it'\''s' --config DOCUMENT");
    }
}
