//! `serin console`: opens the page that the splitter serves, or serves it on this machine where the splitter has none.

/// The page on this machine.
mod local;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use serin_logic::api::PREFIX;
use ureq::http::Method;

use self::local::LocalConsole;
use crate::client::Client;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output;

/// `console`.
#[derive(Args, Debug)]
pub(crate) struct Console {
    /// Serve the page on this machine and forward its requests to the splitter. This is the default if the splitter has no page.
    #[arg(long)]
    local: bool,
    /// Folder with the page's files, as `npm run build` writes them.
    #[arg(long, value_name = "FOLDER", default_value = "build/console")]
    files: PathBuf,
    /// Print the address, and open no browser.
    #[arg(long)]
    no_open: bool,
}

// === impl Console ===

impl Console {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = Client::new(connection)?;
        if !self.local && is_served(&client)? {
            self.open(&format!("{}{PREFIX}", client.origin()));
            return Ok(());
        }
        let console = LocalConsole::start(&self.files, client, connection.who())?;
        self.open(&console.address());
        output::error_line("The page is open until you stop this command with Ctrl-C.");
        console.serve();
        Ok(())
    }

    fn open(&self, address: &str) {
        output::line(address);
        if self.no_open {
            return;
        }
        let program = match std::env::consts::OS {
            "macos" => "open",
            "windows" => "explorer",
            _ => "xdg-open",
        };
        let mut command = Command::new(program);
        command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if command.spawn().is_err() {
            output::error_line(&format!("{program} did not start: open the address yourself"));
        }
    }
}

/// Whether the splitter serves the page.
fn is_served(client: &Client) -> Result<bool, Failure> {
    let reply = client.send(&Method::GET, PREFIX, &[], None)?;
    Ok(reply.status == 200
        && reply.header("content-type").is_some_and(|media_type| media_type.starts_with("text/html")))
}
