//! The evaluation of one rollout: ticks are the input, analyses the output. The evaluator holds all state that the controller needs to
//! continue after a restart. Time is an argument.

use serde::{Deserialize, Serialize};

use super::config::{AnalysisConfig, InvalidAnalysisConfig};
use super::counts::{Counts, Fraction, PerVariant, Unit, ratio};
use super::e_process::{Restarts, whole};
use super::error_test::{ErrorOutcome, ErrorTest, Floors, SOFT_HOLD};
use super::latency::{Histogram, LatencyTest, Quantile, StableWindow};
use super::sample_ratio::SampleRatio;
use super::sample_size::needed_requests;
use super::threshold::Threshold;
use super::verdict::{Alarm, Figures, Look, Metric, Reason, VariantFigures};

/// Number of flush intervals without telemetry after which telemetry is stale.
const STALE_FLUSHES: u64 = 3;

/// Time after the opening of a breaker during which the canary is not promoted.
const BREAKER_MS: u64 = 60_000;

/// Counts of one tick, all from one split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// Requests and failures.
    pub counts: PerVariant<Counts>,
    /// Latencies, without the first 20 canary requests of each isolate.
    pub latency: PerVariant<Histogram>,
    /// First-seen sticky keys. Unused if every request is assigned separately.
    pub assigned: PerVariant<u64>,
    /// Configured widths of the canary and of the control slice, in buckets.
    pub split: PerVariant<u64>,
    /// Canary requests that a breaker sent to stable. Neither variant counts them, because they are not evidence; the thresholds count them
    /// as failed.
    pub short_circuited: u64,
}

/// Inputs of an analysis besides the ticks. Times are in ms since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookContext {
    /// Time of the last report of an isolate.
    pub last_flush_at: Option<u64>,
    /// Time at which a breaker last opened.
    pub breaker_opened_at: Option<u64>,
    /// Response of the canary's own /health.
    pub health: Health,
    /// Whether this is the last step that compares. That step needs enough traffic to detect a bad canary.
    pub last_comparison: bool,
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
    /// Counts since the last analysis that had enough requests.
    recent: PerVariant<Counts>,
    #[serde(default, skip_serializing_if = "super::threshold::is_zero")]
    recent_short_circuited: u64,
    recent_latency: PerVariant<Histogram>,
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
        Ok(Self {
            errors: ErrorTest::new(config.alpha_errors(), config.error_tolerance, config.unit, floors, restarts),
            p95: latency(Quantile::P95),
            p99: latency(Quantile::P99),
            stable_window: StableWindow::default(),
            sample_ratio: SampleRatio::new(restarts),
            step_latency: PerVariant::default(),
            step_assigned: PerVariant::default(),
            split: PerVariant::default(),
            recent: PerVariant::default(),
            recent_short_circuited: 0,
            recent_latency: PerVariant::default(),
            breaches: 0,
            unhealthy: 0,
            config,
        })
    }

    /// Resets the counts of the step. The evidence and the consecutive analyses continue.
    pub fn begin_step(&mut self) {
        self.errors.begin_step();
        self.step_latency = PerVariant::default();
        self.step_assigned = PerVariant::default();
        self.recent = PerVariant::default();
        self.recent_short_circuited = 0;
        self.recent_latency = PerVariant::default();
    }

    /// Adds the tick that closed at `now` (ms since the epoch). Ticks close by the clock alone, empty ones too, because closing one early after a
    /// failure would bias the evidence.
    pub fn close_tick(&mut self, tick: Tick, now: u64) {
        let Tick { counts, latency, assigned, split, short_circuited } = tick;
        let share = Fraction::of(split.canary, split.stable);
        self.stable_window.expire(self.config.tick_ms, now);
        let before = self.stable_window.merged();

        self.errors.close_tick(&counts, share);
        self.p95.close_tick(&before, &latency);
        self.p99.close_tick(&before, &latency);
        let assigned = match self.config.unit {
            Unit::StickyKey => assigned,
            Unit::Request => PerVariant::new(counts.canary.requests(), counts.stable.requests()),
        };
        self.sample_ratio.close_tick(assigned, share);

        self.split = split;
        self.step_assigned.canary = self.step_assigned.canary.saturating_add(assigned.canary);
        self.step_assigned.stable = self.step_assigned.stable.saturating_add(assigned.stable);
        self.recent += counts;
        self.recent_short_circuited = self.recent_short_circuited.saturating_add(short_circuited);
        for sum in [&mut self.step_latency, &mut self.recent_latency] {
            sum.canary += &latency.canary;
            sum.stable += &latency.stable;
        }
        self.stable_window.push(latency.stable, now);
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
                canary_ms: quantile_ms(&self.step_latency.canary, quantile),
                stable_ms: quantile_ms(&self.step_latency.stable, quantile),
                evidence: test.evidence(),
            })
        };
        more_failures.or_else(|| slower(&self.p95, Quantile::P95)).or_else(|| slower(&self.p99, Quantile::P99))
    }

    /// Analyses the canary at `now` (ms since the epoch). Not idempotent, because consecutive analyses are counted.
    pub fn look(&mut self, context: &LookContext, now: u64) -> Look {
        let reason = self.reason(context, now);
        Look { at: now, verdict: reason.verdict(), reason, alarms: self.alarms(), figures: self.figures() }
    }

    /// The first reason that applies, in order of precedence.
    fn reason(&mut self, context: &LookContext, now: u64) -> Reason {
        let stale = self.stale_telemetry(context, now);
        let (incident, broken) = if stale.is_none() { self.check_thresholds() } else { (None, None) };
        let above_threshold = self.above_threshold(context.health, broken);

        self.strong_evidence()
            .or_else(|| incident.map(|threshold| Reason::StableIncident { threshold }))
            .or(above_threshold)
            .or(stale)
            .or_else(|| self.suspicion())
            .or_else(|| breaker(context, now))
            .or_else(|| self.too_few_requests(context.last_comparison))
            .unwrap_or_else(|| {
                let PerVariant { canary, stable } = *self.errors.step();
                Reason::Healthy { canary, stable }
            })
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
        let (counts, latency, short_circuited) = (&self.recent, &self.recent_latency, self.recent_short_circuited);
        let enough = counts.canary.requests().saturating_add(short_circuited) >= self.config.min_requests;
        let canary = self.thresholds(counts.canary, short_circuited, &latency.canary);
        let broken = canary.into_iter().find(|it| enough && it.is_broken(limit));
        // The canary is blamed only if stable does not exceed the threshold; stable is blamed only if it breaks the threshold.
        let incident = self
            .thresholds(counts.stable, 0, &latency.stable)
            .into_iter()
            .find(|it| it.is_broken(limit) || (broken.is_some() && it.is_exceeded()));
        if enough {
            self.breaches = if incident.is_none() && broken.is_some() { self.breaches.saturating_add(1) } else { 0 };
            self.recent = PerVariant::default();
            self.recent_short_circuited = 0;
            self.recent_latency = PerVariant::default();
        }
        if incident.is_some() { (incident, None) } else { (None, broken) }
    }

    /// The thresholds for these counts. Short-circuited requests count as failed, because the canary did not serve them.
    fn thresholds(&self, counts: Counts, short_circuited: u64, latency: &Histogram) -> [Threshold; 2] {
        let ceiling_ms = self.config.p95_ceiling_ms;
        [
            Threshold::ErrorRate {
                failures: counts.failures().saturating_add(short_circuited),
                short_circuited,
                requests: counts.requests().saturating_add(short_circuited),
                ceiling: self.config.error_rate_ceiling,
            },
            Threshold::P95 {
                p95_ms: quantile_ms(latency, Quantile::P95).unwrap_or(0),
                slow: latency.slower_than(ceiling_ms as f64),
                requests: latency.total(),
                ceiling_ms,
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
        let (requests, least) = (canary.requests(), self.config.min_requests);
        if requests < least {
            return Some(Reason::TooFewRequests { requests, needed: least });
        }
        let stable_rate = ratio(stable.evidence(self.config.unit), stable.requests());
        let share = Fraction::of(self.split.canary, self.split.stable);
        let needed = needed_requests(share, stable_rate, self.config.detect, self.config.alpha_errors());
        let waiting = last_comparison && needed.is_none_or(|needed| requests < needed);
        waiting.then_some(Reason::WaitingForTraffic { requests, needed })
    }

    /// Anomalies that do not influence the verdict.
    pub fn alarms(&self) -> Vec<Alarm> {
        let PerVariant { canary, stable } = self.step_assigned;
        let configured = whole((Fraction::of(self.split.canary, self.split.stable).get() * 1e5).round());
        let evidence = self.sample_ratio.evidence();
        let alarm = Alarm::SampleRatio { canary, stable, configured, evidence };
        self.sample_ratio.is_alarmed().then_some(alarm).into_iter().collect()
    }

    /// Numbers of the current step, for operators.
    pub fn figures(&self) -> Figures {
        let variant = |counts, latency: &Histogram| VariantFigures {
            counts,
            p95_ms: quantile_ms(latency, Quantile::P95),
            p99_ms: quantile_ms(latency, Quantile::P99),
        };
        let step = self.errors.step();
        Figures {
            canary: variant(step.canary, &self.step_latency.canary),
            stable: variant(step.stable, &self.step_latency.stable),
            errors: self.errors.evidence(),
            p95: self.p95.evidence(),
            p99: self.p99.evidence(),
        }
    }
}

fn breaker(context: &LookContext, now: u64) -> Option<Reason> {
    let ago_ms = context.breaker_opened_at.map(|at| now.saturating_sub(at));
    ago_ms.filter(|ago_ms| *ago_ms < BREAKER_MS).map(|ago_ms| Reason::BreakerOpen { ago_ms })
}

fn quantile_ms(histogram: &Histogram, quantile: Quantile) -> Option<u64> {
    histogram.quantile_ms(quantile.get()).map(|ms| whole(ms.round()))
}

#[cfg(test)]
mod tests;
