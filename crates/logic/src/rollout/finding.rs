//! Conversion of an evaluator's result into a [`Finding`] of the state machine.

use super::event::Finding;
use crate::analysis::{Look, Reason, Verdict};

impl From<&Look> for Finding {
    fn from(look: &Look) -> Self {
        let sentence = look.reason.to_string();
        match (&look.reason, look.verdict) {
            (_, Verdict::Fail) => Self::Fail { strong: true, sentence },
            // One analysis above a ceiling is no proof; the evaluator counts them, up to the plan's `failureLimit`.
            (Reason::AboveThreshold { .. }, _) => Self::Fail { strong: false, sentence },
            (_, Verdict::Pass) => Self::Pass { sentence },
            (reason, Verdict::Inconclusive) => Self::Inconclusive { held_for: reason.held_for(), sentence },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{AnalysisConfig, Counts, Evaluator, Health, HeldFor, LookContext, PerVariant, Tick};
    use crate::visitors::VisitorSketch;

    fn visitors(many: u32) -> VisitorSketch {
        let mut sketch = VisitorSketch::default();
        (0..many).for_each(|visitor| sketch.insert(visitor));
        sketch
    }

    #[test]
    fn the_last_look_in_a_row_above_a_ceiling_is_enough_whatever_came_between() {
        let mut evaluator = Evaluator::new(AnalysisConfig::default(), 3_600_000).unwrap();
        let mut look = |canary: Counts, breaker_opened_at: Option<u64>, now: u64| {
            // The canary has all visitors, so that nothing is compared.
            let counts = PerVariant::new(canary, Counts::default());
            let split = PerVariant::new(100_000, 0);
            let visitors = PerVariant::new(visitors(100), VisitorSketch::default());
            evaluator.close_tick(Tick { counts, visits: counts, visitors, split, ..Tick::default() }, now);
            let context = LookContext { last_flush_at: Some(now), breaker_opened_at, ..LookContext::default() };
            Finding::from(&evaluator.look(&context, now))
        };
        // The visitors fail once a rollout, and their visits fail on.
        assert!(matches!(look(Counts::sticky(50, 40, 40), None, 5_000), Finding::Fail { strong: false, .. }));
        assert!(matches!(look(Counts::default(), Some(5_000), 10_000), Finding::Inconclusive { .. }));
        assert!(matches!(look(Counts::sticky(50, 40, 0), None, 15_000), Finding::Fail { strong: false, .. }));
        let Finding::Fail { strong: true, sentence } = look(Counts::sticky(50, 40, 0), None, 20_000) else {
            panic!("the third look in a row")
        };
        assert!(sentence.contains("40 of 50 requests failed (80.00 %), 40 of 50 visitors affected"), "{sentence}");
    }

    fn found(canary: Counts, stable: Counts, health: Health) -> Finding {
        let mut evaluator = Evaluator::new(AnalysisConfig::default(), 3_600_000).unwrap();
        let counts = PerVariant::new(canary, stable);
        let of = |counts: Counts| visitors(u32::try_from(counts.requests()).unwrap());
        let visitors = PerVariant::new(of(canary), of(stable));
        let tick = Tick { counts, visits: counts, visitors, split: PerVariant::new(5_000, 20_000), ..Tick::default() };
        evaluator.close_tick(tick, 5_000);
        let context = LookContext { last_flush_at: Some(5_000), health, ..LookContext::default() };
        Finding::from(&evaluator.look(&context, 5_000))
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
        assert!(matches!(
            found(nobody, nobody, Health::Healthy),
            Finding::Inconclusive { held_for: HeldFor::Traffic, .. }
        ));
    }
}
