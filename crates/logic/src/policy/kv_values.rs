//! The values of the policy's keys in KV, as they were read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Switch;
use crate::timestamp::Timestamp;

/// The largest `canary-state` that isolates of a location share, in bytes. A larger one each isolate reads for itself.
const MAX_SHARED: usize = 64 << 10;

/// The values of the policy's keys in KV.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvValues {
    /// The value of the `canary-state` key.
    pub canary_state: Option<String>,
    /// The values of the switches, in the order of `Switch::ALL`.
    pub switches: [Option<String>; Switch::ALL.len()],
}

/// A read of KV that isolates of one location share. Isolates and shards of other versions read it, so fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KvReading {
    /// When KV answered.
    pub read_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    canary_state: Option<String>,
    /// By the switch's key in KV.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    switches: BTreeMap<String, String>,
}

// === impl KvValues ===

impl KvValues {
    /// The value of a switch.
    pub fn value(&self, switch: Switch) -> Option<&str> {
        self.switches.get(switch.position())?.as_deref()
    }
}

// === impl KvReading ===

impl KvReading {
    /// A reading to share; none if the document is too large for it.
    pub fn new(values: &KvValues, read_at: Timestamp) -> Option<Self> {
        if values.canary_state.as_ref().is_some_and(|text| text.len() > MAX_SHARED) {
            return None;
        }
        let switches = Switch::ALL.into_iter();
        let switches = switches.filter_map(|switch| Some((switch.key().to_owned(), values.value(switch)?.to_owned())));
        Some(Self { read_at, canary_state: values.canary_state.clone(), switches: switches.collect() })
    }

    /// The value of a switch.
    pub fn value(&self, switch: Switch) -> Option<&str> {
        self.switches.get(switch.key()).map(String::as_str)
    }

    /// The values that were read.
    pub fn into_values(mut self) -> KvValues {
        let switches = Switch::ALL.map(|switch| self.switches.remove(switch.key()));
        KvValues { canary_state: self.canary_state, switches }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_reading_has_the_values_that_were_read() {
        let switches = Switch::ALL.map(|switch| (switch != Switch::Maintenance).then(|| switch.name().to_owned()));
        for canary_state in [None, Some("{}".to_owned()), Some("x".repeat(MAX_SHARED))] {
            let values = KvValues { canary_state, switches: switches.clone() };
            let wire = serde_json::to_string(&KvReading::new(&values, Timestamp::from_seconds(9)).unwrap()).unwrap();
            let reading: KvReading = serde_json::from_str(&wire).unwrap();
            assert_eq!(reading.read_at, Timestamp::from_seconds(9));
            assert_eq!(reading.value(Switch::DisableWrites), Some("disable_writes"));
            assert_eq!(reading.into_values(), values);
        }
        let large = KvValues { canary_state: Some("x".repeat(MAX_SHARED + 1)), ..KvValues::default() };
        assert_eq!(KvReading::new(&large, Timestamp::default()), None);
    }

    #[test]
    fn a_reading_of_a_newer_version_is_read() {
        let reading: KvReading = serde_json::from_str(r#"{"readAt":5,"switches":{"ops:new":"1"},"more":[]}"#).unwrap();
        assert_eq!(reading.into_values(), KvValues::default());
    }
}
