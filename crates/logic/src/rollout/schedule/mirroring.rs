//! Steps that mirror: the canary gets copies of requests and no visitor.

use serde::{Deserialize, Serialize};

use super::PlanStep;
use crate::document::InvalidDocument;
use crate::mirror::{IN_FLIGHT, MAX_RULES, StatusTable};
use crate::percentage::Percentage;

/// Most copies that an isolate may have under way.
const MAX_IN_FLIGHT: u32 = 64;

/// The longest list of paths, in bytes of JSON, as for a ring.
const MAX_PATHS_BYTES: usize = 2_048;

/// How steps that mirror do it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Mirroring {
    /// Copies that an isolate has under way at most; 8, 1 to 64.
    pub in_flight: u32,
    /// Rules on which answer of a pair is worse, before the default; at most 50.
    #[serde(skip_serializing_if = "StatusTable::is_empty")]
    pub statuses: StatusTable,
}

// === impl Mirroring ===

impl Default for Mirroring {
    fn default() -> Self {
        Self { in_flight: IN_FLIGHT, statuses: StatusTable::default() }
    }
}

impl Mirroring {
    /// Checks every range.
    ///
    /// # Errors
    /// The first field outside its range.
    pub(super) fn check(self) -> Result<Self, InvalidDocument> {
        if !(1..=MAX_IN_FLIGHT).contains(&self.in_flight) {
            let accepted = format!("1..={MAX_IN_FLIGHT}");
            return Err(InvalidDocument::new("mirroring.inFlight", &self.in_flight, &accepted));
        }
        if self.statuses.len() > MAX_RULES {
            let message =
                format!("{} rules are not accepted, accepted: at most {MAX_RULES} rules", self.statuses.len());
            return Err(InvalidDocument { field: "mirroring.statuses".into(), message });
        }
        Ok(self)
    }
}

/// Checks what a step says of mirroring. The steps that mirror come before all steps that give the canary visitors.
///
/// # Errors
/// The field that does not fit, and what is accepted.
pub(super) fn check(
    step: &PlanStep,
    before: Option<&PlanStep>,
    index: usize,
    is_last: bool,
) -> Result<(), InvalidDocument> {
    let field = |name: &str| format!("steps[{index}].{name}");
    let mirror = |accepted| Err(InvalidDocument::new(field("mirror"), &step.mirror, accepted));
    if step.mirror.is_none() {
        let accepted = "left out, because only a step that mirrors has paths";
        return match &step.paths {
            Some(paths) => Err(InvalidDocument::new(field("paths"), paths, accepted)),
            None => Ok(()),
        };
    }
    if step.mirror == Some(Percentage::ZERO) {
        return mirror("more than 0");
    }
    if is_last {
        return mirror("left out, because the last step is 100 % of everything");
    }
    if before.is_some_and(|before| before.mirror.is_none()) {
        return mirror("left out, because the steps that mirror come before those that give the canary visitors");
    }
    if step.percentage != Percentage::ZERO {
        let accepted = "0 or left out, because a step that mirrors gives the canary no visitor";
        return Err(InvalidDocument::new(field("percentage"), &step.percentage, accepted));
    }
    let is_short = |json: String| (3..=MAX_PATHS_BYTES).contains(&json.len());
    if step.paths.is_some() && !serde_json::to_string(&step.paths).is_ok_and(is_short) {
        let accepted = "one or more patterns such as \"/api/*\", at most 2048 bytes in all";
        return Err(InvalidDocument::new(field("paths"), &step.paths, accepted));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;
    use crate::span::Span;

    fn said(json: &str) -> String {
        Plan::parse(json).unwrap_err().to_string()
    }

    #[test]
    fn steps_that_mirror_come_first_and_are_stored_with_what_they_copy() {
        let written = r#"{"steps":[{"mirror":10,"hold":"10m","where":{"country":"NZ"},"paths":"/api/*"},{"mirror":50},{"percentage":5,"where":{"country":"NZ"}},5,100],"mirroring":{"inFlight":4}}"#;
        let plan = Plan::parse(written).unwrap();
        let stored = serde_json::to_string(&plan).unwrap();
        let first = r#""steps":[{"percentage":0,"hold":"10m","where":{"country":["NZ"]},"mirror":10,"paths":["/api/*"]},{"percentage":0,"#;
        assert!(stored.contains(first), "{stored}");
        assert_eq!(serde_json::from_str::<Plan>(&stored).unwrap(), plan);
        assert_eq!(Plan::parse(&stored).unwrap(), plan, "a plan that is shown can be sent again");
        assert_eq!(plan.mirrored(), Span::from_secs(25 * 60));
        let order = plan.mirror_order(0).unwrap();
        assert_eq!((order.percentage, order.in_flight), (Percentage::percent(10), 4));
        assert!(order.ring.is_some() && order.paths.is_some() && plan.mirror_order(2).is_none());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (steps, message) in [
            (r#"[{"mirror":0},100]"#, "steps[0].mirror: 0 is not accepted, accepted: more than 0"),
            (
                r#"[5,{"mirror":5},100]"#,
                "steps[1].mirror: 5 is not accepted, accepted: left out, because the steps that mirror come before those that give the canary visitors",
            ),
            (
                r#"[{"mirror":100}]"#,
                "steps[0].mirror: 100 is not accepted, accepted: left out, because the last step is 100 % of everything",
            ),
            (
                r#"[{"mirror":5,"percentage":5},100]"#,
                "steps[0].percentage: 5 is not accepted, accepted: 0 or left out, because a step that mirrors gives the canary no visitor",
            ),
            (
                r#"[{"mirror":5,"paths":[]},100]"#,
                r#"steps[0].paths: [] is not accepted, accepted: one or more patterns such as "/api/*", at most 2048 bytes in all"#,
            ),
            (
                r#"[{"percentage":5,"paths":"/a"},100]"#,
                r#"steps[0].paths: ["/a"] is not accepted, accepted: left out, because only a step that mirrors has paths"#,
            ),
            (r#"[{"hold":"5m"},100]"#, "steps[0].percentage: 0 is not accepted, accepted: more than 0"),
        ] {
            assert_eq!(said(&format!(r#"{{"steps":{steps}}}"#)), message);
        }
        let mirroring = |text: &str| said(&format!(r#"{{"steps":[{{"mirror":5}},100],"mirroring":{text}}}"#));
        assert_eq!(mirroring(r#"{"inFlight":65}"#), "mirroring.inFlight: 65 is not accepted, accepted: 1..=64");
        assert!(mirroring(r#"{"inflight":5}"#).starts_with("mirroring.inflight: is not known"));
        let rule = r#"{"stable":"*","canary":"*","counts":"neither"}"#;
        let rules = vec![rule; 51].join(",");
        let refused = "mirroring.statuses: 51 rules are not accepted, accepted: at most 50 rules";
        assert_eq!(mirroring(&format!(r#"{{"statuses":[{rules}]}}"#)), refused);
        let refused = mirroring(r#"{"statuses":[{"stable":700,"canary":"*","counts":"neither"}]}"#);
        assert!(
            refused.starts_with("mirroring.statuses[0].stable: 700 is not accepted, accepted: a status"),
            "{refused}"
        );
    }
}
