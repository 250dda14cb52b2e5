//! The `where` of a step. What a matcher means is the rules' business (`policy`); here it is carried along, after a check that
//! keeps slips of the pen out of a plan.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{document, json};

/// What a rule may match on, as in the contract.
const NAMES: [&str; 9] = ["path", "method", "host", "country", "continent", "colo", "asn", "header", "cookie"];

/// Largest matcher in bytes of JSON: a plan of 20 steps stays well within the 64 KiB that a document may have.
const MAX_BYTES: usize = 2_048;

/// What a matcher must be, for messages.
pub(super) const ACCEPTED: &str = "an object of at most 2048 bytes with one or more of path, method, host, country, continent, colo, asn, header, cookie";

/// A rule's matcher, not yet understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Matcher(Map<String, Value>);

// === impl Matcher ===

impl Matcher {
    /// Takes a matcher that is one by its looks.
    pub(crate) fn new(value: &Value) -> Option<Self> {
        let Value::Object(names) = value else { return None };
        let known = names.iter().all(|(name, value)| NAMES.contains(&name.as_str()) && !value.is_null());
        (!names.is_empty() && known && json::text(value).len() <= MAX_BYTES).then(|| Self(names.clone()))
    }

    /// For the rules' parser.
    #[must_use]
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl TryFrom<Value> for Matcher {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        Self::new(&value).ok_or_else(|| format!("{} is not accepted, accepted: {ACCEPTED}", document::quote(&value)))
    }
}
