//! The command-line arguments: the commands, and the options that all commands share.

use clap::{Parser, Subcommand};

use crate::commands::{
    audit, canary, completions, console, doctor, explain, gate, health, rollout, simulate, start, state, switch, watch,
};
use crate::connection::Connection;
use crate::exit::CODES;

/// Steers Serin, the canary traffic splitter.
#[derive(Debug, Parser)]
#[command(name = "serin", version, after_help = CODES, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
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
    ResumeCanary(rollout::ResumeCanary),
    /// Throw or clear a kill switch.
    Switch(switch::SetSwitch),
    /// Say which variant a visitor gets, and why.
    Explain(explain::Explain),
    /// Show the health of Serin and of what it needs.
    Health(health::Check),
    /// Check an installation, and say what to do about each fault.
    Doctor(doctor::Doctor),
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
    /// Open the console, a web page that shows a rollout live and stops it in one click.
    Console(console::Console),
    /// Print the completions of a shell.
    Completions(completions::Completions),
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
