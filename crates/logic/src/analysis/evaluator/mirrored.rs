//! The analysis of a step that mirrors. No visitor is on the canary: its answers to copies are compared with stable's to the same requests.

use super::super::paired::PairedTest;
use super::super::verdict::Reason;
use super::{Evaluator, LookContext, breaker};
use crate::variant::Variant;

impl Evaluator {
    /// The first reason that applies, in order of precedence; none if the plan does not mirror.
    pub(super) fn reason_by_pairs(&mut self, context: &LookContext, now: u64) -> Option<Reason> {
        let mut paired = self.paired.take()?;
        let reason = self.reason_of(&mut paired, context, now);
        self.paired = Some(paired);
        Some(reason)
    }

    fn reason_of(&mut self, paired: &mut PairedTest, context: &LookContext, now: u64) -> Reason {
        let no_reports = self.stale_telemetry(context, now);
        let (ceiling, limit) = (self.config.error_rate_ceiling, self.config.failure_limit);
        let [canary, stable] = [Variant::Canary, Variant::Stable].map(|variant| paired.threshold(variant, ceiling));
        let enough = no_reports.is_none() && paired.take_recent(self.config.min_requests);
        let broken = Some(canary).filter(|canary| enough && canary.is_broken(limit));
        let is_incident = enough && (stable.is_broken(limit) || (broken.is_some() && stable.is_exceeded()));
        if enough {
            self.breaches = if broken.is_some() && !is_incident { self.breaches.saturating_add(1) } else { 0 };
        }
        let above_threshold = self.above_threshold(context.health, broken.filter(|_| !is_incident));
        paired
            .strong_evidence()
            .or_else(|| is_incident.then_some(Reason::StableIncident { threshold: stable }))
            .or(above_threshold)
            .or_else(|| self.versions.reason(context.version))
            .or(no_reports)
            .or_else(|| breaker(context, now))
            .or_else(|| paired.suspicion())
            .or_else(|| paired.too_few(&self.config, context.last_comparison))
            .unwrap_or_else(|| paired.healthy())
    }
}
