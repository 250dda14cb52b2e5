//! The overlay: the newest state of the controller, which isolates get with the replies to their counts. KV takes up to a minute to reach
//! every location. Of a halt and of the switches, the overlay and KV stop traffic independently; of the percentages, the higher
//! generation counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::event::Observation;
use crate::analysis::Measure;
use crate::document::{self, InvalidDocument};
use crate::mirror::MirrorOrder;
use crate::percentage::Percentage;
use crate::policy::{KvReading, PolicyPatch, SwitchOrders, Target};
use crate::timestamp::Timestamp;

/// The controller's newest state. Isolates of other versions read it, so fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "a JSON object")]
pub struct Overlay {
    /// A higher revision is newer.
    pub revision: u64,
    /// The state of the rollout.
    pub rollout: DesiredState,
    /// The switches that were turned on of late, key and value as in KV: for isolates that do not know `orders`.
    pub switches: BTreeMap<String, String>,
    /// The last order on each switch.
    #[serde(skip_serializing_if = "SwitchOrders::is_empty")]
    pub orders: SwitchOrders,
    /// The location's last read of KV, which its shard adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<KvReading>,
    /// Settings for counting outcomes.
    pub measure: Measure,
}

/// The state of a rollout that isolates are to put into effect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DesiredState {
    /// A higher epoch is newer.
    pub epoch: u64,
    /// Whether every request goes to stable.
    pub halted: bool,
    /// Since when; none without a halt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted_since: Option<Timestamp>,
    /// Actor of the halt; none without a halt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted_by: Option<String>,
    /// Reason of the halt; none without a halt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halt_reason: Option<String>,
    /// The generation of the target. The target counts where its generation is higher than the document's.
    pub generation: u64,
    /// The salt that goes with the target.
    pub rollout_id: String,
    /// The percentages of the step. Without a target, only the document counts.
    pub target: Option<Target>,
    /// The observation that requests are counted for, if any.
    pub observation: Option<Observation>,
    /// The ring that is observed, by its position in the target. Without a ring, all requests outside the rules are.
    pub ring: Option<usize>,
    /// The percentage of the observed requests' sticky keys that is on the canary.
    pub share: Percentage,
    /// The percentage of the observed requests whose response bodies are watched to their end. Without the field, none are.
    pub watch_bodies: Percentage,
    /// The requests to copy to the canary while no visitor is on it; none unless the step mirrors.
    #[serde(deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorOrder>,
}

/// An order that this version cannot read is none: the halt and the switches beside it count all the same.
fn readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<MirrorOrder>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

// === impl Overlay ===

impl Overlay {
    /// Parses the reply of a shard: `null` where the shard has no overlay yet.
    ///
    /// # Errors
    /// The field that breaks the schema, its value, and the values that are accepted.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidDocument> {
        if text.trim_ascii() == "null" {
            return Ok(None);
        }
        document::parse("overlay", text).map(Some)
    }

    /// Whether counts for this observation are wanted.
    pub fn observes(&self, observation: &Observation) -> bool {
        self.rollout.observation.as_ref() == Some(observation)
    }
}

// === impl DesiredState ===

impl DesiredState {
    /// The changes to the policy document. Without a target, the document stays as it is.
    pub fn patch(&self) -> Option<PolicyPatch<'_>> {
        let Self { generation, rollout_id, target, .. } = self;
        target.as_ref().map(|target| PolicyPatch { generation: *generation, rollout_id, target })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::matcher::Matcher;
    use crate::policy::{KvValues, Ring, Switch, SwitchOrder};

    fn overlay() -> impl Strategy<Value = Overlay> {
        let percentage = || (0_u32..=100_000).prop_map(|it| Percentage::try_from(f64::from(it) / 1e3).unwrap());
        let matcher = || Matcher::for_ring(json!({"country": ["NZ", "AU"], "header": {"x-a": "1"}})).unwrap();
        let ring = move || percentage().prop_map(move |percentage| Ring { matcher: matcher(), percentage });
        let rings = prop::collection::vec(ring(), 0..3);
        let target = (percentage(), rings).prop_map(|(percentage, rings)| Target { percentage, rings });
        let observation = ("[a-z]{0,4}", any::<u32>(), 0_usize..30)
            .prop_map(|(rollout_id, attempt, step)| Observation { rollout_id, attempt, step });
        let rollout = (
            any::<(u64, bool, u64, Option<i64>)>(),
            "[a-z]{0,4}",
            prop::option::of(target),
            prop::option::of(observation),
            prop::option::of(0_usize..9),
            (percentage(), percentage()),
        )
            .prop_map(
                move |(
                    (epoch, halted, generation, since),
                    rollout_id,
                    target,
                    observation,
                    ring,
                    (share, watch_bodies),
                )| {
                    DesiredState {
                        epoch,
                        halted,
                        halted_since: since.map(Timestamp::from_millis),
                        halted_by: since.map(|_| "ada".to_owned()),
                        halt_reason: since.map(|_| "pager".to_owned()),
                        generation,
                        rollout_id,
                        target,
                        observation,
                        ring,
                        share,
                        watch_bodies,
                        mirror: (!halted).then(|| MirrorOrder {
                            percentage: share,
                            ring: Some(matcher()),
                            ..MirrorOrder::default()
                        }),
                    }
                },
            );
        let switches = prop::collection::vec(("[a-z:]{1,6}", ".*"), 0..3);
        let order = (any::<u64>(), prop::option::of(".*"), any::<Option<i64>>(), any::<bool>());
        (any::<u64>(), rollout, switches, prop::option::of(order)).prop_map(|(revision, rollout, switches, order)| {
            let mut orders = SwitchOrders::default();
            if let Some((number, value, written_at, confirmed)) = order {
                let (since, written_at) = (Timestamp::from_millis(5), written_at.map(Timestamp::from_millis));
                let order = SwitchOrder { number, value, cleared: None, since, written_at, confirmed };
                orders.insert(Switch::Maintenance, order);
            }
            let reading = KvReading::new(&KvValues::default(), Timestamp::from_millis(7));
            let (switches, measure) = (switches.into_iter().collect(), Measure::default());
            Overlay { revision, rollout, switches, orders, reading, measure }
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
    fn a_mirror_order_of_a_newer_version_does_not_hide_a_halt() {
        let text = r#"{"rollout":{"halted":true,"mirror":{"percentage":10,"statuses":[{"stable":"9xx"}]}}}"#;
        let overlay = Overlay::parse(text).unwrap().unwrap();
        assert!(overlay.rollout.halted && overlay.rollout.mirror.is_none());
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
