//! Reads and checks a scenario from a file, as JSON or TOML. An error names the field.

use serin_logic::rollout::UnknownZone;
use serin_logic::{Span, Timestamp};
use thiserror::Error;

use crate::scenario::{Behaviour, Scenario};
use crate::zone::utc_offset;

const HOUR: Span = Span::from_secs(3_600);
const WEEK: Span = Span::from_secs(7 * 24 * 3_600);

/// Error for a scenario that cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidScenario {
    /// The text is not JSON or TOML, a field is unknown, or a value has the wrong type.
    #[error("the scenario cannot be read: {0}")]
    Unreadable(String),
    /// The plan's time zone does not exist.
    #[error("plan.{0}")]
    Zone(UnknownZone),
    /// A value is outside its range.
    #[error("{field} is {value}, should be {accepted}")]
    Value {
        /// Path of the field.
        field: String,
        /// The given value.
        value: String,
        /// Accepted values.
        accepted: &'static str,
    },
}

// === impl Scenario ===

impl Scenario {
    /// Reads JSON (if the first character is `{`) or TOML.
    ///
    /// # Errors
    /// The first field that is unknown, of the wrong type or outside its range.
    pub fn parse(text: &str) -> Result<Self, InvalidScenario> {
        let scenario: Self = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| InvalidScenario::Unreadable(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| InvalidScenario::Unreadable(error.to_string()))?
        };
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks every range.
    ///
    /// # Errors
    /// The first field outside its range.
    pub fn check(&self) -> Result<(), InvalidScenario> {
        let Self { name: _, plan, limit, edge, traffic, stages, faults, outsiders } = self;
        if let Some(freeze) = plan.freeze() {
            freeze.check_zone(utc_offset, Timestamp::default()).map_err(InvalidScenario::Zone)?;
        }
        span("limit", *limit, Span::from_secs(1), WEEK, "1s to 7d")?;
        whole("edge.locations", edge.locations, 1, 1_000, "1 to 1000")?;
        whole("edge.isolates", edge.isolates, 1, 1_000, "1 to 1000")?;
        span("edge.life", edge.life, Span::default(), WEEK, "0s to 7d")?;
        span("edge.refresh", edge.refresh, Span::from_millis(100), HOUR, "100ms to 1h")?;
        real("traffic.requestsPerSecond", traffic.requests_per_second, 1e-3, 1e6, "0.001 to 1000000")?;
        whole("traffic.visitors", traffic.visitors, 0, 10_000_000, "0 to 10000000")?;
        real("traffic.spread", traffic.spread, 0.0, 3.0, "0 to 3")?;
        real("traffic.pace", traffic.pace, 0.0, 2.0, "0 to 2")?;
        share("traffic.alwaysFailing", traffic.always_failing)?;
        share("traffic.replayable", traffic.replayable)?;
        real("traffic.medianMs", traffic.median_ms, 1.0, 1e4, "1 to 10000")?;
        real("traffic.latencySpread", traffic.latency_spread, 0.0, 2.0, "0 to 2")?;
        if stages.first().is_none_or(|first| first.at != Span::default()) || !stages.is_sorted_by_key(|stage| stage.at)
        {
            let at: Vec<String> = stages.iter().map(|stage| stage.at.to_string()).collect();
            return Err(invalid("stages", at.join(", "), "in order, the first at 0s"));
        }
        for (index, stage) in stages.iter().enumerate() {
            behaviour(&format!("stages[{index}].canary"), &stage.canary)?;
            behaviour(&format!("stages[{index}].stable"), &stage.stable)?;
            real(&format!("stages[{index}].load"), stage.load, 0.0, 1e3, "0 to 1000")?;
        }
        for (index, outsider) in outsiders.iter().enumerate() {
            let path = |field: &str| format!("outsiders[{index}].{field}");
            let rate = outsider.requests_per_second;
            real(&path("requestsPerSecond"), rate, 1e-3, 1e4, "0.001 to 10000")?;
            whole(&path("identities"), outsider.identities, 1, 1_000_000, "1 to 1000000")?;
            whole(&path("networks"), outsider.networks, 0, 256, "0 to 256")?;
        }
        for (name, value) in [
            ("lost", faults.lost),
            ("doubled", faults.doubled),
            ("late", faults.late),
            ("kvFailing", faults.kv_failing),
            ("killed", faults.killed),
            ("alarmLate", faults.alarm_late),
            ("alarmDoubled", faults.alarm_doubled),
        ] {
            share(&format!("faults.{name}"), value)?;
        }
        for (name, value) in [
            ("lateBy", faults.late_by),
            ("kvDelay", faults.kv_delay),
            ("alarmLateBy", faults.alarm_late_by),
            ("clockJump", faults.clock_jump),
        ] {
            span(&format!("faults.{name}"), value, Span::default(), HOUR, "0s to 1h")?;
        }
        real("faults.clockJumpsPerHour", faults.clock_jumps_per_hour, 0.0, 1e3, "0 to 1000")
    }
}

fn behaviour(path: &str, behaviour: &Behaviour) -> Result<(), InvalidScenario> {
    share(&format!("{path}.failures"), behaviour.failures)?;
    share(&format!("{path}.broken"), behaviour.broken)?;
    real(&format!("{path}.slower"), behaviour.slower, 0.01, 1e3, "0.01 to 1000")
}

fn share(field: &str, value: f64) -> Result<(), InvalidScenario> {
    real(field, value, 0.0, 1.0, "0 to 1")
}

fn real(field: &str, value: f64, low: f64, high: f64, accepted: &'static str) -> Result<(), InvalidScenario> {
    // NaN is in no range.
    if (low..=high).contains(&value) { Ok(()) } else { Err(invalid(field, value.to_string(), accepted)) }
}

fn whole(field: &str, value: u32, low: u32, high: u32, accepted: &'static str) -> Result<(), InvalidScenario> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(invalid(field, value.to_string(), accepted)) }
}

fn span(field: &str, value: Span, low: Span, high: Span, accepted: &'static str) -> Result<(), InvalidScenario> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(invalid(field, value.to_string(), accepted)) }
}

fn invalid(field: &str, value: String, accepted: &'static str) -> InvalidScenario {
    InvalidScenario::Value { field: field.into(), value, accepted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_toml_say_the_same() {
        let json = r#"{"name":"x","plan":{"schedule":"fast"},"edge":{"locations":3},
            "stages":[{"canary":{"failures":0.05}},{"at":"5m","load":2}]}"#;
        let toml = "name = \"x\"\nplan = { schedule = \"fast\" }\n[edge]\nlocations = 3\n\
            [[stages]]\ncanary = { failures = 0.05 }\n[[stages]]\nat = \"5m\"\nload = 2.0\n";
        let scenario = Scenario::parse(json).unwrap();
        assert_eq!(Scenario::parse(toml).unwrap(), scenario);
        assert_eq!((scenario.edge.locations, scenario.stages.len()), (3, 2));
        assert_eq!(scenario.onset(), Some(Span::default()));
        let again = Scenario::parse(&serde_json::to_string(&scenario).unwrap()).unwrap();
        assert_eq!(again, scenario);
    }

    #[test]
    fn the_scenario_of_the_documentation_can_be_simulated() {
        let page = include_str!("../../../docs/simulation.md");
        let toml = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        assert_eq!(Scenario::parse(toml).unwrap().onset(), Some(Span::from_secs(7 * 60)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (json, said) in [
            (r#"{"edge":{"locations":0}}"#, "edge.locations is 0, should be 1 to 1000"),
            (r#"{"stages":[{"canary":{"failures":5}}]}"#, "stages[0].canary.failures is 5, should be 0 to 1"),
            (r#"{"stages":[{"at":"1m"}]}"#, "stages is 1m, should be in order, the first at 0s"),
            (
                r#"{"plan":{"schedule":"fast","freeze":{"timeZone":"Mars/Base","days":["sun"]}}}"#,
                r#"plan.freeze.timeZone: "Mars/Base" is not accepted, accepted: a name of the IANA time zone database such as Europe/Berlin, or UTC"#,
            ),
            (r#"{"faults":{"kvDelay":"2h"}}"#, "faults.kvDelay is 2h, should be 0s to 1h"),
        ] {
            assert_eq!(Scenario::parse(json).unwrap_err().to_string(), said);
        }
        assert!(Scenario::parse(r#"{"faults":{"lst":1}}"#).unwrap_err().to_string().contains("unknown field `lst`"));
    }
}
