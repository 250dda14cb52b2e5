//! `serin simulate`: simulates thousands of rollouts in virtual time with the Worker's own core. The command needs no server.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serin_logic::rollout::Plan;
use serin_simulation::{Quantiles, Report, Scenario, presets, run};

use crate::exit::Failure;
use crate::output::{self, BAD, STRONG, styled};
use crate::time_format::exact;

/// `simulate`.
#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// Scenario to simulate; see docs/simulation.md.
    #[arg(value_parser = presets::NAMES, default_value = "healthy", conflicts_with = "scenario")]
    preset: String,
    /// Read your own scenario from FILE (JSON or TOML).
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Use the plan in FILE instead of the scenario's (JSON, as for `POST rollouts`).
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Number of rollouts, each with its own seed.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    runs: u64,
    /// First seed; the same seeds give the same report.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

// === impl Simulate ===

impl Simulate {
    pub(crate) fn run(&self, json: bool) -> Result<(), Failure> {
        let scenario = self.read()?;
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let bar = ProgressBar::new(self.runs).with_style(style());
        let seeds = self.seed..self.seed.saturating_add(self.runs);
        let report = run(&scenario, seeds, threads, |progress| bar.set_position(progress.done));
        bar.finish_and_clear();
        let report = report.map_err(|error| Failure::Usage(error.to_string()))?;
        output::line(&if json { serde_json::to_string(&report).unwrap_or_default() } else { sheet(&report) });
        match report.violations {
            0 => Ok(()),
            many => Err(Failure::Failed(format!("{many} violations of invariants; run it with --json to see them"))),
        }
    }

    fn read(&self) -> Result<Scenario, Failure> {
        let text = |file: &PathBuf| {
            std::fs::read_to_string(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
        };
        let mut scenario = match &self.scenario {
            Some(file) => Scenario::parse(&text(file)?).map_err(|error| Failure::Usage(error.to_string()))?,
            None => presets::by_name(&self.preset).unwrap_or_default(),
        };
        if let Some(file) = &self.plan {
            scenario.plan = Plan::parse(&text(file)?).map_err(|error| Failure::Usage(error.to_string()))?;
        }
        Ok(scenario)
    }
}

fn style() -> ProgressStyle {
    // The template is a valid constant.
    ProgressStyle::with_template("{bar:40} {pos} of {len} rollouts, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn sheet(report: &Report) -> String {
    let share = |many: u64| format!("{many} ({:.1} %)", 100.0 * many as f64 / report.runs.max(1) as f64);
    let ends = &report.ends;
    let spread = |of: &Option<Quantiles>, word: fn(u64) -> String| {
        let Quantiles { median, p90, p99, .. } = of.as_ref()?;
        Some(format!("{} median, {} p90, {} p99", word(*median), word(*p90), word(*p99)))
    };
    let moment = |ms: u64| exact(Duration::from_millis(ms));
    let number = |many: u64| many.to_string();
    let falsely = format!(
        "{:.2} %, 99 % sure below {:.2} %",
        100.0 * report.false_rollbacks,
        100.0 * report.false_rollbacks_below
    );
    let violations = (report.violations > 0).then(|| styled(BAD, &report.violations.to_string()));
    let rows = vec![
        ("scenario", Some(styled(STRONG, &report.scenario))),
        ("rollouts", Some(report.runs.to_string())),
        ("promoted", Some(share(ends.promoted))),
        ("rolled back", Some(share(ends.rolled_back))),
        ("paused", Some(share(ends.paused))),
        ("unfinished", Some(share(ends.unfinished))),
        ("falsely rolled back", Some(falsely)),
        ("promoted after", spread(&report.promoted_ms, moment)),
        ("detected after", spread(&report.detected_ms, moment)),
        ("canary requests until then", spread(&report.canary_requests, number)),
        ("failed requests", spread(&report.failed, number)),
        ("of these, seen by clients", spread(&report.without_fallback, number)),
        ("last canary response after the rollback", spread(&report.last_canary_ms, moment)),
        ("violations", violations),
    ];
    output::sheet(rows)
}
