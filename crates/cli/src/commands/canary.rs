//! `serin canary`: takes a version from its folder to stable with wrangler, on two Workers, NAME and NAME-canary, or as a version of NAME.
//! Every command can be stopped at any point and run again.

mod clean_up;
mod current_state;
mod deploy;
mod deployment;
mod gates;
mod job;
mod promote;
mod rollback;
mod splitter;
mod worker;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::current_state::{CurrentState, Edit};
use self::job::{Job, Step};
use self::splitter::Splitter;
use super::state::{Configuration, Place, Store};
use crate::client::Client;
use crate::clock;
use crate::connection::{Connection, Why};
use crate::exit::Failure;
use crate::output::{self, CAUTION, styled};
use crate::time_format::span;
use serin_logic::Timestamp;

/// `canary`.
#[derive(Debug, Subcommand)]
pub(crate) enum Canary {
    /// Deploy a folder's code as NAME-canary, or with --versions as a version of NAME, and give it its first visitors once it is healthy.
    Deploy(Box<deploy::Deploy>),
    /// Deploy the canary's code as NAME and move all visitors to NAME once it is healthy.
    Promote(Box<promote::Promote>),
    /// Send all visitors to stable at once.
    Rollback(Box<rollback::Rollback>),
    /// Delete NAME-canary, or remove its version from NAME's deployment, once no location can send visitors to it.
    CleanUp(Box<clean_up::CleanUp>),
}

/// Options of all canary commands.
#[derive(Args, Clone, Debug)]
pub(crate) struct CommonOptions {
    #[command(flatten)]
    place: Place,
    /// Wrangler configuration of the splitter, for its KV and its bindings; default: the one that wrangler finds here.
    #[arg(long, value_name = "FILE", help_heading = "Policy document")]
    splitter_config: Option<PathBuf>,
    /// Environment in the splitter's configuration.
    #[arg(long, value_name = "NAME", help_heading = "Policy document")]
    splitter_env: Option<String>,
    #[command(flatten)]
    why: Why,
    /// Print each command, request and document in order, and run nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Time for a document to reach every location.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Settle {
    /// Time to wait until no isolate can still use the old canary: the splitter's `MAX_STALE_SECONDS`, plus one minute for KV.
    #[arg(long, value_name = "SPAN", default_value = "6m", value_parser = span)]
    settle: Duration,
}

// === impl Canary ===

impl Canary {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Deploy(deploy) => deploy.run(connection),
            Self::Promote(promote) => promote.run(connection),
            Self::Rollback(rollback) => rollback.run(connection),
            Self::CleanUp(clean_up) => clean_up.run(connection),
        }
    }
}

// === impl CommonOptions ===

impl CommonOptions {
    fn store(&self, connection: &Connection) -> Result<Store, Failure> {
        let (config, env) = (self.splitter_config.clone(), self.splitter_env.clone());
        Store::open(connection, &self.place, &Configuration { config, env })
    }

    /// Checks that the splitter's `CANARY` is the Worker `canary`, as far as that can be known. Returns what was checked.
    fn check_bound(&self, canary: &str, connection: &Connection, store: &Store) -> Result<String, Failure> {
        let warn = |text: &str| output::error_line(&styled(CAUTION, &format!("warning: {text}")));
        let Some(splitter) = Splitter::read(self.splitter_config.as_deref(), self.splitter_env.as_deref())? else {
            warn(&format!(
                "not checked: that the splitter's CANARY is {canary}; --splitter-config FILE names its configuration"
            ));
            return Ok("not checked".to_owned());
        };
        let in_file = splitter.check(canary)?;
        // A splitter on this machine has no version that an account knows.
        if store.is_local() {
            return Ok(in_file);
        }
        match splitter.deployed(&Client::new(connection)?, &self.place.wrangler) {
            Ok(Some(deployed)) => Ok(format!("{in_file}, and {}", splitter.check_deployed(canary, &deployed)?)),
            Ok(None) => Ok(in_file),
            Err(failure) => {
                warn(&format!("not checked: that the deployed splitter's CANARY is {canary}: {failure}"));
                Ok(in_file)
            }
        }
    }

    fn job<'a>(&'a self, command: &'static str, connection: &'a Connection, store: &'a Store) -> Job<'a> {
        let (wrangler, why) = (&self.place.wrangler, &self.why);
        Job { command, connection, store, wrangler, why, about: vec![], steps: vec![], uploaded: RefCell::default() }
    }
}

// === impl Settle ===

impl Settle {
    /// The wait for the rest of the settle time, which starts at the last write of the document. `None` if the time is over.
    fn step(self, current: &CurrentState, now: Timestamp) -> Option<Step> {
        let written = current.text("updatedAt").and_then(Timestamp::parse);
        let since = written.map_or(Duration::ZERO, |at| now.since(at));
        self.settle.checked_sub(since).filter(|left| !left.is_zero()).map(Step::Wait)
    }
}

/// Disables the canary, sets its share to 0 % and records the stage.
fn off(stage: &str, connection: &Connection) -> Edit {
    let mut edit = signed(connection);
    edit.0.extend([("enabled", false.into()), ("percentage", 0.into()), ("stage", stage.into())]);
    edit
}

/// Time and actor of a change.
fn signed(connection: &Connection) -> Edit {
    let who = connection.who().unwrap_or_else(|| "serin".to_owned());
    Edit(vec![("updatedAt", Value::from(clock::now().to_rfc3339())), ("updatedBy", who.into())])
}
