//! Results of commands: the exit codes, which scripts rely on, and the printed errors.

use std::fmt::Write as _;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
use thiserror::Error;

use crate::output;
use crate::unreachable::Unreachable;

/// Last lines of `--help`. The numbers are frozen.
pub(crate) const CODES: &str = "\
Exit codes:
  0  success
  1  refused or failed; the reason is on standard error
  2  wrong usage or invalid document; nothing was sent
  3  the server cannot be reached
  4  the rollout was rolled back or aborted (watch)
  5  unhealthy (health, gate, and the gates of canary deploy and promote)
  6  not over: the rollout is paused, or the time is up (watch --for, --stop-when-paused)

Environment:
  SERIN_URL    address of Serin
  SERIN_TOKEN  value of Serin's secret ADMIN_TOKEN; without it, a command for this
               machine reads .dev.vars in the current folder
  SERIN_WHO    name of the actor in the audit log; default: USER
  SERIN_ACCESS_TOKEN                                  for a server behind Cloudflare Access:
                                                      output of `cloudflared access token`; or else
  SERIN_ACCESS_CLIENT_ID, SERIN_ACCESS_CLIENT_SECRET  the two parts of a service token
  NO_COLOR     turn colours off";

/// Error of a command.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The server refused the request.
    #[error("{}", .0.title)]
    Refused(Box<Refusal>),
    /// A local operation failed, such as a file access or a child process.
    #[error("{0}")]
    Failed(String),
    /// An argument or a document is not valid. No request was sent.
    #[error("{0}")]
    Usage(String),
    /// The server did not respond.
    #[error("{0}")]
    Unreachable(Box<Unreachable>),
    /// The rollout ended without promoting its canary.
    #[error("{0}")]
    RolledBack(String),
    /// The server answers `/health` in a way that Serin does not.
    #[error("{0}")]
    NotSerin(String),
    /// A health check failed.
    #[error("{0}")]
    Unhealthy(String),
    /// The rollout has not ended.
    #[error("{0}")]
    NotOver(String),
}

/// The hint where another server answers.
const NOT_SERIN: &str = "check that --url is the address of the splitter, and that its version is recent enough";

/// An error response: the fields of problem+json, as far as the server sent them.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// URN of the kind of problem.
    pub(crate) kind: Option<String>,
    /// Short description of the kind.
    pub(crate) title: String,
    /// Description of this occurrence.
    pub(crate) detail: Option<String>,
    /// Name of the request field that is wrong.
    pub(crate) field: Option<String>,
    /// Body of the response, unchanged.
    pub(crate) body: String,
    /// Whether the server is on this machine.
    pub(crate) is_here: bool,
}

// === impl Failure ===

impl Failure {
    /// Exit code of the process.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::RolledBack(_) => 4,
            Self::Unhealthy(_) | Self::NotSerin(_) => 5,
            Self::NotOver(_) => 6,
        }
    }

    /// Prints the error to standard error. With `--json` it also prints the server's response to standard output.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if let (Self::Refused(refusal), true) = (self, json) {
            output::line(refusal.body.trim_end());
        }
        let bad = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let word = if matches!(self, Self::NotOver(_)) { "serin" } else { "error" };
        let mut text = format!("{bad}{word}:{bad:#} {}", self.lines().join("\n  "));
        if let Self::Refused(refusal) = self
            && let Some(field) = refusal.field.as_ref().filter(|field| !refusal.names(field))
        {
            let _ = write!(text, "\n  field: {field}");
        }
        if let Some(hint) = self.hint() {
            let _ = write!(text, "\n  hint: {hint}");
        }
        output::error_line(&text);
        ExitCode::from(self.code())
    }

    /// The error and its details. A conflict has its details alone, because the title of every conflict is the same.
    fn lines(&self) -> Vec<String> {
        let Self::Refused(refusal) = self else { return vec![self.to_string()] };
        let detail = refusal.detail.iter().flat_map(|detail| detail.lines()).map(str::to_owned);
        let title = (!refusal.is("conflict") || refusal.detail.is_none()).then(|| refusal.title.clone());
        title.into_iter().chain(detail).collect()
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable(failure) => Some(failure.hint()),
            Self::NotSerin(_) => Some(NOT_SERIN.to_owned()),
            Self::Refused(refusal) => refusal.hint().map(str::to_owned),
            _ => None,
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Parses an error response. A response that is not problem+json gets a generic description.
    pub(crate) fn read(status: u16, content_type: &str, body: String, is_here: bool) -> Self {
        let problem = serde_json::from_str::<Value>(&body).ok().filter(Value::is_object);
        let text = |name: &str| Some(problem.as_ref()?.get(name)?.as_str()?.to_owned());
        let title = text("title").unwrap_or_else(|| {
            let content_type = if content_type.is_empty() { "no content type" } else { content_type };
            format!("the server answered {status}, {content_type}, which is not a response of Serin")
        });
        Self { status, kind: text("type"), title, detail: text("detail"), field: text("field"), body, is_here }
    }

    /// Whether this is the given kind of problem. `name` is the last part of the URN.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.kind.as_deref().and_then(|kind| kind.strip_prefix("urn:serin:")) == Some(name)
    }

    /// A member of the response.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        serde_json::from_str::<Value>(&self.body).ok()?.get(name).cloned()
    }

    fn names(&self, field: &str) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.starts_with(field))
    }

    pub(crate) fn hint(&self) -> Option<&'static str> {
        let known = self.kind.as_deref().is_some_and(|kind| kind.starts_with("urn:serin:"));
        match self.status {
            401 if self.is("no-identity") => Some(
                "run `cloudflared access login URL`, then set SERIN_ACCESS_TOKEN to the output of `cloudflared access token --app=URL`",
            ),
            401 => Some(
                "set SERIN_TOKEN to the value of Serin's secret ADMIN_TOKEN, or name a file with it by --token-file",
            ),
            409 if self.is("unconfirmed") => Some("to confirm, run the command again with --yes"),
            409 => Some("run `serin status` to see the present state"),
            501 => Some("without a controller, write the share to KV with `serin state set --percentage NUMBER`"),
            503 if self.is("unavailable") => Some("run the command again; it is safe to repeat"),
            403 if self.is("read-only") => Some(
                "SERIN_TOKEN has the value of VIEWER_TOKEN, which may only read; set it to the value of ADMIN_TOKEN",
            ),
            403 if self.is("forbidden") && self.is_here => Some(
                "add a line ADMIN_TOKEN=… to .dev.vars beside wrangler.toml (`npm start` writes one), restart Serin, and run the command in that folder",
            ),
            403 if self.is("forbidden") => {
                Some("run `npx wrangler secret put ADMIN_TOKEN --env ENV`, then set SERIN_TOKEN to the same value")
            }
            _ if !known => Some(NOT_SERIN),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_read_by_its_fields() {
        let body =
            r#"{"type":"urn:serin:invalid","title":"No","status":422,"detail":"hold: too long","field":"hold","x":1}"#;
        let refusal = Refusal::read(422, "application/problem+json", body.into(), false);
        assert_eq!((refusal.title.as_str(), refusal.detail.as_deref()), ("No", Some("hold: too long")));
        assert!(refusal.is("invalid") && refusal.names("hold") && refusal.hint().is_none());
    }

    #[test]
    fn an_error_of_another_server_is_described() {
        let refusal = Refusal::read(404, "text/html", "<h1>nope</h1>".into(), false);
        assert_eq!(refusal.title, "the server answered 404, text/html, which is not a response of Serin");
        assert!(refusal.hint().is_some_and(|hint| hint.contains("--url")));
    }
}
