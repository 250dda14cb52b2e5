//! Computes the tables of `docs/simulation.md` and writes them between the markers of that page; with `durations`, the one of
//! `docs/rollouts.md` alone:
//!
//!     cargo run --release -p serin-simulation --example tables [runs of each, 200] [outsiders or durations: only that table]
#![allow(clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::num::NonZeroUsize;
use std::{env, fs, thread};

use serin_logic::rollout::Schedule;
use serin_simulation::load::Scale;
use serin_simulation::{Report, presets, run, tables};

/// Visitors a second in the table of durations.
const RATES: [f64; 5] = [0.2, 1.0, 5.0, 20.0, 100.0];

const ROLLOUTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rollouts.md");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/simulation.md");

fn main() -> Result<(), Box<dyn Error>> {
    let runs: u64 = env::args().nth(1).map_or(Ok(200), |runs| runs.parse())?;
    let only = env::args().nth(2);
    let threads = thread::available_parallelism()?.min(NonZeroUsize::new(64).unwrap_or(NonZeroUsize::MIN));
    if only.as_deref() == Some("durations") {
        return durations(runs, threads);
    }
    let mut outsiders: Vec<(Report, Report)> = Vec::new();
    for name in presets::OUTSIDERS {
        let scenario = presets::outsider_by_name(name).ok_or(name)?;
        let by_request = presets::by_request(scenario.clone()).ok_or(name)?;
        eprintln!("{runs} × {}", scenario.name);
        outsiders.push((run(&scenario, 0..runs, threads, |_| ())?, run(&by_request, 0..runs, threads, |_| ())?));
    }
    let mut page = fs::read_to_string(PAGE)?;
    let written = |page: &str, marker: &str, table: &str| {
        between(page, marker, table).ok_or_else(|| format!("{PAGE} has no markers for {marker}"))
    };
    page = written(&page, "outsiders", &tables::errors(&outsiders))?;
    if only.as_deref() == Some("outsiders") {
        return Ok(fs::write(PAGE, page)?);
    }
    let mut reports: Vec<Report> = Vec::new();
    for name in presets::NAMES {
        let scenario = presets::by_name(name).ok_or(name)?;
        eprintln!("{runs} × {}", scenario.name);
        reports.push(run(&scenario, 0..runs, threads, |_| ())?);
    }
    let scales = [1, 4, 16, 64].map(|isolates| Scale { isolates, ..Scale::default() });
    let more = Scale { canary: 0.25, ..Scale::default() };
    let loads: Vec<_> = scales.into_iter().chain([more]).map(|scale| scale.load()).collect();

    for (marker, table) in [
        ("outcomes", tables::outcomes(&reports)),
        ("judges", tables::judges(&reports)),
        ("faults", tables::faults(&reports)),
        ("loads", tables::loads(&loads)),
    ] {
        page = written(&page, marker, &table)?;
    }
    fs::write(PAGE, page)?;
    Ok(())
}

/// Writes the table of durations.
fn durations(runs: u64, threads: NonZeroUsize) -> Result<(), Box<dyn Error>> {
    let schedules = [Schedule::Standard, Schedule::Fast, Schedule::Safe, Schedule::BlueGreen];
    let mut rows = Vec::new();
    for rate in RATES {
        let mut reports = Vec::new();
        for schedule in schedules {
            let scenario = presets::duration(schedule, rate);
            eprintln!("{runs} × {}", scenario.name);
            reports.push(run(&scenario, 0..runs, threads, |_| ())?);
        }
        rows.push((rate, reports));
    }
    let table = tables::durations(&schedules.map(Schedule::name), &rows);
    let page = fs::read_to_string(ROLLOUTS)?;
    let page = between(&page, "durations", &table).ok_or_else(|| format!("{ROLLOUTS} has no markers for durations"))?;
    Ok(fs::write(ROLLOUTS, page)?)
}

/// The page with `text` in place of the old text between the markers.
fn between(page: &str, marker: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {marker} -->\n"), format!("<!-- /{marker} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}
