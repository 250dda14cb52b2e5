//! Stamps the commit that the Worker is built from; `/health` shows it beside the version.

use std::process::Command;

fn main() {
    println!("cargo:rustc-env=SERIN_COMMIT={}", commit().unwrap_or_else(|| "unknown".to_owned()));
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
}

/// The short hash of the checked-out commit; none outside a checkout, such as in a source archive.
fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let hash = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| hash.trim().to_owned())
}
