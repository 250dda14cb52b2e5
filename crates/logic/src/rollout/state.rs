//! All that a controller must keep of its rollouts. It is stored as JSON after every event and read back after every eviction.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::audit::CONTROLLER;
use super::effect::{Ring, Target};
use super::event::{FindingKind, Observation};
use super::outbox::Outbox;
use super::phase::{PauseKind, Phase, PhaseKind, RolloutSummary};
use super::published_state::PublishedState;
use super::schedule::{Plan, PlanStep};
use crate::percentage::Percentage;
use crate::span::Span;
use crate::timestamp::Timestamp;

/// A document that was replaced may still be read for so long: a minute until KV has it everywhere, and as much again.
pub(super) const STALE_READS: Duration = Duration::from_secs(120);

/// Documents of which a read may be stale that are remembered; a rollout writes one a step.
const MAX_RECENT: usize = 16;

/// Ids of earlier rollouts that are remembered, so that a start that comes late does not repeat one.
const MAX_PAST: usize = 32;

/// What a controller stores. `State::default()` before the first rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Grows by one with every transition. What isolates hear is newer if its epoch is.
    pub(super) epoch: u64,
    /// Of the `canary-state` last asked for.
    pub(super) generation: u64,
    /// Of the last audit row.
    pub(super) seq: u64,
    pub(super) halted: Option<Halted>,
    pub(super) rollout: Option<Rollout>,
    /// Ids that are used up, oldest first.
    pub(super) past: Vec<String>,
    /// What a read of `canary-state` may show without anybody having edited it.
    pub(super) recent: Vec<Recent>,
    pub(super) last_command: Option<LastCommand>,
    pub(super) outbox: Outbox,
}

/// Who halted the canary, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Halted {
    /// By the rollout that was taken out: a new one lifts it. One that a person ordered, only a person lifts.
    pub by_rollout: bool,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// One rollout, under way or over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The salt of its split.
    pub id: String,
    /// As it was when it started.
    pub plan: Plan,
    /// When it was started.
    pub started_at: Timestamp,
    /// By whom.
    pub started_by: String,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub phase: Phase,
    /// See [`Observation`].
    pub attempt: u32,
    /// When the canary is to be judged next; none: there is nothing to judge.
    pub next_look: Option<Timestamp>,
    /// What looks found, in a row.
    pub counters: Counters,
    /// The step waits for the end of a window of the plan's freeze, and for nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_until: Option<Timestamp>,
    /// The document was edited by hand since, to this share: what it says holds.
    pub edited: Option<Percentage>,
    /// What was last asked for; none while `edited`.
    pub(super) issued: Option<Target>,
}

/// Looks in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Failed ones. Ended by a pass or an inconclusive one, but not by waiting for traffic.
    pub failures: u32,
    /// Inconclusive ones. Ended by a pass or a failure.
    pub inconclusive: u32,
    /// Ones that could not be taken. Ended by any that could.
    pub errors: u32,
    /// What the last one was.
    pub last: Option<FindingKind>,
}

/// A document that we or our predecessor wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recent {
    pub(super) document: Option<PublishedState>,
    /// When its successor was written.
    pub(super) replaced_at: Option<Timestamp>,
}

/// The last order that was carried out, to know it when it comes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastCommand {
    pub(super) name: String,
    pub(super) actor: String,
    pub(super) at: Timestamp,
    /// Epochs before and after.
    pub(super) before: u64,
    pub(super) after: u64,
}

/// What isolates are to know at once, carried down to them with the replies to their metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overlay {
    /// A higher one is newer.
    pub epoch: u64,
    /// All to stable.
    pub halted: bool,
    /// Against the document's: the higher one wins.
    pub generation: u64,
    /// The salt that goes with the target.
    #[serde(default)]
    pub rollout_id: String,
    /// None: only the document counts.
    pub target: Option<Target>,
    /// None: nothing is counted.
    pub observation: Option<Observation>,
    /// Who is observed: a ring, by its place in the target, or else the world.
    #[serde(default)]
    pub ring: Option<usize>,
    /// The canary's share of those.
    #[serde(default)]
    pub share: Percentage,
}

// === impl State ===

impl State {
    /// Grows by one with every transition.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The rollout that is under way, or the last one.
    pub fn rollout(&self) -> Option<&Rollout> {
        self.rollout.as_ref()
    }

    /// Whether and why the canary is halted.
    pub fn halted(&self) -> Option<&Halted> {
        self.halted.as_ref()
    }

    /// In a line, for people.
    pub fn summary(&self) -> RolloutSummary {
        let (phase, step, of) = match &self.rollout {
            Some(Rollout { phase, plan, .. }) => (Some(phase.kind()), phase.step(plan.last()) + 1, plan.steps.len()),
            None => (None, 0, 0),
        };
        RolloutSummary { phase, step, of, percentage: self.share(), halted: self.halted.is_some(), epoch: self.epoch }
    }

    /// What isolates are to know.
    pub fn overlay(&self) -> Overlay {
        Overlay {
            epoch: self.epoch,
            halted: self.halted.is_some(),
            generation: self.generation,
            rollout_id: self.rollout.as_ref().map(|rollout| rollout.id.clone()).unwrap_or_default(),
            target: self.target(),
            observation: self.observation(),
            ring: self.ring(),
            share: self.share(),
        }
    }

    /// The canary's share at this step: of the ring the step is about, or else of the world.
    pub fn share(&self) -> Percentage {
        let edited = || self.rollout.as_ref().and_then(|rollout| rollout.edited);
        match (self.target(), self.ring()) {
            (Some(target), Some(ring)) => target.rings.get(ring).map(|ring| ring.percentage).unwrap_or_default(),
            (Some(target), None) => target.percentage,
            (None, _) => edited().unwrap_or_default(),
        }
    }

    /// The ring this step is about, by its place in the target.
    fn ring(&self) -> Option<usize> {
        let rollout = self.rollout.as_ref()?;
        let step = rollout.plan.steps.get(rollout.phase.step(rollout.plan.last()))?;
        let matcher = step.ring.as_ref()?;
        self.target()?.rings.iter().position(|ring| ring.matcher == *matcher)
    }

    /// Whether `canary-state` may not be what was last asked for everywhere: it is not written yet, or was of late.
    pub fn is_spreading(&self, now: Timestamp) -> bool {
        let is_fresh = |recent: &Recent| recent.replaced_at.is_some_and(|at| now <= at.after(STALE_READS));
        self.outbox.write.is_some() || self.recent.iter().any(is_fresh)
    }

    /// What is to be counted and judged; none: nothing.
    pub fn observation(&self) -> Option<Observation> {
        let rollout = self.rollout.as_ref()?;
        let served = rollout.edited.is_some() || self.target().is_some_and(|target| !target.is_zero());
        let judged = !rollout.phase.kind().is_over() && self.halted.is_none() && served;
        judged.then(|| Observation {
            rollout_id: rollout.id.clone(),
            attempt: rollout.attempt,
            step: rollout.phase.step(rollout.plan.last()),
        })
    }

    /// How long a look is overdue, if by more than the plan's grace: the dead man, for /health.
    pub fn overdue(&self, now: Timestamp) -> Option<Span> {
        let rollout = self.rollout.as_ref()?;
        let late = Span::from(now.since(rollout.next_look?));
        (late > rollout.plan.timing.alarm_grace).then_some(late)
    }

    /// What the canary is to have; none: whatever `canary-state` says.
    pub(super) fn target(&self) -> Option<Target> {
        let rollout = self.rollout.as_ref().filter(|rollout| rollout.edited.is_none())?;
        let served = match rollout.phase.kind() {
            PhaseKind::Progressing | PhaseKind::Baking | PhaseKind::Completed => true,
            PhaseKind::Paused => rollout.phase.pause() != Some(PauseKind::RollbackUndone),
            PhaseKind::RolledBack | PhaseKind::Aborted => false,
        };
        let step = rollout.phase.step(rollout.plan.last());
        Some(if served && self.halted.is_none() { rollout.plan.target(step) } else { Target::default() })
    }

    /// Nobody edited this: it is what we wrote, or so old that we had not yet.
    pub(super) fn wrote(&self, document: Option<&PublishedState>, now: Timestamp) -> bool {
        let readable = |recent: &&Recent| recent.replaced_at.is_none_or(|at| now <= at.after(STALE_READS));
        self.recent.iter().filter(readable).any(|recent| recent.document.as_ref() == document)
    }

    /// Whether a rollout of this id was there before.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| rollout.id == id) || self.past.iter().any(|past| past == id)
    }

    /// From now on a read may show `document`.
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
    /// The shares at a step: the world's, and those of rings that have more. A ring keeps what it got.
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
    /// When the hold of the step, or the bake, is over; none while nothing advances.
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
    /// By a rollout that is taken out.
    pub(super) fn by_rollout(reason: &str, now: Timestamp) -> Self {
        Self { by_rollout: true, at: now, actor: CONTROLLER.into(), reason: reason.into() }
    }
}
