//! The gates of a deployment. A gate checks health as `serin gate` does, at a Worker's own address or through the splitter.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::deployment::UPLOADED;
use crate::client::Client;
use crate::commands::gate::{CheckResult, Health, RetryOptions, Smoke, results_table, verdict};
use crate::commands::health;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::time_format::exact;

/// Options of the health checks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Gates")]
pub(crate) struct Gates {
    /// Own address of stable; default: the health of stable that the splitter at --url reports.
    #[arg(long, value_name = "URL")]
    stable_url: Option<String>,
    /// Own address of the canary; default: the health of the canary that the splitter at --url reports.
    #[arg(long, value_name = "URL")]
    canary_url: Option<String>,
    /// Path of the Workers' own health check.
    #[arg(long, value_name = "PATH", default_value = "/health")]
    health_path: String,
    #[command(flatten)]
    retries: RetryOptions,
    /// Fail unless the deployed Worker reports this version; needs its own address.
    #[arg(long, value_name = "VERSION")]
    expect_version: Option<String>,
    /// File with requests to the deployed Worker and the expected responses, as for `serin gate`; needs its own address.
    #[arg(long, value_name = "FILE")]
    smoke: Option<PathBuf>,
    /// Count degraded as unhealthy.
    #[arg(long)]
    strict: bool,
}

/// The variant that a gate checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Stable,
    Canary,
}

/// A gate that is ready to run.
pub(super) struct Gate {
    variant: Variant,
    client: Client,
    health: Health,
    smoke: Vec<Smoke>,
    retries: RetryOptions,
}

// === impl Gates ===

impl Gates {
    /// A gate that checks health alone.
    ///
    /// # Errors
    /// The address is not valid.
    pub(super) fn health(&self, variant: Variant, connection: &Connection) -> Result<Gate, Failure> {
        self.at(variant, self.address(variant), connection)
    }

    /// A gate that checks a variant's health as the splitter sees it, also where the variant has an address of its own.
    ///
    /// # Errors
    /// The splitter's address is not valid.
    pub(super) fn of_splitter(&self, variant: Variant, connection: &Connection) -> Result<Gate, Failure> {
        self.at(variant, None, connection)
    }

    fn at(&self, variant: Variant, address: Option<&str>, connection: &Connection) -> Result<Gate, Failure> {
        let own = address.map(|url| Client::other(url, connection)).transpose()?;
        let (path, part) = match own {
            Some(_) => (self.health_path.clone(), None),
            None => (health::path(true).to_owned(), Some(variant.name())),
        };
        let health = Health { path, part, strict: self.strict, ..Health::default() };
        let client = own.map_or_else(|| Client::new(connection), Ok)?;
        Ok(Gate { variant, client, health, smoke: vec![], retries: self.retries })
    }

    /// The gate of the deployed version. It also checks the version number and the smoke requests.
    ///
    /// # Errors
    /// The address is not valid, the smoke file is not valid, or version and smoke requests have no address of the Worker's own.
    pub(super) fn deployed(&self, variant: Variant, connection: &Connection) -> Result<Gate, Failure> {
        let needs = [("--expect-version", self.expect_version.is_some()), ("--smoke", self.smoke.is_some())];
        if let (None, Some((option, _))) = (self.address(variant), needs.iter().find(|(_, is_given)| *is_given)) {
            let name = variant.name();
            return Err(Failure::Usage(format!(
                "{option} needs --{name}-url: the splitter reports only whether {name} is healthy"
            )));
        }
        let smoke = self.smoke.as_deref().map(Smoke::read).transpose()?.unwrap_or_default();
        let gate = self.health(variant, connection)?;
        Ok(Gate { smoke, health: Health { version: self.expect_version.clone(), ..gate.health.clone() }, ..gate })
    }

    /// The address of a variant's own Worker, if the options name one.
    pub(super) fn address(&self, variant: Variant) -> Option<&str> {
        match variant {
            Variant::Stable => self.stable_url.as_deref(),
            Variant::Canary => self.canary_url.as_deref(),
        }
    }
}

// === impl Variant ===

impl Variant {
    /// The variant's name in the splitter's health report.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        }
    }
}

// === impl Gate ===

impl Gate {
    pub(super) fn title(&self) -> String {
        format!("gate {}", self.variant.name())
    }

    /// The same gate, which also checks that this version answers, and waits for the document that names it for as long as one travels.
    pub(super) fn of_version(mut self, version: &str, travels: Duration) -> Self {
        self.health.part_version = Some(version.to_owned());
        let tries = travels.as_millis() / self.retries.every.as_millis().max(1);
        self.retries.tries = self.retries.tries.max(u32::try_from(tries).unwrap_or(u32::MAX).saturating_add(1));
        self
    }

    /// Description of the checks, for a dry run.
    pub(super) fn describe(&self) -> String {
        let RetryOptions { tries, every } = self.retries;
        let Health { path, part, version, part_version, .. } = &self.health;
        let mut asked = vec![format!("GET {}{path}", self.client.origin())];
        asked.extend(part.map(|part| format!("component {part}")));
        asked.extend(part_version.as_ref().map(|version| format!("version {version}")));
        asked.extend(version.as_ref().map(|version| format!("version {version}")));
        asked.extend(self.smoke.iter().map(Smoke::describe));
        format!("{}; {tries} tries, {} apart", asked.join(", "), exact(every))
    }

    /// Runs the checks, with `uploaded` in place of [`UPLOADED`], and returns a summary of the last results.
    ///
    /// # Errors
    /// The gate did not pass. The error contains the results.
    pub(super) fn pass(&self, uploaded: Option<&str>) -> Result<String, Failure> {
        let known = |version: String| if version == UPLOADED { uploaded.map(str::to_owned) } else { Some(version) };
        let part_version = self.health.part_version.clone().and_then(known);
        let health = Health { part_version, ..self.health.clone() };
        let (passed, results) = self.retries.until(|| {
            let checks = self.smoke.iter().map(|smoke| smoke.check(&self.client));
            std::iter::once(health.check(&self.client)).chain(checks).collect()
        });
        if !passed {
            let head = verdict(self.client.origin(), &results);
            return Err(Failure::Unhealthy(format!(
                "{}: {head}\n\n{}\n",
                self.variant.name(),
                results_table(&results)
            )));
        }
        let (number, version) = results.last().map_or((1, None), |(number, _)| (*number, version(&results)));
        Ok(format!("ok{}, try {number} of {}", version.unwrap_or_default(), self.retries.tries))
    }
}

/// Only a variant's own response contains the variant's version; the splitter's response contains the splitter's.
fn version(results: &[(u32, CheckResult)]) -> Option<String> {
    let own = results.iter().rev().find(|(_, result)| result.what.starts_with("GET "));
    own.and_then(|(_, result)| result.version.as_ref()).map(|version| format!(", version {version}"))
}
