//! Scenarios by name, for the first questions of an operator.

use serin_logic::Span;
use serin_logic::rollout::{Plan, Schedule};

use crate::scenario::{Behaviour, Edge, Faults, Outsider, OutsiderRequests, Scenario, Stage, Traffic};

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

/// A healthy rollout of a schedule at so much traffic, for as long as it takes. Every request is from a new visitor, and 1 % fail on both sides.
pub fn duration(schedule: Schedule, requests_per_second: f64) -> Scenario {
    Scenario {
        name: format!("{}, {requests_per_second} requests/s", schedule.name()),
        plan: Plan::preset(schedule),
        limit: Span::from_secs(7 * 24 * 3_600),
        traffic: Traffic { requests_per_second, ..Traffic::default() },
        stages: vec![stage(0, 0.01, 0.01)],
        ..Scenario::default()
    }
}

/// Names of the scenarios with an outsider beside the site, or with visitors who differ.
pub const OUTSIDERS: [&str; 11] = [
    "visitors-who-differ",
    "visitors-who-differ-slower-1.5",
    "heavy-good-visitor",
    "no-blinding",
    "blinding",
    "shared-incident",
    "slow-uploads",
    "poisoned-url",
    "broken-bodies",
    "dies-at-50",
    "dies-at-100",
];

/// The scenario of [`OUTSIDERS`] with this name, which ends after half an hour; `None` if there is none.
pub fn outsider_by_name(name: &str) -> Option<Scenario> {
    let site =
        |requests_per_second, visitors| Traffic { requests_per_second, visitors, spread: 1.0, ..Traffic::default() };
    let differing = Traffic { spread: 1.5, pace: 0.5, ..site(40.0, 5_000) };
    let both = |failures| vec![stage(0, failures, failures)];
    let outsider = |requests, identities, requests_per_second| Outsider {
        requests_per_second,
        identities,
        requests,
        ..Outsider::default()
    };
    let (title, traffic, stages, outsiders) = match name {
        "visitors-who-differ" => ("visitors who differ in pace and activity, healthy", differing, both(0.002), vec![]),
        "visitors-who-differ-slower-1.5" => {
            let slow = Behaviour { slower: 1.5, failures: 0.002, ..Behaviour::default() };
            let stages = vec![Stage { canary: slow, stable: Behaviour { slower: 1.0, ..slow }, ..Stage::default() }];
            ("the same, canary × 1.5 slower", differing, stages, vec![])
        }
        "heavy-good-visitor" => {
            let heavy = Outsider { on_canary: true, ..outsider(OutsiderRequests::Good, 1, 130.0) };
            (
                "canary 10 % bad, one visitor with 130 good requests/s on it",
                site(4.0, 2_000),
                vec![stage(0, 0.1, 0.001)],
                vec![heavy],
            )
        }
        "blinding" | "no-blinding" => {
            let flood = Outsider {
                until: Span::from_secs(39),
                networks: 0,
                ..outsider(OutsiderRequests::Failing, 8_600, 220.0)
            };
            let stages = vec![stage(0, 0.001, 0.001), stage(1, 0.04, 0.001)];
            let title = "canary 4 % bad after a minute";
            match name {
                "blinding" => ("the same, after 8,600 identities failed on both", site(40.0, 0), stages, vec![flood]),
                _ => (title, site(40.0, 0), stages, vec![]),
            }
        }
        "shared-incident" => {
            let stages = vec![stage(0, 0.005, 0.005), stage(10, 0.97, 0.97)];
            ("97 % fail on both, 600 requests/s", site(600.0, 0), stages, vec![])
        }
        "slow-uploads" => (
            "healthy, 8 identities upload slowly",
            site(40.0, 5_000),
            both(0.001),
            vec![outsider(OutsiderRequests::Uploads, 8, 4.0)],
        ),
        "poisoned-url" => (
            "healthy, 8 identities ask for what fails on both",
            site(40.0, 5_000),
            both(0.001),
            vec![outsider(OutsiderRequests::Failing, 8, 5.0)],
        ),
        "broken-bodies" => {
            let mut bad = stage(0, 0.001, 0.001);
            bad.canary.broken = 1.0;
            ("every body of the canary breaks off, 5 % are watched", site(40.0, 5_000), vec![bad], vec![])
        }
        "dies-at-50" | "dies-at-100" => {
            let stages = vec![stage(0, 0.001, 0.001), stage(2, 1.0, 0.001)];
            let title = if name == "dies-at-50" { "dies at 50 %, one isolate" } else { "dies at 100 %, one isolate" };
            (title, site(20.0, 5_000), stages, vec![])
        }
        _ => return None,
    };
    let limit = Span::from_secs(1_800);
    let mut scenario =
        Scenario { name: title.into(), traffic, stages, outsiders, limit, faults: usual(), ..Scenario::default() };
    if name.starts_with("dies-at") {
        let percentages = if name == "dies-at-50" { "[50,100]" } else { "[100]" };
        scenario.plan = Plan::parse(&format!(r#"{{"schedule":"custom","hold":"15m","steps":{percentages}}}"#)).ok()?;
        scenario.edge = Edge { locations: 1, isolates: 1, ..Edge::default() };
    }
    Some(scenario)
}

/// The same scenario where every request counts for itself, as before visitors were the unit.
pub fn by_request(scenario: Scenario) -> Option<Scenario> {
    let mut plan = serde_json::to_value(&scenario.plan).ok()?;
    plan.get_mut("analysis")?.as_object_mut()?.insert("unit".into(), "request".into());
    Some(Scenario { plan: serde_json::from_value(plan).ok()?, ..scenario })
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
        for name in OUTSIDERS {
            let scenario = outsider_by_name(name).unwrap();
            scenario.check().unwrap();
            assert_eq!(by_request(scenario.clone()).unwrap().plan.analysis().get("unit").unwrap(), "request");
            let bad = ["slower", "heavy", "blinding", "broken", "dies"].iter().any(|part| name.contains(part));
            assert_eq!(scenario.onset().is_some(), bad, "{name}");
        }
        assert_eq!(outsider_by_name("?"), None);
    }
}
