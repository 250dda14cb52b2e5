//! What pairs of answers say: reasons of verdicts, and their sentences.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::analysis::{Evidence, PerVariant, Unit, Verdict};

/// What pairs say about a canary without visitors. Numbers are those of the current step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "pairs", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PairedReason {
    /// Strong evidence: of two answers to the same request, the canary's is the worse one more often.
    Worse {
        /// Visitors, or pairs, by the variant of the worse answer.
        worse: PerVariant<u64>,
        /// All visitors with pairs, or all pairs.
        units: u64,
        /// What is counted.
        unit: Unit,
        /// E at the time it was first strong.
        evidence: Evidence,
    },
    /// Strong evidence: the canary is slower for the same requests by more than the tolerance.
    Slower {
        /// Visitors, or pairs: the canary's where it was slower, stable's where it was not.
        slower: PerVariant<u64>,
        /// What is counted.
        unit: Unit,
        /// E at the time it was first strong.
        evidence: Evidence,
    },
    /// Too few requests that both variants answered.
    TooFew {
        /// Visitors with pairs, or pairs, so far.
        units: u64,
        /// Required number; `None` if no number is enough.
        needed: Option<u64>,
        /// What is counted.
        unit: Unit,
    },
    /// No evidence against the canary.
    Equal {
        /// Visitors, or pairs, by the variant of the worse answer.
        worse: PerVariant<u64>,
        /// All visitors with pairs, or all pairs.
        units: u64,
        /// What is counted.
        unit: Unit,
    },
}

// === impl PairedReason ===

impl PairedReason {
    /// The verdict for this reason.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Worse { .. } | Self::Slower { .. } => Verdict::Fail,
            Self::TooFew { .. } => Verdict::Inconclusive,
            Self::Equal { .. } => Verdict::Pass,
        }
    }
}

impl fmt::Display for PairedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worse { worse, units, unit, evidence } => {
                write!(f, "The canary answers the same requests worse than stable: ")?;
                sides(f, *worse, *units, *unit)?;
                write!(f, "; {evidence}.")
            }
            Self::Slower { slower: PerVariant { canary: slow, stable: not }, unit, evidence } => write!(
                f,
                "The canary is slower than stable for the same requests: by more than the tolerance for {slow} of {} \
                 {}; {evidence}.",
                slow.saturating_add(*not),
                copied(*unit)
            ),
            Self::TooFew { units, needed, unit } => {
                let needed = needed.map(|needed| format!(" of {needed}")).unwrap_or_default();
                write!(f, "Waiting for traffic: {units}{needed} {}.", copied(*unit))
            }
            Self::Equal { worse, units, unit } => {
                write!(f, "No evidence against the canary: ")?;
                sides(f, *worse, *units, *unit)?;
                write!(f, ".")
            }
        }
    }
}

fn sides(f: &mut fmt::Formatter<'_>, worse: PerVariant<u64>, units: u64, unit: Unit) -> fmt::Result {
    let PerVariant { canary, stable } = worse;
    let copied = copied(unit);
    write!(f, "of {units} {copied}, {canary} got a worse answer from the canary and {stable} from stable")
}

fn copied(unit: Unit) -> &'static str {
    match unit {
        Unit::StickyKey => "visitors with copied requests",
        Unit::Request => "copied requests",
    }
}
