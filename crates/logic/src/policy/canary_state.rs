//! The `canary-state` document: what operators and deploy scripts write, checked once and ready to decide by.
//!
//! The schema is additive: unknown fields are kept out of the way, so that an older Worker runs on a newer document and
//! the other way round. A document that breaks a type or a range is rejected whole.

use serde::Serialize;
use serde_json::{Map, Value};

use super::document::{Fault, InvalidDocument, parse_object};
use super::rules::Rules;
use crate::percentage::Percentage;
use crate::routing::sticky_key::Stickiness;

/// The largest `schemaVersion` that this version knows everything of.
pub const SCHEMA_VERSION: u64 = 1;

/// A valid policy document.
#[derive(Clone, Debug)]
pub struct CanaryState {
    /// False: all to stable.
    pub enabled: bool,
    /// The share of sticky keys on the canary.
    pub percentage: Percentage,
    /// The salt: re-deals visitors between rollouts.
    pub rollout_id: String,
    /// Where the sticky key comes from.
    pub stickiness: Stickiness,
    /// Asked before the share.
    pub rules: Rules,
    /// Whether stable answers for a failed canary request that may be replayed.
    pub fallback: bool,
    /// What is shown and not used.
    pub notes: Notes,
    /// What an operator should know although the document is valid.
    pub warnings: Vec<String>,
}

/// The fields that are shown by `/health` and the audit, and not used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is documented by its line in the README's table")]
pub struct Notes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_worker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_worker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

// === impl CanaryState ===

impl CanaryState {
    /// Reads and checks a document; `key` is what errors call it.
    ///
    /// # Errors
    /// Names the first field that breaks its type or range, its value, and what would be accepted.
    pub fn parse(key: &str, text: &str) -> Result<Self, InvalidDocument> {
        Self::read(&parse_object(key, text)?)
    }

    /// As [`CanaryState::parse`], of a document that is taken apart already.
    pub(super) fn read(object: &Map<String, Value>) -> Result<Self, InvalidDocument> {
        let fault = Fault::default();
        let document = fault.members(object);
        let rules = Rules::read(&document.get("rules"));
        let mut warnings = rules.warnings();
        let schema_version = document.whole_number("schemaVersion").unwrap_or(SCHEMA_VERSION);
        if schema_version > SCHEMA_VERSION {
            warnings.push(format!(
                "schemaVersion {schema_version} is newer than {SCHEMA_VERSION}: fields this version does not know are ignored"
            ));
        }
        let enabled = document.bool("enabled");
        if enabled.is_none() {
            document.get("enabled").reject("true or false");
        }
        let state = Self {
            enabled: enabled.unwrap_or_default(),
            percentage: document.get("percentage").percentage(),
            rollout_id: document.string("rolloutId").unwrap_or_default(),
            stickiness: Stickiness::read(&document.get("stickiness")),
            rules,
            fallback: document.bool("fallback").unwrap_or(true),
            notes: Notes {
                canary_worker: document.string("canaryWorker"),
                stable_worker: document.string("stableWorker"),
                canary_url: document.string("canaryUrl"),
                stable_url: document.string("stableUrl"),
                deployed_at: document.string("deployedAt"),
                stage: document.string("stage"),
                updated_at: document.string("updatedAt"),
                updated_by: document.string("updatedBy"),
                generation: document.whole_number("generation"),
            },
            warnings,
        };
        fault.or(state)
    }
}

#[cfg(test)]
mod tests;
