//! `serin gate`: checks health until every check passes or the tries are used up, and prints the results.

mod check;
mod smoke;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use ureq::http::Method;

pub(super) use self::check::{CheckResult, Health};
pub(super) use self::smoke::Smoke;
use crate::client::Client;
use crate::clock;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output::{self, BAD, GOOD, styled, table};
use crate::time_format::span;

/// `gate`.
#[derive(Args, Debug)]
pub(crate) struct Gate {
    /// Address of the server to check; default: --url. The token is sent only to --url.
    #[arg(value_name = "URL")]
    at: Option<String>,
    #[command(flatten)]
    retries: RetryOptions,
    /// Fail unless the server reports this version.
    #[arg(long, value_name = "VERSION")]
    expect_version: Option<String>,
    /// Check each component that the server reports.
    #[arg(long)]
    detailed: bool,
    /// Count degraded as unhealthy.
    #[arg(long)]
    strict: bool,
    /// Path of the server's health check.
    #[arg(long, value_name = "PATH", default_value = "/health")]
    path: String,
    /// File with requests and the expected responses: TOML or JSON, see docs/cli.md.
    #[arg(long, value_name = "FILE")]
    smoke: Option<PathBuf>,
}

/// Number of tries, and the time between them.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct RetryOptions {
    /// Number of tries.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(in crate::commands) tries: u32,
    /// Time from a failed try to the next.
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = span)]
    pub(in crate::commands) every: Duration,
}

// === impl Gate ===

impl Gate {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let smoke = self.smoke.as_deref().map(Smoke::read).transpose()?.unwrap_or_default();
        let client = match &self.at {
            Some(at) => Client::other(at, connection)?,
            None => Client::new(connection)?,
        };
        let health = Health {
            path: if self.detailed { with_detail(&self.path) } else { self.path.clone() },
            part: None,
            part_version: None,
            version: self.expect_version.clone(),
            parts: self.detailed,
            strict: self.strict,
        };
        let (passed, results) = self.retries.until(|| {
            let checks = smoke.iter().map(|smoke| smoke.check(&client));
            std::iter::once(health.check(&client)).chain(checks).collect()
        });
        show(connection, client.origin(), passed, &results);
        if passed { Ok(()) } else { Err(Failure::Unhealthy(verdict(client.origin(), &results))) }
    }
}

// === impl RetryOptions ===

impl RetryOptions {
    /// Repeats `checks` until every check of a try passes. Returns the checks of all tries, numbered from 1.
    pub(super) fn until(self, mut checks: impl FnMut() -> Vec<CheckResult>) -> (bool, Vec<(u32, CheckResult)>) {
        let mut all = Vec::new();
        for number in 1..=self.tries {
            if number > 1 {
                clock::wait(self.every);
            }
            let results = checks();
            let passed = results.iter().all(CheckResult::is_well);
            all.extend(results.into_iter().map(|result| (number, result)));
            if passed {
                return (true, all);
            }
        }
        (false, all)
    }
}

/// Complaints of the last try.
pub(super) fn verdict(origin: &str, results: &[(u32, CheckResult)]) -> String {
    let tries = results.last().map_or(0, |(number, _)| *number);
    let last = results.iter().filter(|(number, _)| *number == tries).flat_map(|(_, result)| &result.complaints);
    let complaints = last.cloned().collect::<Vec<_>>().join("; ");
    format!("{origin} did not pass within {tries} {}: {complaints}", if tries == 1 { "try" } else { "tries" })
}

fn show(connection: &Connection, origin: &str, passed: bool, results: &[(u32, CheckResult)]) {
    if connection.json {
        let tries = results.iter().map(|(number, result)| result.json(*number)).collect::<Vec<_>>();
        output::line(&json!({"url": origin, "passed": passed, "checks": tries}).to_string());
        return;
    }
    output::line(&results_table(results));
    let word = if passed { styled(GOOD, "passed") } else { styled(BAD, "failed") };
    output::line(&format!("\n{origin} {word}"));
}

/// A row for each check.
pub(super) fn results_table(results: &[(u32, CheckResult)]) -> String {
    let rows = results.iter().map(|(number, result)| {
        let status = result.status.map_or_else(|| "-".into(), |status| status.to_string());
        let took = result.took.map_or_else(|| "-".into(), |took| format!("{} ms", took.as_millis()));
        let text = if result.is_well() { "ok".into() } else { result.complaints.join("; ") };
        vec![
            number.to_string(),
            result.what.clone(),
            status,
            result.version.clone().unwrap_or_else(|| "-".into()),
            took,
            text,
        ]
    });
    table(&["try", "check", "status", "version", "took", "result"], rows.collect())
}

fn with_detail(path: &str) -> String {
    format!("{path}{}detailed=true", if path.contains('?') { '&' } else { '?' })
}

/// The method that a health check uses.
const GET: Method = Method::GET;
