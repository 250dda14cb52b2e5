//! The command-line arguments: the commands, and the options that all commands share.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    audit, canary, completions, explain, gate, health, rollout, simulate, start, state, switch, watch,
};
use crate::exit::{CODES, Failure};
use crate::time_format::positive_span;

/// Steers Serin, the canary traffic splitter.
#[derive(Debug, Parser)]
#[command(name = "serin", version, after_help = CODES, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which Serin, on whose account, and for whom the output is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Where Serin answers: scheme, host and port.
    #[arg(long, global = true, env = "SERIN_URL", default_value = "http://localhost:8787", hide_env = true)]
    pub(crate) url: String,
    /// A file that holds the token; else `SERIN_TOKEN` does.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Who acts, for the audit; else `SERIN_WHO`, else USER.
    #[arg(long, global = true, value_name = "NAME")]
    who: Option<String>,
    /// The longest time to wait for an answer.
    #[arg(long, global = true, value_name = "SPAN", default_value = "10s", value_parser = positive_span)]
    pub(crate) timeout: Duration,
    /// Print the server's JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show where everything stands.
    Status,
    /// Follow a rollout until it is over.
    Watch(watch::Watch),
    /// Start a rollout.
    Start(start::Start),
    /// Hold the rollout where it is.
    Pause(rollout::RolloutCommand),
    /// Let a paused rollout go on.
    Resume(rollout::RolloutCommand),
    /// Go to the next step now.
    Promote(rollout::Promote),
    /// End the rollout: all traffic to stable, for good.
    Abort(rollout::Abort),
    /// Take back a rollout that completed, or put one that was rolled back on hold at its step.
    Undo(rollout::RolloutCommand),
    /// All traffic to stable at once; a rollout pauses.
    Halt(rollout::RolloutCommand),
    /// Lift the halt; a paused rollout stays paused.
    ResumeCanary(rollout::RolloutCommand),
    /// Throw or clear a kill switch.
    Switch(switch::SetSwitch),
    /// Say which variant a visitor gets, and why.
    Explain(explain::Explain),
    /// Show the health of Serin and of what it needs.
    Health(health::Check),
    /// Wait until a server is healthy: for pipelines.
    Gate(gate::Gate),
    /// Take a version from its folder to stable, by wrangler: deploy, promote, rollback, clean-up.
    #[command(subcommand)]
    Canary(canary::Canary),
    /// Read or write the document that steers the splitter.
    #[command(subcommand)]
    State(state::State),
    /// List who did what, when and why, newest first.
    Audit(audit::Audit),
    /// Try a plan on simulated traffic: what would have become of it.
    Simulate(simulate::Simulate),
    /// Print the completions of a shell.
    Completions(completions::Completions),
}

/// The reason, for the audit.
#[derive(Args, Clone, Debug)]
pub(crate) struct Why {
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
}

// === impl Connection ===

impl Connection {
    /// The token from the token file, or else from the environment. There is no argument for it, because every process can read arguments.
    ///
    /// # Errors
    /// The file is not readable, or the token contains characters that a header cannot carry.
    pub(crate) fn token(&self) -> Result<Option<String>, Failure> {
        let (token, source) = match &self.token_file {
            None => (std::env::var("SERIN_TOKEN").unwrap_or_default(), "SERIN_TOKEN".to_owned()),
            Some(file) => {
                let unreadable = |error| Failure::Usage(format!("--token-file {}: {error}", file.display()));
                (std::fs::read_to_string(file).map_err(unreadable)?, file.display().to_string())
            }
        };
        let token = token.trim();
        if token.is_empty() {
            return match &self.token_file {
                None => Ok(None),
                Some(_) => Err(Failure::Usage(format!("{source} holds no token"))),
            };
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let accepted = "accepted: one line of printable ASCII without blanks";
            return Err(Failure::Usage(format!("what {source} holds cannot be a token, {accepted}")));
        }
        Ok(Some(token.to_owned()))
    }

    /// The actor for the audit, or `None` if neither an option nor the environment names one.
    pub(crate) fn who(&self) -> Option<String> {
        let variables = ["SERIN_WHO", "USER", "USERNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
        self.who.iter().cloned().chain(variables).find(|who| !who.trim().is_empty())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_and_exit_code_is_in_the_documentation() {
        let page = include_str!("../../../docs/cli.md");
        for command in Arguments::command().get_subcommands().map(|command| command.get_name().to_owned()) {
            let is_named = page.contains(&format!("`serin {command}")) || page.contains(&format!("`{command}`"));
            assert!(is_named, "{command}");
        }
        for line in CODES.lines().filter(|line| line.starts_with("  ") && line.as_bytes()[2].is_ascii_digit()) {
            assert!(page.contains(&format!("| {} |", &line[2..3])), "{line}");
        }
    }

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Arguments::command().debug_assert();
    }
}
