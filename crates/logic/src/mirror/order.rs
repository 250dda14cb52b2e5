//! What isolates are to copy, as the controller orders it with the overlay.

use serde::{Deserialize, Serialize};

use super::status_table::StatusTable;
use crate::matcher::pattern::Patterns;
use crate::matcher::{self, Matcher};
use crate::percentage::Percentage;
use crate::request_attributes::RequestAttributes;

/// The order of a step that mirrors. Isolates of other versions read it, so fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MirrorOrder {
    /// Percentage of the requests in question.
    pub percentage: Percentage,
    /// Copies that an isolate has under way at most.
    pub in_flight: u32,
    /// The requests in question; all without it.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub ring: Option<Matcher>,
    /// Paths in question; all without it.
    #[serde(deserialize_with = "matcher::paths", skip_serializing_if = "Option::is_none")]
    pub paths: Option<Patterns>,
    /// The plan's rules on which answer of a pair is worse.
    #[serde(skip_serializing_if = "StatusTable::is_empty")]
    pub statuses: StatusTable,
}

// === impl MirrorOrder ===

impl MirrorOrder {
    /// Whether the request is one of those in question.
    pub fn selects(&self, request: &impl RequestAttributes) -> bool {
        let Self { ring, paths, .. } = self;
        paths.as_ref().is_none_or(|paths| paths.matches(request.path()))
            && ring.as_ref().is_none_or(|ring| ring.matches(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_frozen_and_additive() {
        let json = concat!(
            r#"{"percentage":10,"inFlight":8,"where":{"country":["NZ"]},"paths":["/api/*"],"#,
            r#""statuses":[{"stable":200,"canary":"4xx","counts":"neither"}]}"#
        );
        let order: MirrorOrder = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&order).unwrap(), json, "isolates of other versions read this form");
        assert_eq!(serde_json::from_str::<MirrorOrder>(r#"{"later":1}"#).unwrap(), MirrorOrder::default());
    }
}
