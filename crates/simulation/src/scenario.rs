//! A scenario: a plan, an edge, its traffic, the behaviour of both variants over time, and faults.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serin_logic::Span;
use serin_logic::rollout::{Plan, Schedule};

/// A simulation without its seed. Every field has a default; an unknown field is an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scenario {
    /// One-line description, for tables.
    pub name: String,
    /// Plan of the rollout, as for `POST rollouts`.
    #[serde(deserialize_with = "plan")]
    pub plan: Plan,
    /// Time after which the simulation stops, even if the rollout has not ended; 1s to 7d, 2 h.
    pub limit: Span,
    /// The locations and isolates that receive requests.
    pub edge: Edge,
    /// The visitors that send requests.
    pub traffic: Traffic,
    /// Behaviour of the variants. Each stage lasts until the next one; the first begins with the rollout.
    pub stages: Vec<Stage>,
    /// Faults other than those of the variants.
    pub faults: Faults,
    /// Clients beside the site's own visitors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outsiders: Vec<Outsider>,
}

/// A client beside the site's own visitors, who tries to decide alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Outsider {
    /// First request, after the rollout's start.
    pub at: Span,
    /// End of the requests; 7d.
    pub until: Span,
    /// Requests per second, 0.001 to 10,000; 1.
    pub requests_per_second: f64,
    /// Identities that send the requests in turn, 1 to 1,000,000; 1.
    pub identities: u32,
    /// Client networks of the identities, 0 to 256; 0 gives each identity a network of its own. 1.
    pub networks: u32,
    /// Whether the identities are chosen so that the canary's first step at 5 % has them.
    pub on_canary: bool,
    /// Behaviour of the requests; good.
    pub requests: OutsiderRequests,
}

/// Behaviour of an outsider's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutsiderRequests {
    /// They succeed on both variants.
    #[default]
    Good,
    /// They fail on both variants.
    Failing,
    /// They succeed, and have a body that takes five seconds to send.
    Uploads,
}

/// Locations and isolates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Edge {
    /// Number of locations, 1 to 1000; 5.
    pub locations: u32,
    /// Isolates in each location, 1 to 1000; 2.
    pub isolates: u32,
    /// Average lifetime of an isolate; 0s means unlimited. 15m. Counts that an isolate has not flushed are lost with it.
    pub life: Span,
    /// Interval of an isolate's refreshes and of a shard's reports; 5s.
    pub refresh: Span,
}

/// Visitors and their requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Traffic {
    /// Requests per second of the whole service, 0.001 to 1,000,000; 100.
    pub requests_per_second: f64,
    /// Number of visitors, 0 to 10,000,000; 0, which means that every request is from a new visitor.
    pub visitors: u32,
    /// Spread of the visitors' request rates: standard deviation of their logarithm, 0 to 3; 0. At 1.5 a tenth of the visitors sends two
    /// thirds of the requests.
    pub spread: f64,
    /// Spread of the visitors' own pace: standard deviation of the logarithm of a factor on their latencies, 0 to 2; 0. Needs `visitors`.
    pub pace: f64,
    /// Share of visitors whose every request fails, on either variant, 0 to 1; 0. Needs `visitors`.
    pub always_failing: f64,
    /// Share of requests that may be retried (GET without a body), 0 to 1; 0.8.
    pub replayable: f64,
    /// Stable's median time to the response's headers, 1 to 10,000 ms; 50.
    pub median_ms: f64,
    /// Spread of the latency: standard deviation of its logarithm, 0 to 2; 0.6, which gives p95 at 134 ms and p99 at 202 ms.
    pub latency_spread: f64,
}

/// Behaviour of the variants and traffic from a point in time on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Stage {
    /// Start of the stage, after the rollout's start.
    pub at: Span,
    /// The canary's behaviour.
    pub canary: Behaviour,
    /// Stable's behaviour.
    pub stable: Behaviour,
    /// Traffic as a multiple of the usual traffic, 0 to 1000; 1.
    pub load: f64,
}

/// Behaviour of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Behaviour {
    /// Share of requests that fail, 0 to 1; 0.01.
    pub failures: f64,
    /// Latency as a multiple of stable's usual latency, 0.01 to 1000; 1.
    pub slower: f64,
    /// Share of the answers whose body breaks off after its head, 0 to 1; 0. The plan's `watchBodies` says how many of these are seen.
    #[serde(skip_serializing_if = "is_zero")]
    pub broken: f64,
}

/// Faults. Shares are 0 to 1 and 0 by default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// Share of messages, and of answers, that are lost.
    pub lost: f64,
    /// Share of messages that are duplicated.
    pub doubled: f64,
    /// Share of messages that are delayed. The second copy of a duplicated message is always delayed.
    pub late: f64,
    /// Longest delay of a message; 0s to 1h.
    pub late_by: Span,
    /// Longest time until a location can read a write to KV; 0s to 1h.
    pub kv_delay: Span,
    /// Share of reads and writes of KV that fail.
    pub kv_failing: f64,
    /// Share of the controller's transactions during which it is killed: before the state is stored, after that, or during an effect,
    /// before or after the effect is performed.
    pub killed: f64,
    /// Share of alarms that are delayed.
    pub alarm_late: f64,
    /// Longest delay of an alarm; 0s to 1h.
    pub alarm_late_by: Span,
    /// Share of alarms that fire twice.
    pub alarm_doubled: f64,
    /// Jumps of the control plane's clock per hour, 0 to 1000.
    pub clock_jumps_per_hour: f64,
    /// Longest jump, forward or back; 0s to 1h.
    pub clock_jump: Span,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

/// A plan as an operator writes it. The plan's own deserialization reads the stored form.
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
            outsiders: Vec::new(),
        }
    }
}

impl Default for Outsider {
    fn default() -> Self {
        Self {
            at: Span::default(),
            until: Span::from_secs(7 * 24 * 3_600),
            requests_per_second: 1.0,
            identities: 1,
            networks: 1,
            on_canary: false,
            requests: OutsiderRequests::Good,
        }
    }
}

impl Scenario {
    /// The stage in force at the given time in ms after the start.
    pub fn stage(&self, since_start_ms: u64) -> Stage {
        self.stages.iter().rev().find(|stage| stage.at.as_millis() <= since_start_ms).copied().unwrap_or_default()
    }

    /// Time at which the canary first becomes worse than stable; `None` if it never does, in which case every rollback is a false one.
    pub fn onset(&self) -> Option<Span> {
        self.stages.iter().find(|stage| stage.is_regression()).map(|stage| stage.at)
    }
}

impl Stage {
    fn is_regression(&self) -> bool {
        self.canary.failures > self.stable.failures
            || self.canary.slower > self.stable.slower
            || self.canary.broken > self.stable.broken
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
            pace: 0.0,
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
        Self { failures: 0.01, slower: 1.0, broken: 0.0 }
    }
}
