//! `serin completions`: prints completions for bash, zsh, fish, elvish and PowerShell.

use clap::Args;
use clap_complete::Shell;

use crate::output;

/// `completions`.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// Shell.
    #[arg(value_enum)]
    shell: Shell,
}

// === impl Completions ===

impl Completions {
    /// Prints the completions of a command line.
    pub(crate) fn run(&self, mut command_line: clap::Command) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command_line, "serin", &mut script);
        output::line(String::from_utf8_lossy(&script).trim_end());
    }
}
