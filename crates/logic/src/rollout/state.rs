//! The stored state of a controller's rollouts. It is written as JSON after every event and read back after every eviction.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::audit::CONTROLLER;
use super::event::{FindingKind, Observation};
use super::outbox::Outbox;
use super::overlay::DesiredState;
use super::phase::{PauseKind, Phase, PhaseKind, RolloutSummary};
use super::published_state::PublishedState;
use super::schedule::{Plan, PlanStep};
use crate::mirror::MirrorOrder;
use crate::percentage::Percentage;
use crate::policy::{Ring, Target};
use crate::span::Span;
use crate::timestamp::Timestamp;
use crate::version::VersionId;

/// Time for which a replaced document may still be read: a minute until KV has the new one everywhere, and as much again.
pub(super) const STALE_READS: Duration = Duration::from_mins(2);

/// Most recent documents that are remembered to recognise stale reads. A rollout writes one a step.
const MAX_RECENT: usize = 16;

/// Most ids of earlier rollouts that are remembered, so that a late start does not repeat one.
const MAX_PAST: usize = 32;

/// The state of a controller. Before the first rollout it is `State::default()`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Increases by one with every transition. An overlay with a higher epoch is newer.
    pub(super) epoch: u64,
    /// Generation of the `canary-state` last issued.
    pub(super) generation: u64,
    /// Number of the last audit entry.
    pub(super) seq: u64,
    pub(super) halted: Option<Halted>,
    pub(super) rollout: Option<Rollout>,
    /// Ids of earlier rollouts, oldest first.
    pub(super) past: Vec<String>,
    /// Documents that a read of `canary-state` may return without an edit by an operator.
    pub(super) recent: Vec<Recent>,
    pub(super) last_command: Option<LastCommand>,
    pub(super) outbox: Outbox,
}

/// A halt of the canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Halted {
    /// The halt belongs to a rollback, and a new rollout lifts it. A halt by an operator is lifted only by an operator.
    pub by_rollout: bool,
    /// Start of the halt.
    pub at: Timestamp,
    /// Actor of the halt.
    pub actor: String,
    /// Reason of the halt.
    pub reason: String,
}

/// Percentages of a canary whose halt is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// The percentage that takes effect.
    pub percentage: Percentage,
    /// The percentage of the rollout's own step, which it has observed; 0 after a rollback or an abort.
    pub observed: Percentage,
}

/// A rollout, under way or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Id of the rollout. It is the salt of the split too, unless there is another.
    pub id: String,
    /// The salt of a canary that had visitors when the rollout started: they stay where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kept_salt: Option<String>,
    /// The plan as it was at the start.
    pub plan: Plan,
    /// Time of the start.
    pub started_at: Timestamp,
    /// Actor of the start.
    pub started_by: String,
    /// Reason of the start.
    pub reason: String,
    /// The current phase.
    pub phase: Phase,
    /// The version that is analysed; none where the canary is a Worker of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) canary_version: Option<VersionId>,
    /// Number of the attempt, as in [`Observation`].
    pub attempt: u32,
    /// Time of the next analysis; none while there is nothing to analyse.
    pub next_look: Option<Timestamp>,
    /// Consecutive results of analyses.
    pub counters: Counters,
    /// End of the freeze window, while the step waits for nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_until: Option<Timestamp>,
    /// Percentage in a `canary-state` that was edited by hand; the edited document holds.
    pub edited: Option<Percentage>,
    /// Target last issued; none while `edited`.
    pub(super) issued: Option<Target>,
}

/// Consecutive results of analyses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Failed analyses in a row. A pass or an inconclusive analysis ends the row; an analysis that waits for traffic does not.
    pub failures: u32,
    /// Inconclusive analyses in a row. A pass or a failure ends the row.
    pub inconclusive: u32,
    /// Analyses in a row that could not be made.
    pub errors: u32,
    /// Time since which every analysis has waited for traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    /// Result of the last analysis.
    pub last: Option<FindingKind>,
}

/// A document that the rollout or its predecessor wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recent {
    pub(super) document: Option<PublishedState>,
    /// Time at which the next document was written.
    pub(super) replaced_at: Option<Timestamp>,
}

/// The last command that was executed, to recognise a repetition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastCommand {
    pub(super) name: String,
    pub(super) actor: String,
    pub(super) at: Timestamp,
    /// Epochs before and after the command.
    pub(super) before: u64,
    pub(super) after: u64,
}

// === impl State ===

impl State {
    /// Increases by one with every transition.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The current rollout, or the last one.
    pub fn rollout(&self) -> Option<&Rollout> {
        self.rollout.as_ref()
    }

    /// The halt, if the canary is halted.
    pub fn halted(&self) -> Option<&Halted> {
        self.halted.as_ref()
    }

    /// The summary in one line.
    pub fn summary(&self) -> RolloutSummary {
        let (phase, step, of) = match &self.rollout {
            Some(Rollout { phase, plan, .. }) => (Some(phase.kind()), phase.step(plan.last()) + 1, plan.steps.len()),
            None => (None, 0, 0),
        };
        RolloutSummary { phase, step, of, percentage: self.share(), halted: self.halted.is_some(), epoch: self.epoch }
    }

    /// The state that isolates are to put into effect.
    pub fn desired_state(&self) -> DesiredState {
        DesiredState {
            epoch: self.epoch,
            halted: self.halted.is_some(),
            halted_since: self.halted.as_ref().map(|halted| halted.at),
            halted_by: self.halted.as_ref().map(|halted| halted.actor.clone()),
            halt_reason: self.halted.as_ref().map(|halted| halted.reason.clone()),
            generation: self.generation,
            rollout_id: self.rollout.as_ref().map(|rollout| rollout.salt().to_owned()).unwrap_or_default(),
            target: self.target(),
            observation: self.observation(),
            ring: self.ring(),
            share: self.share(),
            watch_bodies: self.rollout.as_ref().map(|rollout| rollout.plan.watch_bodies).unwrap_or_default(),
            mirror: self.mirror_order(),
        }
    }

    /// What isolates are to copy to the canary; none unless the step mirrors and is in force.
    pub fn mirror_order(&self) -> Option<MirrorOrder> {
        let rollout = self.rollout.as_ref().filter(|rollout| rollout.edited.is_none() && rollout.is_served())?;
        let order = rollout.plan.mirror_order(rollout.phase.step(rollout.plan.last()));
        order.filter(|_| self.halted.is_none() && !rollout.phase.kind().is_over())
    }

    /// The canary's percentage at this step: of the step's ring, or of all visitors.
    pub fn share(&self) -> Percentage {
        let edited = || self.rollout.as_ref().and_then(|rollout| rollout.edited);
        match (self.target(), self.ring()) {
            (Some(target), Some(ring)) => target.rings.get(ring).map(|ring| ring.percentage).unwrap_or_default(),
            (Some(target), None) => target.percentage,
            (None, _) => edited().unwrap_or_default(),
        }
    }

    /// What lifting the halt puts into effect; none without a rollout, where `canary-state` alone counts.
    pub fn percentage_without_halt(&self) -> Option<Resumed> {
        let rollout = self.rollout.as_ref()?;
        let lifted = Self { halted: None, ..self.clone() };
        let own = Self { rollout: Some(Rollout { edited: None, ..rollout.clone() }), ..lifted.clone() };
        Some(Resumed { percentage: lifted.share(), observed: own.share() })
    }

    /// Index of the step's ring in the target.
    fn ring(&self) -> Option<usize> {
        let rollout = self.rollout.as_ref()?;
        let step = rollout.plan.steps.get(rollout.phase.step(rollout.plan.last()))?;
        let matcher = step.ring.as_ref()?;
        self.target()?.rings.iter().position(|ring| ring.matcher == *matcher)
    }

    /// Whether some locations may not have the `canary-state` last issued, because it is not written yet or was written recently.
    pub fn is_spreading(&self, now: Timestamp) -> bool {
        let is_fresh = |recent: &Recent| recent.replaced_at.is_some_and(|at| now <= at.after(STALE_READS));
        self.outbox.write.is_some() || self.recent.iter().any(is_fresh)
    }

    /// The observation to count and analyse; none while there is nothing to analyse.
    pub fn observation(&self) -> Option<Observation> {
        let rollout = self.rollout.as_ref()?;
        let has_visitors = rollout.edited.is_some() || self.target().is_some_and(|target| !target.is_zero());
        let served = has_visitors || self.mirror_order().is_some();
        let judged = !rollout.phase.kind().is_over() && self.halted.is_none() && served;
        judged.then(|| Observation {
            rollout_id: rollout.id.clone(),
            attempt: rollout.attempt,
            step: rollout.phase.step(rollout.plan.last()),
        })
    }

    /// Whether the percentage last issued is in KV.
    pub(crate) fn is_written(&self) -> bool {
        self.outbox.write.is_none()
    }

    /// Time for which an analysis is overdue, if it is more than the plan's grace. `/health` shows it.
    pub fn overdue(&self, now: Timestamp) -> Option<Span> {
        let rollout = self.rollout.as_ref()?;
        let late = Span::from(now.since(rollout.next_look?));
        (late > rollout.plan.timing.alarm_grace).then_some(late)
    }

    /// The canary's percentages; none while the edited `canary-state` holds.
    pub(super) fn target(&self) -> Option<Target> {
        let rollout = self.rollout.as_ref().filter(|rollout| rollout.edited.is_none())?;
        let step = rollout.phase.step(rollout.plan.last());
        Some(if rollout.is_served() && self.halted.is_none() { rollout.plan.target(step) } else { Target::default() })
    }

    /// Whether the rollout wrote this document, or it is a stale read from before.
    pub(super) fn wrote(&self, document: Option<&PublishedState>, now: Timestamp) -> bool {
        let readable = |recent: &&Recent| recent.replaced_at.is_none_or(|at| now <= at.after(STALE_READS));
        self.recent.iter().filter(readable).any(|recent| recent.document.as_ref() == document)
    }

    /// Whether the id is used.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| rollout.id == id) || self.past.iter().any(|past| past == id)
    }

    /// Remembers that reads may return `document` from now on.
    pub(super) fn expect(&mut self, document: Option<PublishedState>, now: Timestamp) {
        self.recent.retain(|recent| recent.replaced_at.is_none_or(|at| now <= at.after(STALE_READS)));
        let surplus = (self.recent.len() + 1).saturating_sub(MAX_RECENT);
        self.recent.drain(..surplus.min(self.recent.len()));
        self.recent.push(Recent { document, replaced_at: None });
    }

    pub(super) fn remember(&mut self, id: String) {
        let surplus = (self.past.len() + 1).saturating_sub(MAX_PAST);
        self.past.drain(..surplus.min(self.past.len()));
        self.past.push(id);
    }
}

// === impl Plan ===

impl Plan {
    /// The percentages at a step: of all visitors, and of the rings that have more. A ring keeps the percentage of its last step.
    fn target(&self, step: usize) -> Target {
        let so_far = || self.steps.iter().take(step + 1);
        let world = so_far().filter(|step| step.ring.is_none()).map(|step| step.percentage).max().unwrap_or_default();
        let mut rings: Vec<Ring> = Vec::new();
        for PlanStep { percentage, ring, .. } in so_far().filter(|step| step.percentage > world) {
            let Some(matcher) = ring else { continue };
            match rings.iter_mut().find(|ring| ring.matcher == *matcher) {
                Some(ring) => ring.percentage = ring.percentage.max(*percentage),
                None => rings.push(Ring { matcher: matcher.clone(), percentage: *percentage }),
            }
        }
        Target { percentage: world, rings }
    }
}

// === impl Rollout ===

impl Rollout {
    /// Salt of the split.
    pub fn salt(&self) -> &str {
        self.kept_salt.as_deref().unwrap_or(&self.id)
    }

    /// Whether the step's percentage is in force, unless there is a halt.
    fn is_served(&self) -> bool {
        match self.phase.kind() {
            PhaseKind::Progressing | PhaseKind::Baking | PhaseKind::Completed => true,
            PhaseKind::Paused => self.phase.pause() != Some(PauseKind::RollbackUndone),
            PhaseKind::RolledBack | PhaseKind::Aborted => false,
        }
    }

    /// Whether an analysis is due. An analysis further ahead than the longest interval was set before the clock went back.
    pub(crate) fn is_look_due(&self, now: Timestamp) -> bool {
        let furthest = self.plan.timing.look_every.max(self.plan.timing.settle);
        self.next_look.is_some_and(|at| now >= at || at.since(now) > furthest.into())
    }

    /// End of the step's hold or of the bake; none in the other phases.
    pub fn hold_ends(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Progressing { step, since } => self.plan.steps.get(step).map(|step| since.after(step.hold)),
            Phase::Baking { since } => Some(since.after(self.plan.timing.bake)),
            _ => None,
        }
    }
}

// === impl Halted ===

impl Halted {
    /// The halt of a rollback.
    pub(super) fn by_rollout(reason: &str, now: Timestamp) -> Self {
        Self { by_rollout: true, at: now, actor: CONTROLLER.into(), reason: reason.into() }
    }
}
