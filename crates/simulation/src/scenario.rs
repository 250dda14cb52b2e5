//! A scenario: a plan, an edge, its traffic, the behaviour of both variants over time, and faults.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serin_logic::Span;
use serin_logic::rollout::{Plan, Schedule};

/// A simulation, but for its seed. Every field has a default; unknown ones are errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scenario {
    /// In a line, for tables.
    pub name: String,
    /// Plan of the rollout, as for `POST rollouts`.
    #[serde(deserialize_with = "plan")]
    pub plan: Plan,
    /// When to stop waiting for an end; 1s to 7d, 2 h.
    pub limit: Span,
    /// Where requests arrive.
    pub edge: Edge,
    /// Visitors that send the requests.
    pub traffic: Traffic,
    /// How the variants behave, each stage until the next; the first from the rollout's start.
    pub stages: Vec<Stage>,
    /// Faults besides those of the variants.
    pub faults: Faults,
}

/// Locations and isolates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Edge {
    /// 1 to 1000; 5.
    pub locations: u32,
    /// Isolates in each location, 1 to 1000; 2.
    pub isolates: u32,
    /// How long an isolate lives on average; 0s: for ever. 15m. Counts that it has not handed over are lost with it.
    pub life: Span,
    /// How often an isolate refreshes and a shard reports; 5s.
    pub refresh: Span,
}

/// Visitors and their requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Traffic {
    /// Of the whole service, 0.001 to 1,000,000; 100.
    pub requests_per_second: f64,
    /// Number of visitors; 0: every request is from a new visitor. 0 to 10,000,000; 0.
    pub visitors: u32,
    /// Spread of the visitors' rates: standard deviation of their logarithm, 0 to 3; 0. At 1.5 a tenth makes two thirds of the requests.
    pub spread: f64,
    /// Share of visitors whose every request fails, on either variant, 0 to 1; 0. Needs `visitors`.
    pub always_failing: f64,
    /// Share of requests that may be sent again (GET without a body), 0 to 1; 0.8.
    pub replayable: f64,
    /// Stable's median time to the response's headers, 1 to 10,000 ms; 50.
    pub median_ms: f64,
    /// Spread of the latency: standard deviation of its logarithm, 0 to 2; 0.6, that is p95 at 134 ms and p99 at 202 ms.
    pub latency_spread: f64,
}

/// From a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Stage {
    /// After the rollout's start.
    pub at: Span,
    /// The canary from then on.
    pub canary: Behaviour,
    /// Stable from then on.
    pub stable: Behaviour,
    /// How many times the usual traffic, 0 to 1000; 1.
    pub load: f64,
}

/// How a variant answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Behaviour {
    /// Share of requests that fail, 0 to 1; 0.01.
    pub failures: f64,
    /// How many times stable's usual latency, 0.01 to 1000; 1.
    pub slower: f64,
}

/// Faults. Shares are 0 to 1 and 0 by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// Messages, and as many answers, that never arrive.
    pub lost: f64,
    /// Messages that arrive twice.
    pub doubled: f64,
    /// Messages that are late; the second copy of a doubled one always is.
    pub late: f64,
    /// By so much at most; 0s to 1h.
    pub late_by: Span,
    /// Longest time until a write to KV can be read in a location; 0s to 1h.
    pub kv_delay: Span,
    /// Reads and writes of KV that fail.
    pub kv_failing: f64,
    /// Steps of the controller, from one stored state to the next, in which it is killed: before the state is stored, after, in the middle of
    /// an effect that was performed or that was not.
    pub killed: f64,
    /// Alarms that ring late.
    pub alarm_late: f64,
    /// By so much at most; 0s to 1h.
    pub alarm_late_by: Span,
    /// Alarms that ring a second time.
    pub alarm_doubled: f64,
    /// How often the control plane's clock jumps, in an hour, 0 to 1000.
    pub clock_jumps_per_hour: f64,
    /// By so much at most, forward or back; 0s to 1h.
    pub clock_jump: Span,
}

/// A plan as an operator writes it. The plan's own deserialization is of its stored form.
fn plan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Plan, D::Error> {
    Plan::read(Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

// === impl Scenario ===

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "healthy".into(),
            plan: Plan::preset(Schedule::Standard),
            limit: Span::from_secs(2 * 3_600),
            edge: Edge::default(),
            traffic: Traffic::default(),
            stages: vec![Stage::default()],
            faults: Faults::default(),
        }
    }
}

impl Scenario {
    /// The stage in force so many ms after the start.
    pub fn stage(&self, since_start_ms: u64) -> Stage {
        self.stages.iter().rev().find(|stage| stage.at.as_millis() <= since_start_ms).copied().unwrap_or_default()
    }

    /// When the canary first becomes worse than stable; none: it never does, and a rollback is a false one.
    pub fn onset(&self) -> Option<Span> {
        self.stages.iter().find(|stage| stage.is_regression()).map(|stage| stage.at)
    }
}

impl Stage {
    fn is_regression(&self) -> bool {
        self.canary.failures > self.stable.failures || self.canary.slower > self.stable.slower
    }
}

impl Default for Edge {
    fn default() -> Self {
        Self { locations: 5, isolates: 2, life: Span::from_secs(900), refresh: Span::from_secs(5) }
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            requests_per_second: 100.0,
            visitors: 0,
            spread: 0.0,
            always_failing: 0.0,
            replayable: 0.8,
            median_ms: 50.0,
            latency_spread: 0.6,
        }
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self { at: Span::default(), canary: Behaviour::default(), stable: Behaviour::default(), load: 1.0 }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self { failures: 0.01, slower: 1.0 }
    }
}
