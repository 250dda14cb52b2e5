//! The command-line arguments: the commands, and the options that all commands share.

use clap::{Parser, Subcommand};

use crate::commands::{
    audit, canary, completions, console, diff, doctor, explain, gate, health, init, rollout, simulate, start, state,
    switch, watch,
};
use crate::connection::Connection;
use crate::exit::CODES;

/// Control Serin, the canary traffic splitter.
#[derive(Debug, Parser)]
#[command(name = "serin", version, after_help = CODES, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Put Serin in front of two Workers: write its wrangler.jsonc and print the next commands.
    Init(init::Init),
    /// Show the status of the rollout, the policy and the switches.
    Status,
    /// Follow a rollout until it is over.
    Watch(watch::Watch),
    /// Start a rollout.
    Start(start::Start),
    /// Stop the rollout at its present step.
    Pause(rollout::RolloutCommand),
    /// Continue a paused rollout.
    Resume(rollout::RolloutCommand),
    /// Take the next step now.
    Promote(rollout::Promote),
    /// End the rollout for good and send all visitors to stable.
    Abort(rollout::Abort),
    /// Roll back a completed rollout, or reopen a rolled-back one, paused at its step.
    Undo(rollout::RolloutCommand),
    /// Send all visitors to stable at once and pause the rollout.
    Halt(rollout::RolloutCommand),
    /// Lift the halt of the canary; a paused rollout stays paused.
    ResumeCanary(rollout::ResumeCanary),
    /// Turn a kill switch on or off.
    Switch(switch::SetSwitch),
    /// Show which variant a visitor gets, and why.
    Explain(explain::Explain),
    /// Show in which answers the canary and stable differ, where a rollout mirrors.
    Diff(diff::Diff),
    /// Show the health of Serin and of the services it needs.
    Health(health::Check),
    /// Check an installation and name the next step for each fault.
    Doctor(doctor::Doctor),
    /// Wait until a server is healthy (for pipelines).
    Gate(gate::Gate),
    /// Deploy, promote, roll back and delete a canary with wrangler.
    #[command(subcommand)]
    Canary(canary::Canary),
    /// Read or write canary-state, the policy document.
    #[command(subcommand)]
    State(state::State),
    /// List the audit log, newest first: who did what, when and why.
    Audit(audit::Audit),
    /// Try a plan on simulated traffic.
    Simulate(simulate::Simulate),
    /// Open the console, a web page that shows a rollout live and stops it in one click.
    Console(console::Console),
    /// Print shell completions.
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
