//! Conversion of a look of the analysis into a [`Finding`] of the state machine.

use super::event::Finding;
use crate::analysis::{Look, Reason, Verdict};

impl From<&Look> for Finding {
    fn from(look: &Look) -> Self {
        let sentence = look.reason.to_string();
        match (&look.reason, look.verdict) {
            (_, Verdict::Fail) => Self::Fail { strong: true, sentence },
            // One look above a ceiling is no proof; the analysis counts them, up to the plan's `failureLimit`.
            (Reason::AboveThreshold { .. }, _) => Self::Fail { strong: false, sentence },
            (_, Verdict::Pass) => Self::Pass { sentence },
            (reason, Verdict::Inconclusive) => Self::Inconclusive { waiting: reason.is_waiting(), sentence },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{AnalysisConfig, Counts, Evaluator, Health, LookContext, PerVariant, Tick};

    #[test]
    fn the_last_look_in_a_row_above_a_ceiling_is_enough_whatever_came_between() {
        let mut evaluator = Evaluator::new(AnalysisConfig::default(), 3_600_000).unwrap();
        let mut look = |canary: Counts, short_circuited: u64, breaker_opened_at: Option<u64>, now: u64| {
            let counts = PerVariant::new(canary, Counts::new(4_000, 4));
            evaluator.close_tick(
                Tick { counts, split: PerVariant::new(5_000, 20_000), short_circuited, ..Tick::default() },
                now,
            );
            let context = LookContext { last_flush_at: Some(now), breaker_opened_at, ..LookContext::default() };
            Finding::from(&evaluator.look(&context, now))
        };
        // A breaker keeps the canary's failures from being seen. What it diverts was not served all the same.
        let dead = |seen: u64| Counts::sticky(seen, seen, 1);
        assert!(matches!(look(dead(5), 995, Some(5_000), 5_000), Finding::Fail { strong: false, .. }));
        assert!(matches!(look(Counts::default(), 3, Some(5_000), 10_000), Finding::Inconclusive { .. }));
        assert!(matches!(look(dead(1), 999, Some(5_000), 15_000), Finding::Fail { strong: false, .. }));
        let Finding::Fail { strong: true, sentence } = look(dead(1), 999, Some(5_000), 20_000) else {
            panic!("the third look in a row")
        };
        assert!(sentence.contains("999 of these sent to stable by a breaker"), "{sentence}");
    }

    fn found(canary: Counts, stable: Counts, health: Health) -> Finding {
        let mut evaluator = Evaluator::new(AnalysisConfig::default(), 3_600_000).unwrap();
        let tick =
            Tick { counts: PerVariant::new(canary, stable), split: PerVariant::new(5_000, 20_000), ..Tick::default() };
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
        assert!(matches!(found(nobody, nobody, Health::Healthy), Finding::Inconclusive { waiting: true, .. }));
    }
}
