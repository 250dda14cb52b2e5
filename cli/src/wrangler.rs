//! wrangler as a child process. An [`Invocation`] is data: what is printed is what is run.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::exit::Failure;

/// Names the program that stands for `npx wrangler`.
const VARIABLE: &str = "SERIN_WRANGLER";

/// A call of wrangler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// After `wrangler`.
    pub(crate) args: Vec<String>,
    /// A file that it reads, made for it and taken away afterwards.
    pub(crate) document: Option<Document>,
}

/// A file for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// The option that names it.
    pub(crate) flag: &'static str,
    /// The folder it must be in; none: any.
    pub(crate) folder: Option<PathBuf>,
    /// What is in it.
    pub(crate) text: String,
}

/// What a call came to.
pub(crate) struct Outcome {
    /// Whether it ended well.
    pub(crate) is_good: bool,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

// === impl Invocation ===

impl Invocation {
    /// A call with these arguments.
    pub(crate) fn new(args: &[&str]) -> Self {
        Self { args: args.iter().map(|arg| (*arg).to_owned()).collect(), document: None }
    }

    /// With an option that has a value, if there is one.
    pub(crate) fn option(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.args.extend([name.to_owned(), value.to_owned()]);
        }
        self
    }

    /// Runs it with its output kept.
    ///
    /// # Errors
    /// There is no wrangler, or its file cannot be written.
    pub(crate) fn output(&self) -> Result<Outcome, Failure> {
        self.run(Stdio::piped(), Stdio::piped())
    }

    fn run(&self, stdout: Stdio, stderr: Stdio) -> Result<Outcome, Failure> {
        let file = self.document.as_ref().map(Document::write).transpose()?;
        let mut command = program();
        command.args(&self.args);
        if let (Some(document), Some(file)) = (&self.document, &file) {
            command.arg(document.flag).arg(file.path());
        }
        // Without standard input it asks nothing: what it would ask was decided by the options here.
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn();
        let output = child.and_then(std::process::Child::wait_with_output).map_err(|error| {
            let program = command.get_program().to_string_lossy();
            Failure::Failed(format!("{program} cannot be run: {error}; {VARIABLE} may name wrangler's path"))
        })?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Outcome { is_good: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) })
    }
}

/// As a shell would take it.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("npx wrangler")?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        match &self.document {
            Some(Document { flag, folder: None, .. }) => write!(f, " {flag} DOCUMENT"),
            Some(Document { flag, folder: Some(folder), .. }) => {
                write!(f, " {flag} {}", quoted(&folder.join("DOCUMENT").to_string_lossy()))
            }
            None => Ok(()),
        }
    }
}

// === impl Document ===

impl Document {
    fn write(&self) -> Result<tempfile::NamedTempFile, Failure> {
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".serin-").suffix(".json");
        let file = match &self.folder {
            Some(folder) => builder.tempfile_in(folder),
            None => builder.tempfile(),
        };
        let written = file.and_then(|mut file| file.write_all(self.text.as_bytes()).map(|()| file));
        written.map_err(|error| Failure::Failed(format!("a file for wrangler cannot be written: {error}")))
    }
}

// === impl Outcome ===

impl Outcome {
    /// Whether it says this anywhere.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.stdout.contains(text) || self.stderr.contains(text)
    }

    /// The failure it is.
    pub(crate) fn failure(&self, invocation: &Invocation) -> Failure {
        let said =
            [self.stderr.trim(), self.stdout.trim()].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        Failure::Failed(format!("`{invocation}` failed\n{said}"))
    }
}

fn program() -> Command {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return Command::new(path);
    }
    let mut npx = Command::new(if cfg!(windows) { "npx.cmd" } else { "npx" });
    npx.arg("wrangler");
    npx
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
        let mut call = Invocation::new(&["deploy"]).option("--name", Some("it's")).option("--env", None);
        assert_eq!(call.to_string(), r"npx wrangler deploy --name 'it'\''s'");
        call.document = Some(Document { flag: "--config", folder: Some("a b".into()), text: "{}".into() });
        assert_eq!(call.to_string(), r"npx wrangler deploy --name 'it'\''s' --config 'a b/DOCUMENT'");
    }
}
