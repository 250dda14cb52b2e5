//! Applies transitions to a copy of the state and derives their effects: the write, the halt, the audit entry, the notification, the
//! alarm.

use core::time::Duration;

use super::audit::{Action, AuditEntry, Notification};
use super::effect::{Effect, SetHalt, WriteState};
use super::event::Observation;
use super::outbox::Outbox;
use super::phase::{PauseKind, Phase, RollbackKind, RolloutSummary};
use super::published_state::PublishedState;
use super::state::{Counters, Halted, Rollout, State};
use super::table::Transition;
use crate::percentage::Percentage;
use crate::span::Span;
use crate::timestamp::Timestamp;
use crate::version::VersionId;

/// Time until pending effects are retried. KV accepts one write a second for a key.
const RETRY: Duration = Duration::from_secs(5);

/// Result of an event: the caller stores `next`, then performs `effects` in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The new state.
    pub next: State,
    /// Effects to perform, in this order.
    pub effects: Vec<Effect>,
}

/// Actor, action and reason of a transition, for the audit log.
#[derive(Clone, Copy, Debug)]
pub(super) struct TransitionContext<'a> {
    pub(super) actor: &'a str,
    /// The actor's name is not verified.
    pub(super) claimed: bool,
    pub(super) action: Action,
    pub(super) reason: &'a str,
}

/// A state while it is changed.
pub(super) struct TransitionBuilder {
    next: State,
    was: RolloutSummary,
    /// The state has changed in a way that increases the epoch.
    moved: bool,
    entries: Vec<AuditEntry>,
    /// Effects that were asked for before.
    in_flight: Outbox,
    now: Timestamp,
}

// === impl Step ===

impl Step {
    /// Nothing changes, and there is no effect.
    pub(super) fn unchanged(state: &State) -> Self {
        Self { next: state.clone(), effects: Vec::new() }
    }
}

// === impl TransitionBuilder ===

impl TransitionBuilder {
    pub(super) fn new(state: &State, now: Timestamp) -> Self {
        let (next, was, in_flight) = (state.clone(), state.summary(), state.outbox.clone());
        Self { next, was, moved: false, entries: Vec::new(), in_flight, now }
    }

    /// The current rollout, for changes that are no transition: counters and times.
    pub(super) fn rollout(&mut self) -> Option<&mut Rollout> {
        self.next.rollout.as_mut()
    }

    /// Replaces the last rollout by a new one.
    pub(super) fn begin(&mut self, rollout: Rollout, found: Option<PublishedState>) {
        if let Some(before) = self.next.rollout.replace(rollout) {
            self.next.remember(before.id);
        }
        self.lift_own_halt();
        let generation = found.as_ref().and_then(|document| document.generation).unwrap_or_default();
        self.next.generation = self.next.generation.max(generation);
        self.next.expect(found, self.now);
        self.moved = true;
        self.enter(0, Span::default());
    }

    pub(super) fn halt(&mut self, halted: Option<Halted>) {
        self.next.halted = halted;
        self.moved = true;
    }

    /// Accepts that an operator edited `canary-state` to this percentage and this version. Evidence about another version is void.
    pub(super) fn accept_edit(&mut self, percentage: Percentage, canary_version: Option<VersionId>) {
        if let Some(rollout) = &mut self.next.rollout {
            rollout.edited = Some(percentage);
            rollout.issued = None;
            if rollout.canary_version != canary_version {
                rollout.canary_version = canary_version;
                rollout.attempt = rollout.attempt.saturating_add(1);
                rollout.counters = Counters::default();
            }
        }
        self.moved = true;
    }

    /// Applies a cell of the table. `Stay`, `Already`, `Refuse` and `Begin` change no phase.
    pub(super) fn execute(&mut self, transition: Transition, context: TransitionContext<'_>) {
        let (now, unwritten) = (self.now, self.next.outbox.write.is_some());
        let Some(rollout) = &mut self.next.rollout else { return };
        let last = rollout.plan.last();
        let step = rollout.phase.step(last);
        if !matches!(transition, Transition::Stay | Transition::Already | Transition::Refuse) {
            rollout.frozen_until = None;
        }
        let (actor, reason) = (context.actor.to_owned(), context.reason.to_owned());
        match transition {
            Transition::Stay | Transition::Already | Transition::Refuse | Transition::Begin | Transition::Yield => {
                return;
            }
            Transition::Advance if step >= last => {
                rollout.phase = Phase::Completed { at: now };
                rollout.edited = None;
            }
            Transition::Advance => self.enter(step + 1, Span::default()),
            Transition::Jump => self.enter(last, Span::default()),
            Transition::Continue => match rollout.phase {
                Phase::Paused { held, kind, .. } => {
                    rollout.counters = Counters::default();
                    self.enter(step, if kind.keeps_hold() { held } else { Span::default() });
                }
                _ => return,
            },
            Transition::Pause(kind) => {
                let held = match rollout.phase {
                    // The hold has not begun, because it begins when the state is written.
                    Phase::Progressing { .. } | Phase::Baking { .. } if unwritten => Span::default(),
                    Phase::Progressing { since, .. } | Phase::Baking { since } => now.since(since).into(),
                    Phase::Paused { held, .. } => held,
                    Phase::Completed { .. } | Phase::RolledBack { .. } | Phase::Aborted { .. } => Span::default(),
                };
                rollout.phase = Phase::Paused { step, held, at: now, kind, actor, reason };
            }
            Transition::RollBack(kind) => {
                self.take_out(Phase::RolledBack { step, at: now, kind, actor, reason }, context.reason);
            }
            Transition::Abort => self.take_out(Phase::Aborted { step, at: now, actor, reason }, context.reason),
            Transition::Restore => {
                rollout.phase = Phase::Paused {
                    step,
                    held: Span::default(),
                    at: now,
                    kind: PauseKind::RollbackUndone,
                    actor,
                    reason,
                };
                rollout.edited = None;
                rollout.attempt = rollout.attempt.saturating_add(1);
                rollout.counters = Counters::default();
                self.lift_own_halt();
            }
        }
        self.moved = true;
    }

    /// Puts the changes since the last call into effect.
    pub(super) fn commit(&mut self, context: TransitionContext<'_>) {
        if self.moved {
            self.next.epoch = self.next.epoch.saturating_add(1);
            self.issue(context.actor);
            self.put_halt(context);
            self.moved = false;
        }
    }

    /// Adds an audit entry for the changes since the last one.
    pub(super) fn record(&mut self, context: TransitionContext<'_>) {
        self.commit(context);
        self.next.seq = self.next.seq.saturating_add(1);
        let after = self.next.summary();
        let entry = AuditEntry {
            seq: self.next.seq,
            when: self.now,
            actor: context.actor.to_owned(),
            claimed: context.claimed,
            action: context.action,
            rollout_id: self.next.rollout.as_ref().map(|rollout| rollout.id.clone()),
            before: std::mem::replace(&mut self.was, after.clone()),
            after,
            reason: context.reason.to_owned(),
        };
        self.entries.push(entry);
    }

    /// Sends a notification for the last entry, whatever its action.
    pub(super) fn notify_of_last(&mut self) {
        self.next.outbox.notifications.extend(self.entries.last().map(Notification::from));
    }

    /// The new state and its new effects.
    pub(super) fn finish(self) -> Step {
        let in_flight = self.in_flight.clone();
        self.close(&in_flight, None)
    }

    /// The new state and all pending effects, with the analysis that is due.
    pub(super) fn finish_all(self, look: Option<Observation>) -> Step {
        self.close(&Outbox::default(), look)
    }

    fn close(mut self, in_flight: &Outbox, look: Option<Observation>) -> Step {
        let judged = self.next.observation().is_some();
        if let Some(rollout) = &mut self.next.rollout {
            let next_look = rollout.next_look.unwrap_or_else(|| self.now.after(rollout.plan.timing.settle));
            rollout.next_look = judged.then_some(next_look);
            if !judged && rollout.phase.pause().is_some() {
                // No analysis is made, so no row of analyses continues.
                rollout.counters = Counters::default();
            }
        }
        for entry in self.entries {
            if entry.action.is_notified() {
                self.next.outbox.notify(Notification::from(&entry));
            }
            self.next.outbox.audit(entry);
        }
        let rollout = self.next.rollout.as_ref();
        let next_look = match look {
            // If the analysis is lost, the alarm fires again.
            Some(_) => rollout.map(|rollout| self.now.after(rollout.plan.timing.look_every)),
            None => rollout.and_then(|rollout| rollout.next_look).map(|at| at.max(self.now)),
        };
        let retry = (!self.next.outbox.is_empty()).then(|| self.now.after(RETRY));
        let alarm = [next_look, retry].into_iter().flatten().min().map(Effect::SetAlarm);
        let outbox = self.next.outbox.effects(in_flight);
        let mut effects = Vec::from_iter(alarm);
        effects.extend(outbox);
        effects.extend(look.map(Effect::TakeLook));
        Step { next: self.next, effects }
    }

    /// Begins a step of whose hold `held` has passed.
    fn enter(&mut self, step: usize, held: Span) {
        let Some(rollout) = &mut self.next.rollout else { return };
        let since = self.now.before(held);
        rollout.phase =
            if step >= rollout.plan.last() { Phase::Baking { since } } else { Phase::Progressing { step, since } };
        rollout.next_look = Some(self.now.after(rollout.plan.timing.settle));
        rollout.counters = Counters { failures: rollout.counters.failures, ..Counters::default() };
        rollout.edited = None;
    }

    /// Takes the canary out of traffic: percentage 0 and a halt, in one transition.
    fn take_out(&mut self, phase: Phase, reason: &str) {
        if let Some(rollout) = &mut self.next.rollout {
            rollout.phase = phase;
            rollout.edited = None;
        }
        if self.next.halted.is_none() {
            self.next.halted = Some(Halted::by_rollout(reason, self.now));
        }
    }

    fn lift_own_halt(&mut self) {
        self.next.halted = self.next.halted.take().filter(|halted| !halted.by_rollout);
    }

    /// Asks for a write if the target differs from the last one issued.
    fn issue(&mut self, actor: &str) {
        let target = self.next.target();
        let Some(rollout) = &mut self.next.rollout else { return };
        if rollout.edited.is_some() {
            // An edited document must not be overwritten, not even by a write that was decided before the edit.
            self.next.outbox.write = None;
            return;
        }
        if rollout.issued == target {
            return;
        }
        rollout.issued.clone_from(&target);
        let Some(target) = target else { return };
        self.next.generation = self.next.generation.saturating_add(1);
        let generation = self.next.generation;
        let (rollout_id, updated_by) = (rollout.salt().to_owned(), actor.to_owned());
        let document = PublishedState {
            enabled: true,
            percentage: target.percentage,
            rollout_id: rollout_id.clone(),
            generation: Some(generation),
            canary_version: rollout.canary_version.clone(),
        };
        self.next.expect(Some(document), self.now);
        self.next.outbox.write = Some(WriteState { generation, rollout_id, target, updated_at: self.now, updated_by });
    }

    /// Asks to set or lift the halt, if that has changed.
    fn put_halt(&mut self, context: TransitionContext<'_>) {
        let on = self.next.halted.is_some();
        if on != self.was.halted {
            let (actor, reason) = (context.actor.to_owned(), context.reason.to_owned());
            self.next.outbox.halt = Some(SetHalt { on, epoch: self.next.epoch, actor, reason });
        }
    }
}

// === impl Transition ===

impl Transition {
    /// The action in the audit log.
    pub(super) fn action(self, by_order: bool, completes: bool) -> Action {
        match self {
            Self::Advance if completes => Action::Completed,
            Self::Advance | Self::Jump => {
                if by_order {
                    Action::Promoted
                } else {
                    Action::Stepped
                }
            }
            Self::Continue => Action::Resumed,
            Self::Pause(PauseKind::HandEdited) | Self::Yield => Action::HandEdited,
            Self::Pause(PauseKind::Halted) => Action::Halted,
            Self::Pause(_) => Action::Paused,
            Self::RollBack(RollbackKind::Undone) | Self::Restore => Action::Undone,
            Self::RollBack(_) => Action::RolledBack,
            Self::Abort => Action::Aborted,
            Self::Begin => Action::Started,
            Self::Stay | Self::Already | Self::Refuse => Action::Looked,
        }
    }
}
