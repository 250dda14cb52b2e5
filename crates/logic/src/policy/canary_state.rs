//! The `canary-state` document that operators and deploy scripts write, validated once and ready for decisions.
//!
//! The schema is additive: unknown fields are ignored, so that an older Worker runs on a newer document and a newer Worker on an older
//! one. A document that breaks a type or a range is rejected as a whole.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rules::Rules;
use crate::document::{self, InvalidDocument};
use crate::percentage::Percentage;
use crate::sticky_key::Stickiness;
use crate::version::{VersionId, Versions};

/// The largest `schemaVersion` whose fields this version knows.
pub const SCHEMA_VERSION: u64 = 1;

/// A valid policy document.
#[derive(Clone, Debug)]
pub struct CanaryState {
    /// Whether the canary gets requests. Without it, every request goes to stable.
    pub enabled: bool,
    /// The percentage of sticky keys on the canary.
    pub percentage: Percentage,
    /// The salt of the buckets: another one assigns every sticky key to a new bucket.
    pub rollout_id: String,
    /// The sources of the sticky key.
    pub stickiness: Stickiness,
    /// The rules, which precede the percentage.
    pub rules: Rules,
    /// Whether stable answers for a failed canary request that can be replayed.
    pub fallback: bool,
    /// The versions of the Worker that are the variants. Without them, the variants are two Workers.
    pub versions: Option<Versions>,
    /// Fields for people and tools.
    pub metadata: Metadata,
    /// Notes on the document for its operators, though it is valid.
    pub warnings: Vec<String>,
}

/// Fields that `/health` and the audit show, and that no decision uses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "each is documented by its line in the README's table")]
pub struct Metadata {
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

/// The fields of the document that decisions use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a JSON object")]
struct Fields {
    enabled: bool,
    percentage: Percentage,
    #[serde(default)]
    rollout_id: String,
    #[serde(default)]
    stickiness: Stickiness,
    #[serde(default)]
    rules: Rules,
    #[serde(default = "fallback_by_default")]
    fallback: bool,
    #[serde(default)]
    canary_version: Option<VersionId>,
    #[serde(default)]
    stable_version: Option<VersionId>,
    #[serde(default)]
    schema_version: u64,
}

const fn fallback_by_default() -> bool {
    true
}

// === impl CanaryState ===

impl CanaryState {
    /// Parses a document; `key` is its name in errors about the document as a whole.
    ///
    /// # Errors
    /// The first field that breaks its type or range, with its value and the values that are accepted.
    pub fn parse(key: &str, text: &str) -> Result<Self, InvalidDocument> {
        Self::read(key, document::parse(key, text)?)
    }

    /// Validates a document that is already parsed as JSON.
    ///
    /// # Errors
    /// As [`CanaryState::parse`].
    pub(crate) fn read(key: &str, document: Map<String, Value>) -> Result<Self, InvalidDocument> {
        let document = Value::Object(document);
        let metadata = document::read(key, document.clone())?;
        let fields: Fields = document::read(key, document)?;
        let Fields { enabled, percentage, rollout_id, stickiness, rules, fallback, .. } = fields;
        let Fields { canary_version, stable_version, schema_version, .. } = fields;
        let mut warnings: Vec<String> = rules.warnings().collect();
        if schema_version > SCHEMA_VERSION {
            warnings.push(format!(
                "schemaVersion {schema_version} is newer than {SCHEMA_VERSION}: fields this version does not know are ignored"
            ));
        }
        if let (None, Some(stable)) = (&canary_version, &stable_version) {
            warnings.push(format!("stableVersion {stable} is not used: it works beside canaryVersion alone"));
        }
        let versions = canary_version.map(|canary| Versions { canary, stable: stable_version });
        Ok(Self { enabled, percentage, rollout_id, stickiness, rules, fallback, versions, metadata, warnings })
    }
}

#[cfg(test)]
mod tests;
