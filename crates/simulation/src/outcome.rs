//! The outcome of one run, and its cost.

use serde::{Deserialize, Serialize};

use crate::invariants::Violation;

/// The end of a rollout, within the scenario's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The rollout is complete: all traffic is on the canary.
    Promoted,
    /// The canary was rolled back.
    RolledBack,
    /// The rollout is paused and waits for an operator.
    Paused,
    /// The rollout has not ended, or it waits for traffic.
    Unfinished,
}

/// Results of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Seed of the random numbers.
    pub seed: u64,
    /// The end of the rollout.
    pub end: End,
    /// The last step, from 1.
    pub step: usize,
    /// Time from the start to the end; `None` if the rollout did not end.
    pub ended_ms: Option<u64>,
    /// Time from the canary's regression to the rollback; `None` if there was no rollback, or none after the regression.
    pub detected_ms: Option<u64>,
    /// Requests sent to the canary from its regression (else from the start) to the end.
    pub canary_requests: u64,
    /// The requests among them that the analysis had counted in the last step at the rollback.
    pub counted_requests: u64,
    /// Requests that the canary failed in the same time and until its last response.
    pub failed: u64,
    /// The failures among them that reached the client, because the request could not be retried or stable failed it too.
    pub without_fallback: u64,
    /// Time from the rollback to the canary's last response; `None` without a rollback or without a later response.
    pub last_canary_ms: Option<u64>,
    /// Sample-ratio alarms: the split is not the configured one.
    pub alarms: u64,
    /// The controller's reason for the last transition.
    pub why: String,
    /// Virtual time of the run.
    pub simulated_ms: u64,
    /// Messages and requests.
    pub messages: Messages,
    /// Injected faults.
    pub faulted: Faulted,
    /// Violated invariants.
    pub violations: Vec<Violation>,
}

/// Messages and their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Batches from isolates to shards.
    pub flushes: u64,
    /// Bytes of the batches.
    pub flush_bytes: u64,
    /// Reports from shards to the controller.
    pub reports: u64,
    /// Bytes of the reports.
    pub report_bytes: u64,
}

/// Faults that were injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Faulted {
    /// Lost messages and answers.
    pub lost: u64,
    /// Duplicated messages.
    pub doubled: u64,
    /// Delayed messages.
    pub late: u64,
    /// Failed reads and writes of KV.
    pub kv: u64,
    /// Kills of the controller.
    pub killed: u64,
    /// Delayed or duplicated alarms.
    pub alarms: u64,
    /// Jumps of the clock.
    pub clock_jumps: u64,
    /// Recycled isolates.
    pub recycled: u64,
}

// === impl Faulted ===

impl Faulted {
    /// Sum of all faults.
    pub fn total(&self) -> u64 {
        let Self { lost, doubled, late, kv, killed, alarms, clock_jumps, recycled } = self;
        lost + doubled + late + kv + killed + alarms + clock_jumps + recycled
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let Self { lost, doubled, late, kv, killed, alarms, clock_jumps, recycled } = other;
        self.lost += lost;
        self.doubled += doubled;
        self.late += late;
        self.kv += kv;
        self.killed += killed;
        self.alarms += alarms;
        self.clock_jumps += clock_jumps;
        self.recycled += recycled;
    }
}

// === impl Messages ===

impl Messages {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { flushes, flush_bytes, reports, report_bytes } = other;
        self.flushes += flushes;
        self.flush_bytes += flush_bytes;
        self.reports += reports;
        self.report_bytes += report_bytes;
    }
}
