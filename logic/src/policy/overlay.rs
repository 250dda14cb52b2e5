//! What isolates hear from the controller with the replies to their counts: newer than KV, which takes up to a minute to reach every
//! location. For what stops things, on wins; for the shares, the higher generation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::switches::{Setting, Switch};
use crate::rollout::{self, Observation};

/// What holds, as the controller sees it. Read by isolates of other versions: fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Overlay {
    /// A higher one is newer.
    pub revision: u64,
    /// Halt, shares, and what is observed.
    pub rollout: rollout::Overlay,
    /// Switches that were thrown through the control API: key and value as in KV.
    pub switches: BTreeMap<String, String>,
}

impl Overlay {
    /// Whether counts of this observation are wanted.
    #[must_use]
    pub fn observes(&self, observation: &Observation) -> bool {
        self.rollout.observation.as_ref() == Some(observation)
    }

    pub(super) fn switch(&self, switch: Switch) -> Setting {
        Setting::parse(self.switches.get(switch.key()).map(String::as_str))
    }
}
