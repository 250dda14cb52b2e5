//! The evaluation of one rollout: ticks are the input, analyses the output. The evaluator holds all state that the controller needs to
//! continue after a restart. Time is an argument.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::config::{AnalysisConfig, InvalidAnalysisConfig};
use super::counts::{Counts, Fraction, PerVariant, Unit};
use super::diversion::{Diversion, DiversionTest};
use super::e_process::{Restarts, whole};
use super::error_test::{ErrorOutcome, ErrorTest, Floors, SOFT_HOLD};
use super::latency::{Histogram, LatencyTest, Quantile, StableWindow, bucket_of};
use super::measure::{Measure, SlowLimits};
use super::paired::{PairedTest, PairedTick};
use super::sample_ratio::SampleRatio;
use super::sample_size::needed_requests;
use super::threshold::{Affected, Threshold};
use super::verdict::{Figures, Look, Metric, Reason, VariantFigures};
use super::versions::VersionWindow;
use crate::variant::Variant;
use crate::version::{VersionCheck, VersionCounts};
use crate::visitors::{HeavyKeys, VisitorSketch};

/// Anomalies that operators should know.
mod alarms;
/// The analysis of a step that mirrors.
mod mirrored;

/// Number of flush intervals without telemetry after which telemetry is stale.
const STALE_FLUSHES: u64 = 3;

/// Time after the opening of a breaker during which the canary is not promoted.
const BREAKER_MS: u64 = 60_000;

/// Counts of one tick, all from one split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// Requests and failures.
    pub counts: PerVariant<Counts>,
    /// Visits and failed ones: of a visitor one every few seconds at most, or all requests where every request counts for itself.
    pub visits: PerVariant<Counts>,
    /// Latencies of visits, without requests that have a body and without the first 20 canary requests of each isolate.
    pub latency: PerVariant<Histogram>,
    /// Distinct visitors.
    pub visitors: PerVariant<VisitorSketch>,
    /// Visitors with their first slow answer of the step.
    pub slow: PerVariant<SlowVisitors>,
    /// First-seen visitors. Unused if every request is assigned separately.
    pub assigned: PerVariant<u64>,
    /// Keys with the most requests, if every request is assigned separately.
    pub heavy: HeavyKeys,
    /// Visits that breakers kept from the canary, and their probes.
    pub diversion: Diversion,
    /// Answers by their version, where the variants are versions of one Worker.
    pub versions: PerVariant<VersionCounts>,
    /// Configured widths of the canary and of the control slice, in buckets.
    pub split: PerVariant<u64>,
    /// Pairs of answers, in a step that mirrors.
    pub paired: Option<PairedTick>,
}

/// Visitors with their first slow answer of the step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowVisitors {
    /// Slower than stable's p95.
    pub p95: u64,
    /// Slower than stable's p99.
    pub p99: u64,
    /// Slower than the ceiling of the p95.
    pub ceiling: u64,
}

/// Inputs of an analysis besides the ticks. Times are in ms since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookContext {
    /// Time of the last report of an isolate.
    pub last_flush_at: Option<u64>,
    /// Time at which a breaker last opened or kept a request from the canary.
    pub breaker_opened_at: Option<u64>,
    /// Response of the canary's own /health.
    pub health: Health,
    /// Version of the answer to that request, where the canary is a version.
    pub version: Option<VersionCheck>,
    /// Whether this is the last step that compares. That step needs enough traffic to detect a bad canary.
    pub last_comparison: bool,
    /// Whether the step mirrors, so that pairs of answers are judged and not visitors.
    pub mirrors: bool,
}

/// Response of the canary's own /health, requested through its binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Unknown: the request was not sent, the canary has no /health, or the request failed for a reason on Serin's side.
    #[default]
    Unknown,
    /// The canary reports that it serves.
    Healthy,
    /// The canary reports that it is down, or does not respond.
    Unhealthy,
}

/// The tests of one rollout and their counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluator {
    config: AnalysisConfig,
    errors: ErrorTest,
    p95: LatencyTest,
    p99: LatencyTest,
    stable_window: StableWindow,
    sample_ratio: SampleRatio,
    /// Latencies of the current step.
    step_latency: PerVariant<Histogram>,
    step_assigned: PerVariant<u64>,
    split: PerVariant<u64>,
    /// Visits since the last analysis that had enough of them.
    recent: PerVariant<Counts>,
    recent_latency: PerVariant<Histogram>,
    /// Distinct visitors of the current step.
    #[serde(default)]
    step_visitors: PerVariant<VisitorSketch>,
    /// Visitors with a slow answer in the current step.
    #[serde(default)]
    step_slow: PerVariant<SlowVisitors>,
    /// Distinct visitors of the rollout, and how many of them failed.
    #[serde(default)]
    all_visitors: PerVariant<VisitorSketch>,
    #[serde(default)]
    all_failed: PerVariant<u64>,
    /// Keys with the most requests in the current step.
    #[serde(default, skip_serializing_if = "HeavyKeys::is_empty")]
    step_heavy: HeavyKeys,
    /// Visits that breakers divert from the canary at present.
    #[serde(default, skip_serializing_if = "DiversionTest::is_empty")]
    diversion: DiversionTest,
    /// The tests of pairs, if a step of the plan mirrors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paired: Option<PairedTest>,
    /// Answers of the last minute by their version.
    #[serde(default, skip_serializing_if = "VersionWindow::is_empty")]
    versions: VersionWindow,
    /// Limits for the next tick.
    #[serde(default)]
    slow_limits: SlowLimits,
    /// Consecutive analyses with a broken threshold.
    breaches: u32,
    /// Consecutive analyses with a bad /health.
    unhealthy: u32,
}

// === impl Evaluator ===

impl Evaluator {
    /// Creates an evaluator for a rollout with the planned duration `planned_ms`.
    ///
    /// # Errors
    /// A configured value is outside its range.
    pub fn new(config: AnalysisConfig, planned_ms: u64) -> Result<Self, InvalidAnalysisConfig> {
        config.check()?;
        let restarts = Restarts::over(planned_ms, config.tick_ms);
        let latency = |quantile| LatencyTest::new(quantile, config.alpha_latency(), config.latency_tolerance, restarts);
        let floors = Floors::default();
        let mut evaluator = Self {
            errors: ErrorTest::new(config.alpha_errors(), config.error_tolerance, config.unit, floors, restarts),
            p95: latency(Quantile::P95),
            p99: latency(Quantile::P99),
            stable_window: StableWindow::default(),
            sample_ratio: SampleRatio::new(restarts),
            step_latency: PerVariant::default(),
            step_assigned: PerVariant::default(),
            split: PerVariant::default(),
            recent: PerVariant::default(),
            recent_latency: PerVariant::default(),
            step_visitors: PerVariant::default(),
            step_slow: PerVariant::default(),
            all_visitors: PerVariant::default(),
            all_failed: PerVariant::default(),
            step_heavy: HeavyKeys::default(),
            diversion: DiversionTest::default(),
            paired: (config.mirror_ms > 0).then(|| PairedTest::new(&config, config.mirror_ms)),
            versions: VersionWindow::default(),
            slow_limits: SlowLimits::default(),
            breaches: 0,
            unhealthy: 0,
            config,
        };
        evaluator.fix_limits();
        Ok(evaluator)
    }

    /// Resets the counts of the step. The evidence and the consecutive analyses continue.
    pub fn begin_step(&mut self) {
        self.errors.begin_step();
        self.step_latency = PerVariant::default();
        self.step_assigned = PerVariant::default();
        self.step_visitors = PerVariant::default();
        self.step_slow = PerVariant::default();
        self.step_heavy = HeavyKeys::default();
        self.diversion = DiversionTest::default();
        self.recent = PerVariant::default();
        self.recent_latency = PerVariant::default();
        self.paired.iter_mut().for_each(PairedTest::begin_step);
    }

    /// Settings that isolates need to count outcomes until the next tick closes.
    pub fn measure(&self) -> Measure {
        Measure { unit: self.config.unit, slow: self.slow_limits }
    }

    /// Fixes the limits of slow answers for the next tick.
    fn fix_limits(&mut self) {
        let window = self.stable_window.merged();
        self.slow_limits = SlowLimits {
            p95: self.p95.limit(&window),
            p99: self.p99.limit(&window),
            tolerance: self.p95.tolerance(),
            ceiling: Some(bucket_of(self.config.p95_ceiling_ms as f64)),
        };
    }

    /// Adds the tick that closed at `now` (ms since the epoch). Ticks close by the clock alone, empty ones too, because closing one early
    /// after a failure would bias the evidence.
    pub fn close_tick(&mut self, tick: Tick, now: u64) {
        let Tick { counts, visits, latency, visitors, slow, assigned, heavy, diversion, versions, split, paired } =
            tick;
        if let (Some(test), Some(tick)) = (&mut self.paired, &paired) {
            test.close_tick(tick);
        }
        let share = Fraction::of(split.canary, split.stable);
        for variant in Variant::ALL {
            self.step_visitors.get_mut(variant).merge(visitors.get(variant));
            self.all_visitors.get_mut(variant).merge(visitors.get(variant));
            let failed = self.all_failed.get_mut(variant);
            *failed = failed.saturating_add(counts.get(variant).evidence(Unit::StickyKey));
            *self.step_slow.get_mut(variant) += *slow.get(variant);
        }
        self.step_heavy.merge(&heavy);
        self.diversion.close_tick(diversion, visits.canary.requests(), now);
        self.versions.close_tick(versions);

        let in_step = PerVariant::new(self.step_visitors.canary.estimate(), self.step_visitors.stable.estimate());
        self.errors.close_tick(&counts, in_step, share);
        self.close_latency(&latency, slow, share, now);
        let assigned = match self.config.unit {
            Unit::StickyKey => assigned,
            Unit::Request => PerVariant::new(counts.canary.requests(), counts.stable.requests()),
        };
        self.sample_ratio.close_tick(assigned, share);

        self.split = split;
        self.step_assigned.canary = self.step_assigned.canary.saturating_add(assigned.canary);
        self.step_assigned.stable = self.step_assigned.stable.saturating_add(assigned.stable);
        self.recent += visits;
        for sum in [&mut self.step_latency, &mut self.recent_latency] {
            sum.canary += &latency.canary;
            sum.stable += &latency.stable;
        }
        self.stable_window.push(latency.stable, now);
        self.fix_limits();
    }

    fn close_latency(
        &mut self,
        latency: &PerVariant<Histogram>,
        slow: PerVariant<SlowVisitors>,
        share: Fraction,
        now: u64,
    ) {
        self.stable_window.expire(self.config.tick_ms, now);
        match self.config.unit {
            Unit::StickyKey => {
                self.p95.close_tick_of_visitors(PerVariant::new(slow.canary.p95, slow.stable.p95), share);
                self.p99.close_tick_of_visitors(PerVariant::new(slow.canary.p99, slow.stable.p99), share);
            }
            Unit::Request => {
                let before = self.stable_window.merged();
                self.p95.close_tick(&before, latency);
                self.p99.close_tick(&before, latency);
            }
        }
    }

    /// Strong evidence, which requires a rollback at once, without waiting for an analysis.
    pub fn strong_evidence(&self) -> Option<Reason> {
        let PerVariant { canary, stable } = *self.errors.step();
        let more_failures = (self.errors.outcome() == ErrorOutcome::Strong).then(|| Reason::MoreFailures {
            canary,
            stable,
            evidence: self.errors.evidence(),
        });
        let slower = |test: &LatencyTest, quantile: Quantile| {
            test.is_strong().then(|| Reason::Slower {
                quantile,
                canary_ms: quantile_ms(&self.step_latency.canary, quantile.get()),
                stable_ms: quantile_ms(&self.step_latency.stable, quantile.get()),
                evidence: test.evidence(),
            })
        };
        more_failures
            .or_else(|| slower(&self.p95, Quantile::P95))
            .or_else(|| slower(&self.p99, Quantile::P99))
            .or_else(|| self.diverted())
            .or_else(|| self.paired.as_ref().and_then(PairedTest::strong_evidence))
    }

    fn diverted(&self) -> Option<Reason> {
        let ceiling = self.config.error_rate_ceiling;
        let (Diversion { visits: diverted, probes, failed }, visits) = self.diversion.measured();
        let reason = Reason::Diverted { failed, probes, diverted, visits, ceiling };
        self.diversion.is_strong(ceiling).then_some(reason)
    }

    /// Analyses the canary at `now` (ms since the epoch). Not idempotent, because consecutive analyses are counted.
    pub fn look(&mut self, context: &LookContext, now: u64) -> Look {
        let reason = self.reason(context, now);
        Look { at: now, verdict: reason.verdict(), reason, alarms: self.alarms(), figures: self.figures() }
    }

    /// The first reason that applies, in order of precedence.
    fn reason(&mut self, context: &LookContext, now: u64) -> Reason {
        if context.mirrors
            && let Some(reason) = self.reason_by_pairs(context, now)
        {
            return reason;
        }
        let stale = self.stale_telemetry(context, now);
        let (incident, broken) = if stale.is_none() { self.check_thresholds() } else { (None, None) };
        let above_threshold = self.above_threshold(context.health, broken);

        self.strong_evidence()
            .or_else(|| incident.map(|threshold| Reason::StableIncident { threshold }))
            .or(above_threshold)
            .or_else(|| self.versions.reason(context.version))
            .or(stale)
            .or_else(|| breaker(context, now))
            .or_else(|| self.suspicion())
            .or_else(|| self.too_few_requests(context.last_comparison))
            .unwrap_or_else(|| {
                let PerVariant { canary, stable } = *self.errors.step();
                Reason::Healthy { canary, stable }
            })
    }

    /// Answers of the last minute of another version, beyond the accepted share.
    pub fn mixed_versions(&self) -> Option<Reason> {
        self.versions.reason(None)
    }

    fn stale_telemetry(&self, context: &LookContext, now: u64) -> Option<Reason> {
        let limit_ms = self.config.flush_interval_ms.saturating_mul(STALE_FLUSHES);
        let age_ms = context.last_flush_at.map(|at| now.saturating_sub(at));
        age_ms.is_none_or(|age_ms| age_ms > limit_ms).then_some(Reason::StaleTelemetry { age_ms, limit_ms })
    }

    /// Compares the counts since the last analysis with the thresholds. Returns the threshold that stable exceeds, or else the threshold
    /// that the canary breaks. Resets the counts, unless the canary has too few requests, in which case the counts continue.
    fn check_thresholds(&mut self) -> (Option<Threshold>, Option<Threshold>) {
        let limit = self.config.failure_limit;
        let enough = self.recent.canary.requests() >= self.config.min_requests;
        let canary = self.thresholds(Variant::Canary);
        let broken = canary.into_iter().find(|it| enough && it.is_broken(limit));
        // The canary is blamed only if stable does not exceed the threshold; stable is blamed only if it breaks the threshold.
        let incident = self
            .thresholds(Variant::Stable)
            .into_iter()
            .find(|it| it.is_broken(limit) || (broken.is_some() && it.is_exceeded()));
        if enough {
            self.breaches = if incident.is_none() && broken.is_some() { self.breaches.saturating_add(1) } else { 0 };
            self.recent = PerVariant::default();
            self.recent_latency = PerVariant::default();
        }
        if incident.is_some() { (incident, None) } else { (None, broken) }
    }

    /// The thresholds for the visits since the last analysis, and for the visitors affected so far.
    fn thresholds(&self, variant: Variant) -> [Threshold; 2] {
        let ceiling_ms = self.config.p95_ceiling_ms;
        let (visits, latency) = (self.recent.get(variant), self.recent_latency.get(variant));
        // No more visitors than visits: of those who did not come since, nothing is known.
        let affected = |affected: u64, visitors: &PerVariant<VisitorSketch>, visits: u64| match self.config.unit {
            Unit::StickyKey => {
                let visitors = visitors.get(variant).estimate().min(visits);
                Some(Affected { affected: affected.min(visitors), visitors })
            }
            Unit::Request => None,
        };
        [
            Threshold::ErrorRate {
                failures: visits.failures(),
                requests: visits.requests(),
                ceiling: self.config.error_rate_ceiling,
                visitors: affected(*self.all_failed.get(variant), &self.all_visitors, visits.requests()),
            },
            Threshold::P95 {
                p95_ms: quantile_ms(latency, Quantile::P95.get()).unwrap_or(0),
                slow: latency.slower_than(ceiling_ms as f64),
                requests: latency.total(),
                ceiling_ms,
                visitors: affected(self.step_slow.get(variant).ceiling, &self.step_visitors, latency.total()),
            },
        ]
    }

    fn above_threshold(&mut self, health: Health, broken: Option<Threshold>) -> Option<Reason> {
        self.unhealthy = match health {
            Health::Unhealthy => self.unhealthy.saturating_add(1),
            Health::Healthy => 0,
            Health::Unknown => self.unhealthy,
        };
        let limit = self.config.failure_limit;
        let by_count = broken.map(|threshold| Reason::AboveThreshold { threshold, looks: self.breaches, limit });
        let by_health = (health == Health::Unhealthy).then_some(Reason::AboveThreshold {
            threshold: Threshold::Health,
            looks: self.unhealthy,
            limit,
        });
        if self.unhealthy > self.breaches { by_health.or(by_count) } else { by_count.or(by_health) }
    }

    fn suspicion(&self) -> Option<Reason> {
        let PerVariant { canary, stable } = *self.errors.step();
        let suspicious = |metric, evidence| Some(Reason::Suspicious { metric, evidence });
        let evidence = self.errors.evidence();
        match self.errors.outcome() {
            ErrorOutcome::BelowFloors => Some(Reason::BelowFloors { canary, stable, evidence }),
            ErrorOutcome::Suspicious => suspicious(Metric::Errors, evidence),
            ErrorOutcome::NoEvidence | ErrorOutcome::Strong if self.p95.is_suspicious(SOFT_HOLD) => {
                suspicious(Metric::P95, self.p95.evidence())
            }
            ErrorOutcome::NoEvidence | ErrorOutcome::Strong if self.p99.is_suspicious(SOFT_HOLD) => {
                suspicious(Metric::P99, self.p99.evidence())
            }
            ErrorOutcome::NoEvidence | ErrorOutcome::Strong => None,
        }
    }

    fn too_few_requests(&self, last_comparison: bool) -> Option<Reason> {
        let PerVariant { canary, stable } = *self.errors.step();
        let unit = self.config.unit;
        let (requests, least) = (canary.units(unit), self.config.min_requests);
        if requests < least {
            return Some(Reason::TooFewRequests { requests, needed: least, unit });
        }
        let stable_rate = stable.failure_rate(unit);
        let share = Fraction::of(self.split.canary, self.split.stable);
        let needed = needed_requests(share, stable_rate, self.config.detect, self.config.alpha_errors());
        let waiting = last_comparison && needed.is_none_or(|needed| requests < needed);
        waiting.then_some(Reason::WaitingForTraffic { requests, needed, unit })
    }

    /// Numbers of the current step, for operators.
    pub fn figures(&self) -> Figures {
        let variant = |counts, latency: &Histogram| VariantFigures {
            counts,
            p50_ms: quantile_ms(latency, 0.5),
            p95_ms: quantile_ms(latency, Quantile::P95.get()),
            p99_ms: quantile_ms(latency, Quantile::P99.get()),
        };
        let step = self.errors.step();
        Figures {
            canary: variant(step.canary, &self.step_latency.canary),
            stable: variant(step.stable, &self.step_latency.stable),
            errors: self.errors.evidence(),
            p95: self.p95.evidence(),
            p99: self.p99.evidence(),
            paired: self.paired.as_ref().map(PairedTest::figures),
        }
    }
}

impl AddAssign for SlowVisitors {
    fn add_assign(&mut self, other: Self) {
        self.p95 = self.p95.saturating_add(other.p95);
        self.p99 = self.p99.saturating_add(other.p99);
        self.ceiling = self.ceiling.saturating_add(other.ceiling);
    }
}

fn breaker(context: &LookContext, now: u64) -> Option<Reason> {
    let ago_ms = context.breaker_opened_at.map(|at| now.saturating_sub(at));
    ago_ms.filter(|ago_ms| *ago_ms < BREAKER_MS).map(|ago_ms| Reason::BreakerOpen { ago_ms })
}

fn quantile_ms(histogram: &Histogram, quantile: f64) -> Option<u64> {
    histogram.quantile_ms(quantile).map(|ms| whole(ms.round()))
}

#[cfg(test)]
mod tests;
