//! The analysis of one rollout: ticks go in, looks come out. It holds everything a controller must store to go on after a restart,
//! and nothing a clock would have to tell it.

use serde::{Deserialize, Serialize};

use super::ceiling::Ceiling;
use super::config::{AnalysisConfig, InvalidAnalysisConfig};
use super::counts::{Arms, Counts, Share, Unit, ratio};
use super::e_process::{Restarts, whole};
use super::error_test::{ErrorStanding, ErrorTest, Floors, SOFT_HOLD};
use super::latency::{Histogram, LatencyTest, Quantile, StableWindow};
use super::power::needed_requests;
use super::sample_ratio::SampleRatio;
use super::verdict::{Alarm, ArmFigures, Figures, Look, Metric, Reason};

/// Telemetry may miss this many flush intervals before it is stale.
const STALE_FLUSHES: u64 = 3;

/// So long after a breaker opened the canary is not promoted.
const BREAKER_MS: u64 = 60_000;

/// What was counted between two closings of the clock, all of it at one weight.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// Requests and failures.
    pub counts: Arms<Counts>,
    /// How long they took, without the first 20 canary requests of an isolate.
    pub latency: Arms<Histogram>,
    /// Sticky keys seen for the first time; not looked at where every request draws for itself.
    pub assigned: Arms<u64>,
    /// Configured widths of the canary and of the control slice, in buckets.
    pub split: Arms<u64>,
    /// Requests dealt to the canary that a breaker sent to stable: in neither arm, and no evidence, but no service either.
    pub diverted: u64,
}

/// What a look must know besides the ticks. Times in ms since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When an isolate last reported.
    pub last_flush_at: Option<u64>,
    /// When a breaker last opened.
    pub breaker_opened_at: Option<u64>,
    /// What the canary's own /health answered.
    pub health: Health,
    /// This is the last step that compares: it must have had the traffic to notice a bad canary.
    pub last_comparison: bool,
}

/// The canary's own /health, asked through its binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not asked, or the canary has none, or asking failed for reasons of the analyser.
    #[default]
    Unknown,
    /// Served.
    Healthy,
    /// It says it is down, or fails to answer.
    Unhealthy,
}

/// The analysis of one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    config: AnalysisConfig,
    errors: ErrorTest,
    p95: LatencyTest,
    p99: LatencyTest,
    stable_window: StableWindow,
    sample_ratio: SampleRatio,
    /// Of the current step.
    step_latency: Arms<Histogram>,
    step_assigned: Arms<u64>,
    split: Arms<u64>,
    /// Since the last look that had enough requests.
    recent: Arms<Counts>,
    #[serde(default, skip_serializing_if = "super::ceiling::is_zero")]
    recent_diverted: u64,
    recent_latency: Arms<Histogram>,
    /// Looks in a row with a broken ceiling, and with a bad /health.
    breaches: u32,
    unhealthy: u32,
}

// === impl Analysis ===

impl Analysis {
    /// The analysis of a rollout that is planned to take `planned_ms`.
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
            step_latency: Arms::default(),
            step_assigned: Arms::default(),
            split: Arms::default(),
            recent: Arms::default(),
            recent_diverted: 0,
            recent_latency: Arms::default(),
            breaches: 0,
            unhealthy: 0,
            config,
        })
    }

    /// Starts what is counted by step anew. Evidence and looks in a row go on.
    pub fn begin_step(&mut self) {
        self.errors.begin_step();
        self.step_latency = Arms::default();
        self.step_assigned = Arms::default();
        self.recent = Arms::default();
        self.recent_diverted = 0;
        self.recent_latency = Arms::default();
    }

    /// Takes in the tick that closed at `now` (ms since the epoch). Close ticks by the clock alone, empty ones too, and never early
    /// because something failed: that would bias them.
    pub fn close_tick(&mut self, tick: Tick, now: u64) {
        let Tick { counts, latency, assigned, split, diverted } = tick;
        let share = Share::of(split.canary, split.stable);
        self.stable_window.expire(self.config.tick_ms, now);
        let before = self.stable_window.merged();

        self.errors.close_tick(&counts, share);
        self.p95.close_tick(&before, &latency);
        self.p99.close_tick(&before, &latency);
        let assigned = match self.config.unit {
            Unit::StickyKey => assigned,
            Unit::Request => Arms::new(counts.canary.requests(), counts.stable.requests()),
        };
        self.sample_ratio.close_tick(assigned, share);

        self.split = split;
        self.step_assigned.canary = self.step_assigned.canary.saturating_add(assigned.canary);
        self.step_assigned.stable = self.step_assigned.stable.saturating_add(assigned.stable);
        self.recent += counts;
        self.recent_diverted = self.recent_diverted.saturating_add(diverted);
        for sum in [&mut self.step_latency, &mut self.recent_latency] {
            sum.canary += &latency.canary;
            sum.stable += &latency.stable;
        }
        self.stable_window.push(latency.stable, now);
    }

    /// Evidence that calls for a rollback at once, without waiting for a look.
    #[must_use]
    pub fn strong_evidence(&self) -> Option<Reason> {
        let Arms { canary, stable } = *self.errors.step();
        let more_failures = (self.errors.standing() == ErrorStanding::Strong).then(|| Reason::MoreFailures {
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

    /// Looks at everything at `now` (ms since the epoch). Not idempotent: looks in a row are counted.
    pub fn look(&mut self, facts: &Facts, now: u64) -> Look {
        let reason = self.reason(facts, now);
        Look { at: now, verdict: reason.verdict(), reason, alarms: self.alarms(), figures: self.figures() }
    }

    /// The first that applies.
    fn reason(&mut self, facts: &Facts, now: u64) -> Reason {
        let stale = self.stale_telemetry(facts, now);
        let (incident, broken) = if stale.is_none() { self.judge_recent() } else { (None, None) };
        let above_ceiling = self.above_ceiling(facts.health, broken);

        self.strong_evidence()
            .or_else(|| incident.map(|ceiling| Reason::StableIncident { ceiling }))
            .or(above_ceiling)
            .or(stale)
            .or_else(|| self.suspicion())
            .or_else(|| breaker(facts, now))
            .or_else(|| self.too_few_requests(facts.last_comparison))
            .unwrap_or_else(|| {
                let Arms { canary, stable } = *self.errors.step();
                Reason::Healthy { canary, stable }
            })
    }

    fn stale_telemetry(&self, facts: &Facts, now: u64) -> Option<Reason> {
        let limit_ms = self.config.flush_interval_ms.saturating_mul(STALE_FLUSHES);
        let age_ms = facts.last_flush_at.map(|at| now.saturating_sub(at));
        age_ms.is_none_or(|age_ms| age_ms > limit_ms).then_some(Reason::StaleTelemetry { age_ms, limit_ms })
    }

    /// Holds what came since the last look against the ceilings: stable's excess, and else the canary's. Uses it up, unless the
    /// canary's requests are too few: those wait for more.
    fn judge_recent(&mut self) -> (Option<Ceiling>, Option<Ceiling>) {
        let limit = self.config.failure_limit;
        let (counts, latency, diverted) = (&self.recent, &self.recent_latency, self.recent_diverted);
        let enough = counts.canary.requests().saturating_add(diverted) >= self.config.min_requests;
        let canary = self.ceilings(counts.canary, diverted, &latency.canary);
        let broken = canary.into_iter().find(|it| enough && it.is_broken(limit));
        // To blame the canary, stable must be below the ceiling; to hold for stable's sake, it must be above beyond chance.
        let incident = self
            .ceilings(counts.stable, 0, &latency.stable)
            .into_iter()
            .find(|it| it.is_broken(limit) || (broken.is_some() && it.is_exceeded()));
        if enough {
            self.breaches = if incident.is_none() && broken.is_some() { self.breaches.saturating_add(1) } else { 0 };
            self.recent = Arms::default();
            self.recent_diverted = 0;
            self.recent_latency = Arms::default();
        }
        if incident.is_some() { (incident, None) } else { (None, broken) }
    }

    /// What a breaker diverted the canary did not serve: for the ceiling it failed.
    fn ceilings(&self, counts: Counts, diverted: u64, latency: &Histogram) -> [Ceiling; 2] {
        let ceiling_ms = self.config.p95_ceiling_ms;
        [
            Ceiling::ErrorRate {
                failures: counts.failures().saturating_add(diverted),
                diverted,
                requests: counts.requests().saturating_add(diverted),
                ceiling: self.config.error_rate_ceiling,
            },
            Ceiling::P95 {
                p95_ms: quantile_ms(latency, Quantile::P95).unwrap_or(0),
                slow: latency.slower_than(ceiling_ms as f64),
                requests: latency.total(),
                ceiling_ms,
            },
        ]
    }

    fn above_ceiling(&mut self, health: Health, broken: Option<Ceiling>) -> Option<Reason> {
        self.unhealthy = match health {
            Health::Unhealthy => self.unhealthy.saturating_add(1),
            Health::Healthy => 0,
            Health::Unknown => self.unhealthy,
        };
        let limit = self.config.failure_limit;
        let by_count = broken.map(|ceiling| Reason::AboveCeiling { ceiling, looks: self.breaches, limit });
        let by_health = (health == Health::Unhealthy).then_some(Reason::AboveCeiling {
            ceiling: Ceiling::Health,
            looks: self.unhealthy,
            limit,
        });
        if self.unhealthy > self.breaches { by_health.or(by_count) } else { by_count.or(by_health) }
    }

    fn suspicion(&self) -> Option<Reason> {
        let Arms { canary, stable } = *self.errors.step();
        let suspicious = |metric, evidence| Some(Reason::Suspicious { metric, evidence });
        let evidence = self.errors.evidence();
        match self.errors.standing() {
            ErrorStanding::BelowFloors => Some(Reason::BelowFloors { canary, stable, evidence }),
            ErrorStanding::Suspicious => suspicious(Metric::Errors, evidence),
            ErrorStanding::Calm | ErrorStanding::Strong if self.p95.is_suspicious(SOFT_HOLD) => {
                suspicious(Metric::P95, self.p95.evidence())
            }
            ErrorStanding::Calm | ErrorStanding::Strong if self.p99.is_suspicious(SOFT_HOLD) => {
                suspicious(Metric::P99, self.p99.evidence())
            }
            ErrorStanding::Calm | ErrorStanding::Strong => None,
        }
    }

    fn too_few_requests(&self, last_comparison: bool) -> Option<Reason> {
        let Arms { canary, stable } = *self.errors.step();
        let (requests, least) = (canary.requests(), self.config.min_requests);
        if requests < least {
            return Some(Reason::TooFewRequests { requests, needed: least });
        }
        let stable_rate = ratio(stable.evidence(self.config.unit), stable.requests());
        let share = Share::of(self.split.canary, self.split.stable);
        let needed = needed_requests(share, stable_rate, self.config.alpha_errors());
        let waiting = last_comparison && needed.is_none_or(|needed| requests < needed);
        waiting.then_some(Reason::WaitingForTraffic { requests, needed })
    }

    /// What is wrong besides the canary.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        let Arms { canary, stable } = self.step_assigned;
        let configured = whole((Share::of(self.split.canary, self.split.stable).get() * 1e5).round());
        let evidence = self.sample_ratio.evidence();
        let alarm = Alarm::SampleRatio { canary, stable, configured, evidence };
        self.sample_ratio.is_alarmed().then_some(alarm).into_iter().collect()
    }

    /// What an operator watches, between looks too.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let arm = |counts, latency: &Histogram| ArmFigures {
            counts,
            p95_ms: quantile_ms(latency, Quantile::P95),
            p99_ms: quantile_ms(latency, Quantile::P99),
        };
        let step = self.errors.step();
        Figures {
            canary: arm(step.canary, &self.step_latency.canary),
            stable: arm(step.stable, &self.step_latency.stable),
            errors: self.errors.evidence(),
            p95: self.p95.evidence(),
            p99: self.p99.evidence(),
        }
    }
}

fn breaker(facts: &Facts, now: u64) -> Option<Reason> {
    let ago_ms = facts.breaker_opened_at.map(|at| now.saturating_sub(at));
    ago_ms.filter(|ago_ms| *ago_ms < BREAKER_MS).map(|ago_ms| Reason::BreakerOpen { ago_ms })
}

fn quantile_ms(histogram: &Histogram, quantile: Quantile) -> Option<u64> {
    histogram.quantile_ms(quantile.get()).map(|ms| whole(ms.round()))
}

#[cfg(test)]
mod tests;
