//! Anomalies that do not influence the verdict: a share of visitors that is not the configured one, and keys that send too much.

use super::super::counts::{Fraction, PerVariant, Unit};
use super::super::e_process::whole;
use super::super::verdict::Alarm;
use super::Evaluator;

/// Share of the requests from which on one key makes it doubtful that every request counts for itself.
const HEAVY_SHARE: f64 = 0.2;

impl Evaluator {
    /// Anomalies that do not influence the verdict.
    pub fn alarms(&self) -> Vec<Alarm> {
        let PerVariant { canary, stable } = self.step_assigned;
        let configured = whole((Fraction::of(self.split.canary, self.split.stable).get() * 1e5).round());
        let evidence = self.sample_ratio.evidence();
        let sample_ratio = Alarm::SampleRatio { canary, stable, configured, evidence };
        let sample_ratio = self.sample_ratio.is_alarmed().then_some(sample_ratio);
        sample_ratio.into_iter().chain(self.heavy_key()).collect()
    }

    /// A key behind many of the requests that each count for themselves.
    fn heavy_key(&self) -> Option<Alarm> {
        let step = self.errors.step();
        let requests = step.canary.requests().saturating_add(step.stable.requests());
        let heaviest = self.step_heavy.heaviest();
        let is_heavy = requests >= self.config.min_requests && heaviest as f64 > HEAVY_SHARE * requests as f64;
        (self.config.unit == Unit::Request && is_heavy).then_some(Alarm::HeavyKey { heaviest, requests })
    }
}
