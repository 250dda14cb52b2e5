//! `serin completions`: prints completions for bash, zsh, fish, elvish and PowerShell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::output;

/// `completions`.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// Whose.
    #[arg(value_enum)]
    shell: Shell,
}

// === impl Completions ===

impl Completions {
    pub(crate) fn run(&self) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "serin", &mut script);
        output::line(String::from_utf8_lossy(&script).trim_end());
    }
}
