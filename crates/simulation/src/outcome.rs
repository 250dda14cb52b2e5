//! How one run ended, and its cost.

use serde::{Deserialize, Serialize};

use crate::invariants::Violation;

/// How a rollout ended, within the scenario's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Everything is on the canary, for good.
    Promoted,
    /// The canary was taken out.
    RolledBack,
    /// The rollout waits for an operator.
    Paused,
    /// It goes on, or waits for traffic.
    Unfinished,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Of its draws.
    pub seed: u64,
    /// How it ended.
    pub end: End,
    /// The step it was at, from 1.
    pub step: usize,
    /// When it ended, after its start; none: it did not.
    pub ended_ms: Option<u64>,
    /// When it was rolled back, after the canary became worse; none: it did not, or was not rolled back since.
    pub detected_ms: Option<u64>,
    /// Requests sent to the canary since it became worse (else since the start), until the end.
    pub canary_requests: u64,
    /// Those of the last step that the analysis had counted when it was rolled back.
    pub counted_requests: u64,
    /// Requests that the canary failed, in the same time and until its last response.
    pub failed: u64,
    /// Of these, those that the client saw: not to be sent again, or failed by stable too.
    pub without_fallback: u64,
    /// From the rollback to the canary's last response; none: it was not rolled back, or nothing came after.
    pub last_canary_ms: Option<u64>,
    /// Alarms besides the canary's: the split is not the one that was asked for.
    pub alarms: u64,
    /// The controller's sentence of the last transition.
    pub why: String,
    /// Virtual time that passed.
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
    /// From isolates to shards.
    pub flushes: u64,
    /// Bytes of these.
    pub flush_bytes: u64,
    /// From shards to the controller.
    pub reports: u64,
    /// Bytes of these.
    pub report_bytes: u64,
}

/// Faults that were injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Faulted {
    /// Messages and answers lost.
    pub lost: u64,
    /// Messages doubled.
    pub doubled: u64,
    /// Messages late.
    pub late: u64,
    /// Reads and writes of KV failed.
    pub kv: u64,
    /// Times the controller was killed.
    pub killed: u64,
    /// Alarms late or doubled.
    pub alarms: u64,
    /// Jumps of the clock.
    pub clock_jumps: u64,
    /// Isolates recycled.
    pub recycled: u64,
}

// === impl Faulted ===

impl Faulted {
    /// All of them.
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
