//! What isolates hear from the controller with the replies to their counts: newer than KV, which takes up to a minute to reach every
//! location. For what stops things, on wins; for the shares, the higher generation.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::document::{Fault, InvalidDocument, Members, parse_object};
use super::switches::{Setting, Switch};
use crate::json;
use crate::percentage::Percentage;
use crate::rollout::{self, Matcher, Observation, Ring, Target};

const AN_OBJECT: &str = "an object";

/// What holds, as the controller sees it. Read by isolates of other versions: fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Overlay {
    /// A higher one is newer.
    pub revision: u64,
    /// Halt, shares, and what is observed.
    pub rollout: rollout::Overlay,
    /// Switches that were thrown through the control API: key and value as in KV, all texts. In JSON's own map: a tree of
    /// another kind is 3 KiB in the Wasm.
    pub switches: Map<String, Value>,
}

impl Overlay {
    /// Reads what a shard answers; `null`: the controller has not been heard. By hand, because what serde would make of it is a fifth of
    /// the request path's code.
    ///
    /// # Errors
    /// Names the field, the value, and what would be accepted.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidDocument> {
        if text.trim_ascii() == "null" {
            return Ok(None);
        }
        let object = parse_object("overlay", text)?;
        let fault = Fault::default();
        let all = fault.members(&object);
        let rollout = all.get("rollout").object(AN_OBJECT).map(|it| rollout::Overlay::read(&it)).unwrap_or_default();
        let mut switches = Map::new();
        if let Some(values) = all.get("switches").object(AN_OBJECT) {
            for name in values.names() {
                json::put(&mut switches, name, values.string(name).unwrap_or_default().into());
            }
        }
        let revision = all.whole_number("revision").unwrap_or_default();
        fault.or(Some(Self { revision, rollout, switches }))
    }

    /// Whether counts of this observation are wanted.
    #[must_use]
    pub fn observes(&self, observation: &Observation) -> bool {
        self.rollout.observation.as_ref() == Some(observation)
    }

    pub(super) fn switch(&self, switch: Switch) -> Setting {
        Setting::parse(self.switches.get(switch.key()).and_then(Value::as_str))
    }
}

// === impl rollout::Overlay ===

impl rollout::Overlay {
    fn read(all: &Members<'_>) -> Self {
        Self {
            epoch: all.whole_number("epoch").unwrap_or_default(),
            halted: all.bool("halted").unwrap_or_default(),
            generation: all.whole_number("generation").unwrap_or_default(),
            rollout_id: all.string("rolloutId").unwrap_or_default(),
            target: all.get("target").object(AN_OBJECT).map(|it| Target::read(&it)),
            observation: all.get("observation").object(AN_OBJECT).map(|it| Observation::read(&it)),
            ring: all.whole_number("ring").and_then(|ring| ring.try_into().ok()),
            share: percentage(all, "share"),
        }
    }
}

impl Target {
    fn read(all: &Members<'_>) -> Self {
        let mut rings = Vec::new();
        all.get("rings").each("a list", |ring| {
            if let Some(ring) = ring.object(AN_OBJECT).and_then(|it| Ring::read(&it)) {
                rings.push(ring);
            }
        });
        Self { percentage: percentage(all, "percentage"), rings }
    }
}

impl Ring {
    fn read(all: &Members<'_>) -> Option<Self> {
        let field = all.get("where");
        let matcher = field.value().and_then(Matcher::new);
        if matcher.is_none() {
            field.reject("a rule's matcher");
        }
        Some(Self { matcher: matcher?, percentage: percentage(all, "percentage") })
    }
}

impl Observation {
    fn read(all: &Members<'_>) -> Self {
        let rollout_id = all.string("rolloutId").unwrap_or_default();
        let [attempt, step] = ["attempt", "step"].map(|name| all.whole_number(name).unwrap_or_default());
        Self {
            rollout_id,
            attempt: attempt.try_into().unwrap_or(u32::MAX),
            step: step.try_into().unwrap_or(usize::MAX),
        }
    }
}

fn percentage(all: &Members<'_>, name: &str) -> Percentage {
    let field = all.get(name);
    if field.is_absent() { Percentage::ZERO } else { field.percentage() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn overlay() -> impl Strategy<Value = Overlay> {
        let percentage = || (0_u32..=100_000).prop_map(|it| Percentage::try_from(f64::from(it) / 1e3).unwrap());
        let matcher = || Matcher::new(&json!({"country": ["NZ", "AU"], "header": {"x-a": "1"}})).unwrap();
        let ring = move || percentage().prop_map(move |percentage| Ring { matcher: matcher(), percentage });
        let rings = prop::collection::vec(ring(), 0..3);
        let target = (percentage(), rings).prop_map(|(percentage, rings)| Target { percentage, rings });
        let observation = ("[a-z]{0,4}", any::<u32>(), 0_usize..30)
            .prop_map(|(rollout_id, attempt, step)| Observation { rollout_id, attempt, step });
        let rollout =
            (
                any::<(u64, bool, u64)>(),
                "[a-z]{0,4}",
                prop::option::of(target),
                prop::option::of(observation),
                prop::option::of(0_usize..9),
                percentage(),
            )
                .prop_map(|((epoch, halted, generation), rollout_id, target, observation, ring, share)| {
                    rollout::Overlay { epoch, halted, generation, rollout_id, target, observation, ring, share }
                });
        let switches = prop::collection::vec(("[a-z:]{1,6}", ".*".prop_map(Value::from)), 0..3);
        (any::<u64>(), rollout, switches).prop_map(|(revision, rollout, switches)| Overlay {
            revision,
            rollout,
            switches: switches.into_iter().collect(),
        })
    }

    proptest! {
        #[test]
        fn what_the_controller_writes_is_what_an_isolate_reads(overlay in overlay()) {
            let text = serde_json::to_string(&overlay).unwrap();
            prop_assert_eq!(Overlay::parse(&text).unwrap(), Some(overlay));
        }
    }

    #[test]
    fn what_is_missing_or_new_is_no_error_and_what_is_wrong_is_named() {
        assert_eq!(Overlay::parse("null"), Ok(None));
        assert_eq!(Overlay::parse(r#"{"rollout":{"later":1}}"#), Ok(Some(Overlay::default())));
        let error = Overlay::parse(r#"{"rollout":{"target":{"percentage":101}}}"#).unwrap_err().to_string();
        assert_eq!(
            error,
            "rollout.target.percentage: 101 is not accepted, accepted: a number from 0 to 100 in steps of 0.001"
        );
    }
}
