//! The versions that a policy names as variants, and how far their answers are verified.

use serde::{Deserialize, Serialize};

use super::status::ApiContext;
use crate::analysis::PerVariant;
use crate::version::{VersionCheck, VersionCounts};

/// The versions of one Worker that are the variants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionsView {
    /// The canary's version.
    pub canary: String,
    /// Stable's version; none where the platform chooses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stable: Option<String>,
    /// How answers are verified.
    pub verified: Verified,
    /// Answers in the rollout that were checked.
    pub answers: u64,
    /// Answers of another version. They count for neither variant.
    pub wrong: u64,
    /// Answers that state no version. They count for their variant.
    pub unmarked: u64,
    /// The same in a sentence.
    pub message: String,
}

/// How the versions of answers are verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// Observed answers state their version.
    EachRequest,
    /// The canary's own /health states its version at each analysis, and other answers do not.
    Probe,
    /// No answer has stated its version.
    #[default]
    No,
}

// === impl VersionsView ===

impl VersionsView {
    /// The versions of the policy in force; none where the variants are two Workers.
    pub(super) fn new(context: &ApiContext<'_>) -> Option<Self> {
        let versions = context.snapshot.last_good()?.versions.as_ref()?;
        let counts = context.controller.map(|controller| controller.metrics.versions()).unwrap_or_default();
        let probed = context.controller.and_then(|controller| controller.analysis.probed());
        let verified = verified(counts.canary, probed);
        let sum = sum(counts);
        Some(Self {
            canary: versions.canary.to_string(),
            stable: versions.stable.as_ref().map(ToString::to_string),
            verified,
            answers: sum.answers(),
            wrong: sum.wrong,
            unmarked: sum.unmarked,
            message: message(verified, counts, probed),
        })
    }
}

fn verified(canary: VersionCounts, probed: Option<VersionCheck>) -> Verified {
    match probed {
        _ if canary.right > 0 || canary.wrong > 0 => Verified::EachRequest,
        Some(VersionCheck::Right | VersionCheck::Wrong) => Verified::Probe,
        Some(VersionCheck::Unmarked) | None => Verified::No,
    }
}

fn sum(counts: PerVariant<VersionCounts>) -> VersionCounts {
    let mut sum = counts.canary;
    sum += counts.stable;
    sum
}

fn message(verified: Verified, counts: PerVariant<VersionCounts>, probed: Option<VersionCheck>) -> String {
    let unverified = "versions not verified on each request";
    match (verified, probed) {
        (Verified::EachRequest, _) => format!("canary: {}; stable: {}", counts.canary, counts.stable),
        (Verified::Probe, Some(VersionCheck::Wrong)) => {
            format!("{unverified}: answers state none; the last probe was answered by another version")
        }
        (Verified::Probe, _) => format!("{unverified}: answers state none; a probe at each analysis checks"),
        (Verified::No, Some(_)) => format!("{unverified}: neither answers nor the canary's /health state one"),
        (Verified::No, None) => format!("{unverified}: no answer of a rollout has stated one yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_how_far_versions_are_verified() {
        let counts = |right, wrong, unmarked| VersionCounts { right, wrong, unmarked };
        let said = |canary: VersionCounts, probed| {
            let verified = verified(canary, probed);
            (verified, message(verified, PerVariant::new(canary, counts(9, 0, 0)), probed))
        };
        let (verified, message) = said(counts(97, 2, 1), Some(VersionCheck::Right));
        let expected = "canary: 2 of 100 answers are of another version, 1 state none; stable: 0 of 9 answers are of another version";
        assert_eq!((verified, message.as_str()), (Verified::EachRequest, expected));
        for (probed, expected, part) in [
            (Some(VersionCheck::Right), Verified::Probe, "a probe at each analysis checks"),
            (Some(VersionCheck::Wrong), Verified::Probe, "answered by another version"),
            (Some(VersionCheck::Unmarked), Verified::No, "neither answers nor"),
            (None, Verified::No, "has stated one yet"),
        ] {
            let (verified, message) = said(counts(0, 0, 5), probed);
            assert_eq!(verified, expected);
            assert!(
                message.starts_with("versions not verified on each request") && message.contains(part),
                "{message}"
            );
        }
    }
}
