//! What a look says. The verdict follows from the reason and nothing else, so that the audit's sentence and what was done cannot
//! disagree. Kinds are stable strings: dashboards and notices name them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ceiling::Ceiling;
use super::counts::{Counts, ratio};
use super::e_process::Evidence;
use super::latency::Quantile;
use crate::decimal::Rounded;

/// What to do about the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may go on.
    Pass,
    /// Roll back.
    Fail,
    /// Hold: neither go on nor roll back.
    Inconclusive,
}

/// What an e-process watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Failures.
    Errors,
    /// 95 % of the latencies.
    P95,
    /// 99 % of the latencies.
    P99,
}

/// Why. Counts are those of the current step unless said otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Reason {
    /// Strong evidence: fails more often than stable.
    MoreFailures {
        /// The canary's counts.
        canary: Counts,
        /// Stable's counts.
        stable: Counts,
        /// E when it was first strong.
        evidence: Evidence,
    },
    /// Strong evidence: slower than stable by more than the tolerance.
    Slower {
        /// Which quantile.
        quantile: Quantile,
        /// The canary's, in ms.
        canary_ms: Option<u64>,
        /// Stable's, in ms.
        stable_ms: Option<u64>,
        /// E when it was first strong.
        evidence: Evidence,
    },
    /// Stable is beyond a ceiling itself; the canary is not to blame.
    StableIncident {
        /// Stable's numbers since the look before.
        ceiling: Ceiling,
    },
    /// The canary is beyond a ceiling: fails at the limit, holds before it.
    AboveCeiling {
        /// The canary's numbers since the look before.
        ceiling: Ceiling,
        /// Looks in a row.
        looks: u32,
        /// Looks in a row that roll back.
        limit: u32,
    },
    /// No isolate has reported for too long.
    StaleTelemetry {
        /// Age of the last flush in ms; none ever came.
        age_ms: Option<u64>,
        /// The oldest that will do.
        limit_ms: u64,
    },
    /// Strong evidence of a difference too small to matter.
    BelowFloors {
        /// The canary's counts.
        canary: Counts,
        /// Stable's counts.
        stable: Counts,
        /// E, above its limit.
        evidence: Evidence,
    },
    /// E is 10 or more: not enough to roll back, too much to promote.
    Suspicious {
        /// What looks bad.
        metric: Metric,
        /// E, below its limit.
        evidence: Evidence,
    },
    /// A breaker diverted the canary's traffic a moment ago.
    BreakerOpen {
        /// Time since, in ms.
        ago_ms: u64,
    },
    /// Too few canary requests to say anything.
    TooFewRequests {
        /// So many there were.
        requests: u64,
        /// So many are needed.
        needed: u64,
    },
    /// Too few canary requests to have noticed a bad canary.
    WaitingForTraffic {
        /// So many there were.
        requests: u64,
        /// So many are needed; none would be enough at this split.
        needed: Option<u64>,
    },
    /// Nothing speaks against the canary.
    Healthy {
        /// The canary's counts.
        canary: Counts,
        /// Stable's counts.
        stable: Counts,
    },
}

/// Something people should look at that decides nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Alarm {
    /// The split is not the configured one.
    SampleRatio {
        /// Assigned to the canary in this step.
        canary: u64,
        /// Assigned to stable's control slice in this step.
        stable: u64,
        /// The canary's configured share, in thousandths of a percent.
        configured: u64,
        /// E, at least once above its limit.
        evidence: Evidence,
    },
}

/// One look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// When, in ms since the epoch.
    pub at: u64,
    /// What to do.
    pub verdict: Verdict,
    /// Why; its `Display` is the sentence for the audit.
    pub reason: Reason,
    /// What else is wrong.
    pub alarms: Vec<Alarm>,
    /// What to show.
    pub figures: Figures,
}

/// What an operator watches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The canary in this step.
    pub canary: ArmFigures,
    /// Stable's control slice in this step.
    pub stable: ArmFigures,
    /// "Fails more often than stable."
    pub errors: Evidence,
    /// "Its p95 is worse."
    pub p95: Evidence,
    /// "Its p99 is worse."
    pub p99: Evidence,
}

/// One variant in the current step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArmFigures {
    /// Requests and failures.
    pub counts: Counts,
    /// In ms.
    pub p95_ms: Option<u64>,
    /// In ms.
    pub p99_ms: Option<u64>,
}

// === impl Reason ===

impl Reason {
    /// What follows.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::MoreFailures { .. } | Self::Slower { .. } => Verdict::Fail,
            Self::AboveCeiling { looks, limit, .. } if looks >= limit => Verdict::Fail,
            Self::Healthy { .. } => Verdict::Pass,
            Self::StableIncident { .. }
            | Self::AboveCeiling { .. }
            | Self::StaleTelemetry { .. }
            | Self::BelowFloors { .. }
            | Self::Suspicious { .. }
            | Self::BreakerOpen { .. }
            | Self::TooFewRequests { .. }
            | Self::WaitingForTraffic { .. } => Verdict::Inconclusive,
        }
    }

    /// Inconclusive only for want of requests: time alone may cure it, so a controller need not lose patience.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::TooFewRequests { .. } | Self::WaitingForTraffic { .. })
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
            Self::StableIncident { ceiling } => write!(f, "Stable itself has trouble: {ceiling}. Holding."),
            Self::AboveCeiling { ceiling, looks, limit } => {
                write!(f, "The canary is above a ceiling: {ceiling}; look {looks} in a row, limit {limit}.")
            }
            Self::StaleTelemetry { age_ms: Some(age_ms), limit_ms } => {
                write!(f, "No isolate has reported for {age_ms} ms, limit {limit_ms} ms. Holding.")
            }
            Self::StaleTelemetry { age_ms: None, .. } => write!(f, "No isolate has reported yet. Holding."),
            Self::BelowFloors { canary, stable, evidence } => write!(
                f,
                "The canary fails more often than stable, but hardly: {}; {evidence}. Holding.",
                Against(canary, stable)
            ),
            Self::Suspicious { metric, evidence } => {
                let metric = match metric {
                    Metric::Errors => "failures",
                    Metric::P95 => "p95",
                    Metric::P99 => "p99",
                };
                write!(f, "The canary's {metric} look bad: {evidence}. Holding until it is below 10 to 1.")
            }
            Self::BreakerOpen { ago_ms } => write!(f, "A breaker opened {ago_ms} ms ago. Holding."),
            Self::TooFewRequests { requests, needed } => {
                write!(f, "Too few canary requests to judge: {requests} of {needed}.")
            }
            Self::WaitingForTraffic { requests, needed: Some(needed) } => {
                write!(f, "Waiting for traffic: {requests} of {needed} canary requests.")
            }
            Self::WaitingForTraffic { requests, needed: None } => {
                write!(f, "Waiting for traffic: {requests} canary requests, and nothing to compare them with.")
            }
            Self::Healthy { canary, stable } => {
                write!(f, "Nothing speaks against the canary: {}.", Against(canary, stable))
            }
        }
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorRate { failures, diverted, requests, ceiling } => {
                let (rate, ceiling) = (percent(*failures, *requests), ceiling * 100.0);
                write!(f, "{failures} of {requests} requests failed ({} %), ", Rounded::<2>(rate))?;
                if *diverted > 0 {
                    write!(f, "{diverted} of these sent to stable by a breaker, ")?;
                }
                write!(f, "ceiling {} %", Rounded::<2>(ceiling))
            }
            Self::P95 { p95_ms, slow, requests, ceiling_ms } => {
                write!(f, "p95 {p95_ms} ms ({slow} of {requests} requests slower than the ceiling of {ceiling_ms} ms)")
            }
            Self::Health => write!(f, "its own /health says it is down"),
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::SampleRatio { canary, stable, configured, evidence } = self;
        let (all, configured) = (canary.saturating_add(*stable), *configured as f64 / 1e3);
        write!(
            f,
            "The split is not the configured one: {canary} of {all} ({} %) on the canary, configured {} %; \
             {evidence}. Is telemetry lost, or a cache in front of one side?",
            Rounded::<2>(percent(*canary, all)),
            Rounded::<2>(configured),
        )
    }
}

/// Two counts side by side: `9 of 170 requests (5.29 %) against 33 of 3230 (1.02 %)`.
struct Against<'a>(&'a Counts, &'a Counts);

impl fmt::Display for Against<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x_c, n_c, x_s, n_s) = (self.0.failures(), self.0.requests(), self.1.failures(), self.1.requests());
        let (p_c, p_s) = (Rounded::<2>(percent(x_c, n_c)), Rounded::<2>(percent(x_s, n_s)));
        write!(f, "{x_c} of {n_c} requests failed ({p_c} %) against {x_s} of {n_s} ({p_s} %)")
    }
}

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
