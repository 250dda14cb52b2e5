//! One file for each group of commands. The arguments of each command describe it.

pub(crate) mod audit;
pub(crate) mod canary;
pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod gate;
pub(crate) mod health;
pub(crate) mod init;
pub(crate) mod rollout;
pub(crate) mod simulate;
pub(crate) mod start;
pub(crate) mod state;
mod status;
pub(crate) mod switch;
pub(crate) mod watch;

use clap::CommandFactory as _;

use crate::arguments::{Arguments, Command};
use crate::exit::Failure;
use crate::time_format;

/// Runs a command.
pub(crate) fn run(Arguments { connection, command }: Arguments) -> Result<(), Failure> {
    let connection = &connection;
    time_format::show_times_in(connection.utc);
    match command {
        Command::Init(init) => init.run(connection.json),
        Command::Status => status::run(connection),
        Command::Watch(watch) => watch.run(connection),
        Command::Start(start) => start.run(connection),
        Command::Pause(command) => command.run(connection, "rollouts/current/pause"),
        Command::Resume(command) => command.run(connection, "rollouts/current/resume"),
        Command::Promote(promote) => promote.run(connection),
        Command::Abort(abort) => abort.run(connection),
        Command::Undo(command) => command.run(connection, "rollouts/current/undo"),
        Command::Halt(command) => command.run(connection, "halt"),
        Command::ResumeCanary(command) => command.run(connection),
        Command::Switch(switch) => switch.run(connection),
        Command::Explain(explain) => explain.run(connection),
        Command::Diff(diff) => diff.run(connection),
        Command::Health(check) => check.run(connection),
        Command::Doctor(doctor) => doctor.run(connection),
        Command::Gate(gate) => gate.run(connection),
        Command::Canary(canary) => canary.run(connection),
        Command::State(state) => state.run(connection),
        Command::Audit(audit) => audit.run(connection),
        Command::Simulate(simulate) => simulate.run(connection.json),
        Command::Console(console) => console.run(connection),
        Command::Completions(completions) => {
            completions.run(Arguments::command());
            Ok(())
        }
    }
}
