//! Mirrored traffic, as the status shows it. Its fields have defaults, because the command line may be older or newer than the Worker.

use serde::{Deserialize, Serialize};

use super::rollout::EvidenceView;
use crate::analysis::PairedFigures;
use crate::controller::Controller;
use crate::mirror::{Comparison, Difference};
use crate::percentage::Percentage;
use crate::rollout::Rollout;

/// What a rollout mirrors and has mirrored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MirrorView {
    /// Percentage of the requests of which the canary gets a copy now; 0 unless the current step mirrors.
    pub percentage: Percentage,
    /// Copies of the rollout that the canary answered or failed: the load that mirroring adds.
    pub copies: u64,
    /// Of these, copies that the canary failed.
    pub canary_failures: u64,
    /// Of the same requests, those that stable failed.
    pub stable_failures: u64,
    /// Requests that were not copied because too many copies were under way in their isolate.
    pub busy: u64,
    /// Requests that were not copied because a breaker kept them from the canary.
    pub withheld: u64,
    /// Numbers of the current step.
    pub figures: Option<PairedView>,
    /// The most frequent differences of the rollout, the most frequent first.
    pub differences: Vec<DifferenceView>,
}

/// Pairs of answers of a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PairedView {
    /// Requests that both variants answered or failed.
    pub pairs: u64,
    /// Distinct visitors of the pairs.
    pub visitors: u64,
    /// Visitors, or pairs, to whom the canary's answer is the worse one.
    pub worse_on_canary: u64,
    /// Visitors, or pairs, to whom stable's answer is the worse one.
    pub worse_on_stable: u64,
    /// Visitors, or pairs, for whom the canary was slower by more than the tolerance.
    pub slower: u64,
    /// Visitors, or pairs, whose times were compared.
    pub timed: u64,
    /// Evidence that the canary's answers are worse.
    pub answers: Option<EvidenceView>,
    /// Evidence that the canary is slower.
    pub latency: Option<EvidenceView>,
}

/// Pairs of answers that differ in the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DifferenceView {
    /// The path, with `*` for each segment that may be an id.
    pub path: String,
    /// Status of stable's answer; `null` where it gave none.
    pub stable: Option<u16>,
    /// Status of the canary's answer; `null` where it gave none.
    pub canary: Option<u16>,
    /// `against-canary`, `against-stable` or `neither`.
    pub counts: String,
    /// Pairs, at least.
    pub pairs: u64,
    /// Id of one of the requests (`cf-ray`).
    pub example: String,
}

// === impl MirrorView ===

impl MirrorView {
    /// What `rollout` mirrors; none if no step of its plan does.
    pub(super) fn new(controller: &Controller, rollout: &Rollout) -> Option<Self> {
        let mirrors = rollout.plan.steps().iter().any(|step| step.mirror.is_some());
        let totals = controller.metrics.mirrored();
        let order = controller.state.mirror_order();
        let figures = controller.analysis.figures().and_then(|figures| figures.paired);
        mirrors.then(|| Self {
            percentage: order.as_ref().map(|order| order.percentage).unwrap_or_default(),
            copies: totals.counts.pairs,
            canary_failures: totals.counts.failures.canary,
            stable_failures: totals.counts.failures.stable,
            busy: totals.busy,
            withheld: totals.withheld,
            figures: figures.filter(|_| order.is_some()).map(PairedView::from),
            differences: totals.differences.most_frequent().into_iter().map(DifferenceView::from).collect(),
        })
    }
}

impl From<PairedFigures> for PairedView {
    fn from(figures: PairedFigures) -> Self {
        let PairedFigures { counts, visitors, worse, slower, answers, latency } = figures;
        Self {
            pairs: counts.pairs,
            visitors,
            worse_on_canary: worse.canary,
            worse_on_stable: worse.stable,
            slower: slower.canary,
            timed: slower.canary.saturating_add(slower.stable),
            answers: Some((&answers).into()),
            latency: Some((&latency).into()),
        }
    }
}

impl From<Difference> for DifferenceView {
    fn from(difference: Difference) -> Self {
        let Difference { path, stable, canary, counts, pairs, example } = difference;
        let counts = match counts {
            Comparison::AgainstCanary => "against-canary",
            Comparison::AgainstStable => "against-stable",
            Comparison::Neither => "neither",
        };
        Self { path, stable, canary, counts: counts.to_owned(), pairs, example }
    }
}
