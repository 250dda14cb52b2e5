//! `serin state`: reads and writes `canary-state` as a whole document. The Worker's own parser checks each document before it is
//! written.

mod document;
mod store;

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serin_logic::api::ChangeAnswer;

use self::document::Changes;
pub(super) use self::document::{Checked, number};
pub(super) use self::store::{Configuration, Place, Store};
use crate::connection::{Connection, Why};
use crate::exit::Failure;
use crate::output::{self, CAUTION, styled};

/// `state`.
#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// Print the document.
    Get(Get),
    /// Write the document: a whole one from a file, or the present one with changes.
    Set(Box<Set>),
}

/// `state get`.
#[derive(Args, Debug)]
pub(crate) struct Get {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    configuration: Configuration,
}

/// `state set`.
#[derive(Args, Debug)]
pub(crate) struct Set {
    /// Whole document as JSON; `-` reads standard input. Default: the present document.
    file: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    why: Why,
    /// Print the document and the command that would write it, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

// === impl State ===

impl State {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        match self {
            Self::Get(get) => get.run(connection),
            Self::Set(set) => set.run(connection),
        }
    }
}

// === impl Get ===

impl Get {
    fn run(&self, connection: &Connection) -> Result<(), Failure> {
        match Store::open(connection, &self.place, &self.configuration)?.read()? {
            Some(text) => {
                output::line(text.trim_end());
                Ok(())
            }
            None => Err(Failure::Failed(format!("there is no {}: the canary is off", self.place.key))),
        }
    }
}

// === impl Set ===

impl Set {
    fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let given = self.file.as_ref().map(read).transpose()?;
        if given.is_none() && self.changes.is_empty() {
            return Err(Failure::Usage(
                "there is nothing to write: give a FILE, or options such as --percentage".into(),
            ));
        }
        // The command checks a given document before it sends a request.
        let given = given.map(|text| document::changed(Some(&text), &self.changes)).transpose()?;
        let store = Store::open(connection, &self.place, &self.configuration)?;
        let checked = match given {
            Some(checked) => checked,
            None => document::changed(store.read()?.as_deref(), &self.changes)?,
        };
        for warning in &checked.warnings {
            output::error_line(&styled(CAUTION, &format!("warning: {warning}")));
        }
        if self.dry_run {
            output::line(&format!("{}\n{}", store.describe_write(&checked), checked.pretty()));
            return Ok(());
        }
        let ChangeAnswer { already, before, .. } = store.write(&checked, connection, &self.why)?;
        let was = if already { "nothing changed: " } else { "" };
        let changes = before.map(|before| document::differences(&before.state, &checked.value())).unwrap_or_default();
        let lines = std::iter::once(format!("{was}{}", checked.summary())).chain(changes);
        output::line(&if connection.json { checked.text.clone() } else { lines.collect::<Vec<_>>().join("\n") });
        Ok(())
    }
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    let done = if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
    };
    done.map(|_| text).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}
