//! `serin`, the command line for operators. Most commands send one request to the control API and format the response. `arguments`
//! defines the commands, and `commands` has one file for each group of them.
#![forbid(unsafe_code)]

mod arguments;
mod client;
mod clock;
mod commands;
mod connection;
mod exit;
mod output;
mod rollout_format;
mod status_view;
mod time_format;
mod unreachable;
mod wrangler;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let json = arguments.connection.json;
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}
