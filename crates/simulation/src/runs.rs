//! Runs many seeds on several threads. The report does not depend on the number of threads.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::read::InvalidScenario;
use crate::report::{Collected, Report};
use crate::scenario::Scenario;
use crate::thresholds::{Judge, judge};
use crate::world::simulate;

/// Progress of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Finished runs.
    pub done: u64,
    /// Runs in total.
    pub of: u64,
}

/// Simulates the scenario once for each seed, and also judges each run by [`Judge::ALL`]. Calls `progress` after each run, from the thread
/// that ran it.
///
/// # Errors
/// The first field of the scenario outside its range.
pub fn run(
    scenario: &Scenario,
    seeds: Range<u64>,
    threads: NonZeroUsize,
    progress: impl Fn(Progress) + Sync,
) -> Result<Report, InvalidScenario> {
    scenario.check()?;
    let (next, done) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let of = seeds.end.saturating_sub(seeds.start);
    let work = || {
        let mut collected = Collected::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return collected;
            }
            let judged = Judge::ALL.into_iter().filter_map(|who| Some((who, judge(scenario, who, seed)?)));
            collected.add(simulate(scenario, seed), judged);
            progress(Progress { done: done.fetch_add(1, Ordering::Relaxed) + 1, of });
        }
    };
    let mut all = Collected::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            match worker.join() {
                Ok(collected) => all.merge(collected),
                // The thread that panicked has printed the reason.
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    Ok(all.report(scenario))
}
