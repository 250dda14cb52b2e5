//! From what the analysis says to what the machine is told.

use super::event::Finding;
use crate::analysis::{Look, Reason, Verdict};

impl From<&Look> for Finding {
    fn from(look: &Look) -> Self {
        let sentence = look.reason.to_string();
        match (&look.reason, look.verdict) {
            // A ceiling is no proof: the machine counts such looks in a row, up to the plan's `failureLimit`.
            (Reason::AboveCeiling { .. }, _) => Self::Fail { strong: false, sentence },
            (_, Verdict::Fail) => Self::Fail { strong: true, sentence },
            (_, Verdict::Pass) => Self::Pass { sentence },
            (reason, Verdict::Inconclusive) => Self::Inconclusive { waiting: reason.is_waiting(), sentence },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Analysis, AnalysisConfig, Arms, Counts, Facts, Health, Tick};

    fn found(canary: Counts, stable: Counts, health: Health) -> Finding {
        let mut analysis = Analysis::new(AnalysisConfig::default(), 3_600_000).unwrap();
        let tick = Tick { counts: Arms::new(canary, stable), split: Arms::new(5_000, 20_000), ..Tick::default() };
        analysis.close_tick(tick, 5_000);
        let facts = Facts { last_flush_at: Some(5_000), health, ..Facts::default() };
        Finding::from(&analysis.look(&facts, 5_000))
    }

    #[test]
    fn strong_evidence_is_strong_and_a_broken_ceiling_is_not() {
        let fine = Counts::new(400, 0);
        assert!(matches!(found(Counts::new(100, 50), fine, Health::Healthy), Finding::Fail { strong: true, .. }));
        assert!(matches!(found(Counts::new(100, 0), fine, Health::Unhealthy), Finding::Fail { strong: false, .. }));
        assert!(matches!(found(Counts::new(100, 0), fine, Health::Healthy), Finding::Pass { .. }));
    }

    #[test]
    fn want_of_traffic_is_waiting() {
        let nobody = Counts::default();
        assert!(matches!(found(nobody, nobody, Health::Healthy), Finding::Inconclusive { waiting: true, .. }));
    }
}
