//! Verdicts and their reasons. The reason alone determines the verdict, so that the audit's sentence and the action cannot disagree. Kinds
//! are stable strings, because dashboards and notifications refer to them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, PerVariant, Unit, ratio};
use super::e_process::Evidence;
use super::latency::Quantile;
use super::paired::{PairedFigures, PairedReason};
use super::threshold::{Affected, Threshold};
use super::versions::MAX_WRONG_PERCENT;
use crate::version::VersionCounts;

/// Verdict on the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The canary may advance.
    Pass,
    /// The canary is rolled back.
    Fail,
    /// The canary holds: it neither advances nor is rolled back.
    Inconclusive,
}

/// The reason to wait of an inconclusive analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldFor {
    /// Requests: there are too few, or none. A night without visitors says nothing about the canary.
    Traffic,
    /// The breakers that keep visitors from the canary: their probes will show whether the canary is to blame.
    Breakers,
    /// Evidence for or against the canary.
    Evidence,
    /// The check of the plan's step, which has not passed yet.
    Check,
}

/// Metric of one e-process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Failed requests.
    Errors,
    /// 95th percentile of the latencies.
    P95,
    /// 99th percentile of the latencies.
    P99,
    /// Answers to requests that both variants answered.
    Answers,
    /// Latencies of these.
    Latency,
}

/// Reason of a verdict. Counts are those of the current step unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Reason {
    /// Strong evidence: the canary fails more often than stable.
    MoreFailures {
        /// The canary's counts.
        canary: Counts,
        /// Stable's counts.
        stable: Counts,
        /// E at the time it was first strong.
        evidence: Evidence,
    },
    /// Strong evidence: the canary is slower than stable by more than the tolerance.
    Slower {
        /// Compared quantile.
        quantile: Quantile,
        /// The canary's quantile, in ms.
        canary_ms: Option<u64>,
        /// Stable's quantile, in ms.
        stable_ms: Option<u64>,
        /// E at the time it was first strong.
        evidence: Evidence,
    },
    /// Strong evidence: breakers keep visitors from the canary, and their probes fail.
    Diverted {
        /// Probes that failed.
        failed: u64,
        /// Probes that breakers sent to the canary.
        probes: u64,
        /// Visits that went to stable instead.
        diverted: u64,
        /// All visits of the canary's visitors in that time.
        visits: u64,
        /// Highest allowed share of both, 0..=1.
        ceiling: f64,
    },
    /// Stable itself is above a threshold, so the canary is not to blame.
    StableIncident {
        /// Stable's measurements since the previous analysis.
        threshold: Threshold,
    },
    /// The canary is above a threshold. The canary fails once `looks` reaches `limit`, and holds until then.
    AboveThreshold {
        /// The canary's measurements since the previous analysis.
        threshold: Threshold,
        /// Consecutive analyses with the broken threshold.
        looks: u32,
        /// Number of consecutive analyses that causes a rollback.
        limit: u32,
    },
    /// Answers are of another version than the one that their request was sent to, so that the canary's share is not what it seems.
    WrongVersion {
        /// The answers of the last minute, by their version.
        versions: PerVariant<VersionCounts>,
        /// Whether the canary's own /health was answered by another version.
        probed: bool,
    },
    /// Telemetry is stale: the last report of an isolate is too old.
    StaleTelemetry {
        /// Age of the last report in ms; `None` if no isolate has reported.
        age_ms: Option<u64>,
        /// Highest accepted age.
        limit_ms: u64,
    },
    /// Strong evidence of a difference that is too small to matter.
    BelowFloors {
        /// The canary's counts.
        canary: Counts,
        /// Stable's counts.
        stable: Counts,
        /// E, above its limit.
        evidence: Evidence,
    },
    /// E is 10 or more: too little for a rollback, too much for promotion.
    Suspicious {
        /// The suspicious metric.
        metric: Metric,
        /// E, below its limit.
        evidence: Evidence,
    },
    /// A breaker opened or kept visitors from the canary a moment ago.
    BreakerOpen {
        /// Time since then, in ms.
        ago_ms: u64,
    },
    /// Too few visitors on the canary, or too few requests where every request counts for itself.
    TooFewRequests {
        /// Visitors or requests so far.
        requests: u64,
        /// Required number.
        needed: u64,
        /// The unit of the counts.
        #[serde(default)]
        unit: Unit,
    },
    /// Too few visitors, or requests, on the canary to detect a bad canary.
    WaitingForTraffic {
        /// Visitors or requests so far.
        requests: u64,
        /// Required number; `None` if no number is enough at this split.
        needed: Option<u64>,
        /// The unit of the counts.
        #[serde(default)]
        unit: Unit,
    },
    /// What pairs of answers say, in a step that mirrors.
    Pairs(PairedReason),
    /// No evidence against the canary.
    Healthy {
        /// The canary's counts.
        canary: Counts,
        /// Stable's counts.
        stable: Counts,
    },
}

/// An anomaly for operators to investigate. It does not influence the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Alarm {
    /// The split is not the configured one.
    SampleRatio {
        /// Units assigned to the canary in this step.
        canary: u64,
        /// Units assigned to stable's control slice in this step.
        stable: u64,
        /// The canary's configured share, in thousandths of a percent.
        configured: u64,
        /// E, which has exceeded its limit at least once.
        evidence: Evidence,
    },
    /// Every request counts for itself, but one key is behind more than a fifth of them: it decides alone.
    HeavyKey {
        /// Requests of that key in this step, at least.
        heaviest: u64,
        /// All requests in this step.
        requests: u64,
    },
}

/// Result of one analysis of the canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Time of the analysis, in ms since the epoch.
    pub at: u64,
    /// Verdict on the canary.
    pub verdict: Verdict,
    /// Reason of the verdict; its `Display` is the sentence for the audit.
    pub reason: Reason,
    /// Anomalies that do not influence the verdict.
    pub alarms: Vec<Alarm>,
    /// Numbers to display.
    pub figures: Figures,
}

/// Numbers of the current step, for operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The canary's numbers in this step.
    pub canary: VariantFigures,
    /// Numbers of stable's control slice in this step.
    pub stable: VariantFigures,
    /// Evidence that the canary fails more often than stable.
    pub errors: Evidence,
    /// Evidence that the canary's p95 is worse.
    pub p95: Evidence,
    /// Evidence that the canary's p99 is worse.
    pub p99: Evidence,
    /// Numbers of a step that mirrors; none if the plan has no such step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<PairedFigures>,
}

/// Numbers of one variant in the current step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariantFigures {
    /// Requests and failures.
    pub counts: Counts,
    /// Median of the latency, in ms.
    #[serde(default)]
    pub p50_ms: Option<u64>,
    /// 95th percentile of the latency, in ms.
    pub p95_ms: Option<u64>,
    /// 99th percentile of the latency, in ms.
    pub p99_ms: Option<u64>,
}

// === impl Reason ===

impl Reason {
    /// The verdict for this reason.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Pairs(reason) => reason.verdict(),
            Self::MoreFailures { .. } | Self::Slower { .. } | Self::Diverted { .. } => Verdict::Fail,
            Self::AboveThreshold { looks, limit, .. } if looks >= limit => Verdict::Fail,
            Self::Healthy { .. } => Verdict::Pass,
            Self::StableIncident { .. }
            | Self::AboveThreshold { .. }
            | Self::WrongVersion { .. }
            | Self::StaleTelemetry { .. }
            | Self::BelowFloors { .. }
            | Self::Suspicious { .. }
            | Self::BreakerOpen { .. }
            | Self::TooFewRequests { .. }
            | Self::WaitingForTraffic { .. } => Verdict::Inconclusive,
        }
    }

    /// The reason to wait of an inconclusive analysis.
    pub fn held_for(&self) -> HeldFor {
        match self {
            Self::TooFewRequests { .. } | Self::WaitingForTraffic { .. } | Self::StaleTelemetry { .. } => {
                HeldFor::Traffic
            }
            Self::Pairs(PairedReason::TooFew { .. }) => HeldFor::Traffic,
            Self::BreakerOpen { .. } => HeldFor::Breakers,
            _ => HeldFor::Evidence,
        }
    }
}

impl Reason {
    /// The canary's traffic and the needed traffic, where the reason is a lack of traffic. No number may be enough at a split.
    pub fn missing_traffic(&self) -> Option<(u64, Option<u64>)> {
        match self {
            Self::TooFewRequests { requests, needed, .. } => Some((*requests, Some(*needed))),
            Self::WaitingForTraffic { requests, needed, .. } => Some((*requests, *needed)),
            Self::Pairs(PairedReason::TooFew { units, needed, .. }) => Some((*units, *needed)),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MoreFailures { canary, stable, evidence } => {
                write!(f, "The canary fails more often than stable: {}; {evidence}.", Against(canary, stable))
            }
            Self::Slower { quantile, canary_ms, stable_ms, evidence } => {
                let quantile = match quantile {
                    Quantile::P95 => "p95",
                    Quantile::P99 => "p99",
                };
                let (canary, stable) = (Ms(*canary_ms), Ms(*stable_ms));
                write!(f, "The canary is slower than stable: {quantile} {canary} against {stable}; {evidence}.")
            }
            Self::Diverted { failed, probes, diverted, visits, ceiling } => write!(
                f,
                "Breakers keep visitors from the canary: in their probes, {failed} of {probes} visitors failed, and {diverted} of \
                 {visits} visits ({:.2} %) went to stable instead; ceiling {:.2} %.",
                percent(*diverted, *visits),
                ceiling * 100.0
            ),
            Self::StableIncident { threshold } => {
                write!(f, "Stable itself has a problem: {threshold}. The step is held.")
            }
            Self::AboveThreshold { threshold, looks, limit } => {
                write!(f, "The canary is above a ceiling: {threshold}; analysis {looks} in a row, limit {limit}.")
            }
            Self::WrongVersion { versions: PerVariant { canary, stable }, probed } => {
                if *probed {
                    write!(f, "Another version answered the canary's own /health. ")?;
                } else {
                    write!(f, "The platform answers by another version: canary, {canary}; stable, {stable}; ")?;
                    write!(f, "at most {MAX_WRONG_PERCENT} % are accepted. ")?;
                }
                write!(f, "Is the canary's version in the Worker's current deployment? Holding.")
            }
            Self::StaleTelemetry { age_ms: Some(age_ms), limit_ms } => {
                write!(f, "No isolate has reported for {age_ms} ms, limit {limit_ms} ms. Waiting for traffic.")
            }
            Self::StaleTelemetry { age_ms: None, .. } => write!(f, "No isolate has reported yet. Waiting for traffic."),
            Self::BelowFloors { canary, stable, evidence } => write!(
                f,
                "The canary fails only slightly more often than stable: {}; {evidence}. The step is held.",
                Against(canary, stable)
            ),
            Self::Suspicious { metric, evidence } => {
                let metric = match metric {
                    Metric::Errors => "failures",
                    Metric::P95 => "p95",
                    Metric::P99 => "p99",
                    Metric::Answers => "answers to copied requests",
                    Metric::Latency => "times for copied requests",
                };
                write!(
                    f,
                    "Suspicious {metric} on the canary: {evidence}. The step is held until the evidence is below 10 to 1."
                )
            }
            Self::BreakerOpen { ago_ms } => write!(
                f,
                "A breaker kept visitors from the canary {ago_ms} ms ago. The step is held until no breaker has for a minute."
            ),
            Self::TooFewRequests { requests, needed, unit } => {
                write!(f, "Not enough {} on the canary yet: {requests} of {needed}.", unit.plural())
            }
            Self::WaitingForTraffic { requests, needed: Some(needed), unit } => {
                write!(f, "Waiting for traffic: {requests} of {needed} {} on the canary.", unit.plural())
            }
            Self::WaitingForTraffic { requests, needed: None, unit } => {
                let units = unit.plural();
                write!(f, "Waiting for traffic: {requests} {units} on the canary, and nothing to compare them with.")
            }
            Self::Pairs(reason) => reason.fmt(f),
            Self::Healthy { canary, stable } => {
                write!(f, "No evidence against the canary: {}.", Against(canary, stable))
            }
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRate { failures, requests, ceiling, visitors } => {
                let (rate, ceiling) = (percent(*failures, *requests), ceiling * 100.0);
                write!(f, "{failures} of {requests} requests failed ({rate:.2} %), ")?;
                if let Some(Affected { affected, visitors }) = visitors {
                    write!(f, "{affected} of {visitors} visitors affected, ")?;
                }
                write!(f, "ceiling {ceiling:.2} %")
            }
            Self::P95 { p95_ms, slow, requests, ceiling_ms, visitors } => {
                write!(f, "p95 {p95_ms} ms ({slow} of {requests} requests slower than the ceiling of {ceiling_ms} ms")?;
                if let Some(Affected { affected, visitors }) = visitors {
                    write!(f, ", {affected} of {visitors} visitors affected")?;
                }
                write!(f, ")")
            }
            Self::Health => write!(f, "its own /health says it is down"),
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleRatio { canary, stable, configured, evidence } => {
                let (all, configured) = (canary.saturating_add(*stable), *configured as f64 / 1e3);
                let share = percent(*canary, all);
                write!(
                    f,
                    "The split is not the configured one: {canary} of {all} ({share:.2} %) on the canary, configured \
                     {configured:.2} %; {evidence}. Check for lost telemetry, or a cache in front of one variant.",
                )
            }
            Self::HeavyKey { heaviest, requests } => write!(
                f,
                "One key sent at least {heaviest} of {requests} requests ({:.2} %), and analysis.unit is \"request\": \
                 that key alone can hide a bad canary or roll back a good one. Use \"sticky-key\" if the service has visitors.",
                percent(*heaviest, *requests)
            ),
        }
    }
}

/// Two counts side by side: `9 of 170 visitors failed (5.29 %) against 33 of 3230 (1.02 %)`; without visitors, requests.
struct Against<'a>(&'a Counts, &'a Counts);

impl fmt::Display for Against<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(canary, stable) = self;
        let has_visitors = canary.visitors() > 0 || stable.visitors() > 0;
        let unit = if has_visitors { Unit::StickyKey } else { Unit::Request };
        let (x_c, n_c, x_s, n_s) =
            (canary.evidence(unit), canary.units(unit), stable.evidence(unit), stable.units(unit));
        let (p_c, p_s, units) = (percent(x_c, n_c), percent(x_s, n_s), unit.plural());
        write!(f, "{x_c} of {n_c} {units} failed ({p_c:.2} %) against {x_s} of {n_s} ({p_s:.2} %)")
    }
}

/// Milliseconds, or `unknown`.
struct Ms(Option<u64>);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ms) => write!(f, "{ms} ms"),
            None => write!(f, "unknown"),
        }
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    ratio(part, whole) * 100.0
}
