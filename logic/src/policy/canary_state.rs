//! The `canary-state` document: what operators and deploy scripts write, checked once and ready to decide by.
//!
//! The schema is additive: unknown fields are kept out of the way, so that an older Worker runs on a newer document and
//! the other way round. A document that breaks a type or a range is rejected whole.

use serde::Serialize;
use serde_json::{Map, Value};

use super::document::{Field, InvalidDocument, parse_object};
use super::rules::Rules;
use super::share::Share;
use crate::routing::sticky_key::Stickiness;

/// The largest `schemaVersion` that this version knows everything of.
pub const SCHEMA_VERSION: u64 = 1;

/// A valid policy document.
#[derive(Clone, Debug)]
pub struct CanaryState {
    /// False: all to stable.
    pub enabled: bool,
    /// The share of sticky keys on the canary.
    pub share: Share,
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
        let field = |name| Field::of(object, name);
        let flag = |name| field(name).bool("true or false");
        let note = |name| field(name).string("a string").map(|text| text.map(str::to_owned));
        let count = |name| field(name).whole_number("a whole number from 0");

        let rules = Rules::read(&field("rules"))?;
        let mut warnings = rules.warnings();
        let schema_version = count("schemaVersion")?.unwrap_or(SCHEMA_VERSION);
        if schema_version > SCHEMA_VERSION {
            warnings.push(format!(
                "schemaVersion {schema_version} is newer than {SCHEMA_VERSION}: fields this version does not know are ignored"
            ));
        }
        Ok(Self {
            enabled: flag("enabled")?.ok_or_else(|| field("enabled").invalid("true or false"))?,
            share: Share::read(&field("percentage"))?,
            rollout_id: note("rolloutId")?.unwrap_or_default(),
            stickiness: Stickiness::read(&field("stickiness"))?,
            rules,
            fallback: flag("fallback")?.unwrap_or(true),
            notes: Notes {
                canary_worker: note("canaryWorker")?,
                stable_worker: note("stableWorker")?,
                canary_url: note("canaryUrl")?,
                stable_url: note("stableUrl")?,
                deployed_at: note("deployedAt")?,
                stage: note("stage")?,
                updated_at: note("updatedAt")?,
                updated_by: note("updatedBy")?,
                generation: count("generation")?,
            },
            warnings,
        })
    }
}

#[cfg(test)]
mod tests;
