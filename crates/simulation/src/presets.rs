//! Scenarios by name, for the first questions of an operator.

use serin_logic::Span;

use crate::scenario::{Behaviour, Faults, Scenario, Stage};

/// Names that [`by_name`] accepts.
pub const NAMES: [&str; 9] = [
    "healthy",
    "regression-1-5",
    "regression-0.5-1",
    "dead-canary",
    "turns-bad",
    "incident-on-both",
    "incident-on-stable",
    "slower-1.5",
    "lossy-network",
];

/// The preset with this name; `None` if there is none.
pub fn by_name(name: &str) -> Option<Scenario> {
    let both = |failures| stage(0, failures, failures);
    let (title, stages, faults) = match name {
        "healthy" => ("healthy, 1 % on both", vec![both(0.01)], usual()),
        "regression-1-5" => ("regression 1 → 5 %", vec![stage(0, 0.05, 0.01)], usual()),
        "regression-0.5-1" => ("regression 0.5 → 1 %", vec![stage(0, 0.01, 0.005)], usual()),
        "dead-canary" => ("dead canary, 1 → 100 %", vec![stage(0, 1.0, 0.01)], usual()),
        "turns-bad" => ("healthy for 10 min, then 1 → 5 %", vec![both(0.01), stage(10, 0.05, 0.01)], usual()),
        "incident-on-both" => (
            "incident on both, 0.5 → 8 % for 10 min",
            vec![both(0.005), stage(10, 0.08, 0.08), stage(20, 0.005, 0.005)],
            usual(),
        ),
        "incident-on-stable" => (
            "incident on stable, 1 → 30 % for 10 min",
            vec![both(0.01), stage(10, 0.01, 0.3), stage(20, 0.01, 0.01)],
            usual(),
        ),
        "slower-1.5" => {
            let slow = Behaviour { slower: 1.5, ..Behaviour::default() };
            ("× 1.5 slower", vec![Stage { canary: slow, ..Stage::default() }], usual())
        }
        "lossy-network" => ("healthy, 30 % lost, 30 % doubled, 30 % late", vec![both(0.01)], lossy()),
        _ => return None,
    };
    Some(Scenario { name: title.into(), stages, faults, ..Scenario::default() })
}

/// KV takes up to a minute to reach every location. The delay is not a fault.
fn usual() -> Faults {
    Faults { kv_delay: Span::from_secs(60), ..Faults::default() }
}

fn lossy() -> Faults {
    Faults { lost: 0.3, doubled: 0.3, late: 0.3, late_by: Span::from_secs(120), ..usual() }
}

fn stage(minutes: u64, canary: f64, stable: f64) -> Stage {
    let behaviour = |failures| Behaviour { failures, ..Behaviour::default() };
    Stage {
        at: Span::from_secs(minutes * 60),
        canary: behaviour(canary),
        stable: behaviour(stable),
        ..Stage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_simulated() {
        for name in NAMES {
            let scenario = by_name(name).unwrap();
            scenario.check().unwrap();
            let harmless = ["healthy", "incident-on-both", "incident-on-stable", "lossy-network"];
            assert_eq!(scenario.onset().is_none(), harmless.contains(&name), "{name}");
        }
        assert_eq!(by_name("?"), None);
    }
}
