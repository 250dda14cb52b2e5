//! One turn of the machine: a move carried out on a copy of the state, and everything that follows from it: the write, the halt, the
//! audit row, the notice, the alarm.

use core::time::Duration;

use super::audit::{Notice, Row, What};
use super::effect::{Effect, Outbox, SetHalt, Step, WriteState};
use super::event::{Document, Observation};
use super::phase::{PauseKind, Phase, RollbackKind, Standing};
use super::state::{Counters, Halted, Rollout, State};
use super::table::Move;
use crate::percentage::Percentage;
use crate::span::Span;
use crate::timestamp::Timestamp;

/// What was not done is tried again after so long. KV takes one write a second for a key.
const RETRY: Duration = Duration::from_secs(5);

/// Who caused a transition and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause<'a> {
    pub(super) who: &'a str,
    pub(super) what: What,
    pub(super) why: &'a str,
}

/// A state being changed.
pub(super) struct Turn {
    next: State,
    was: Standing,
    /// Something that people must see in the epoch has changed.
    moved: bool,
    rows: Vec<Row>,
    /// What others are doing already.
    under_way: Outbox,
    now: Timestamp,
}

// === impl Turn ===

impl Turn {
    pub(super) fn new(state: &State, now: Timestamp) -> Self {
        let (next, was, under_way) = (state.clone(), state.standing(), state.outbox.clone());
        Self { next, was, moved: false, rows: Vec::new(), under_way, now }
    }

    /// The rollout under way, for what is no transition: counters, times.
    pub(super) fn rollout(&mut self) -> Option<&mut Rollout> {
        self.next.rollout.as_mut()
    }

    /// A new rollout takes the place of the last.
    pub(super) fn begin(&mut self, rollout: Rollout, found: Option<Document>) {
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

    /// The document was edited to this share.
    pub(super) fn yield_to(&mut self, percentage: Percentage) {
        if let Some(rollout) = &mut self.next.rollout {
            rollout.edited = Some(percentage);
            rollout.issued = None;
        }
        self.moved = true;
    }

    /// Carries out a cell of the table. `Stay`, `Already`, `Refuse` and `Begin` change no phase.
    pub(super) fn carry_out(&mut self, to_do: Move, cause: Cause<'_>) {
        let (now, unwritten) = (self.now, self.next.outbox.write.is_some());
        let Some(rollout) = &mut self.next.rollout else { return };
        let last = rollout.plan.last();
        let step = rollout.phase.step(last);
        if !matches!(to_do, Move::Stay | Move::Already | Move::Refuse) {
            rollout.frozen_until = None;
        }
        let (who, why) = (cause.who.to_owned(), cause.why.to_owned());
        match to_do {
            Move::Stay | Move::Already | Move::Refuse | Move::Begin | Move::Yield => return,
            Move::Advance if step >= last => {
                rollout.phase = Phase::Completed { at: now };
                rollout.edited = None;
            }
            Move::Advance => self.enter(step + 1, Span::default()),
            Move::Jump => self.enter(last, Span::default()),
            Move::Continue => match rollout.phase {
                Phase::Paused { held, kind, .. } => {
                    rollout.counters = Counters::default();
                    self.enter(step, if kind.keeps_hold() { held } else { Span::default() });
                }
                _ => return,
            },
            Move::Pause(kind) => {
                let held = match rollout.phase {
                    // A hold begins when its state is written.
                    Phase::Progressing { .. } | Phase::Baking { .. } if unwritten => Span::default(),
                    Phase::Progressing { since, .. } | Phase::Baking { since } => now.since(since).into(),
                    Phase::Paused { held, .. } => held,
                    Phase::Completed { .. } | Phase::RolledBack { .. } | Phase::Aborted { .. } => Span::default(),
                };
                rollout.phase = Phase::Paused { step, held, at: now, kind, who, why };
            }
            Move::RollBack(kind) => self.take_out(Phase::RolledBack { step, at: now, kind, who, why }, cause.why),
            Move::Abort => self.take_out(Phase::Aborted { step, at: now, who, why }, cause.why),
            Move::Restore => {
                rollout.phase =
                    Phase::Paused { step, held: Span::default(), at: now, kind: PauseKind::RollbackUndone, who, why };
                rollout.edited = None;
                rollout.attempt = rollout.attempt.saturating_add(1);
                rollout.counters = Counters::default();
                self.lift_own_halt();
            }
        }
        self.moved = true;
    }

    /// Writes down what happened since the turn began, or since the last row.
    pub(super) fn record(&mut self, cause: Cause<'_>) {
        if self.moved {
            self.next.epoch = self.next.epoch.saturating_add(1);
            self.issue(cause.who);
            self.put_halt(cause);
            self.moved = false;
        }
        self.next.seq = self.next.seq.saturating_add(1);
        let after = self.next.standing();
        let row = Row {
            seq: self.next.seq,
            when: self.now,
            who: cause.who.to_owned(),
            what: cause.what,
            rollout_id: self.next.rollout.as_ref().map(|rollout| rollout.id.clone()),
            before: std::mem::replace(&mut self.was, after.clone()),
            after,
            why: cause.why.to_owned(),
        };
        self.rows.push(row);
    }

    /// Tells people of the last row, though it is no news by its kind.
    pub(super) fn notify_anyway(&mut self) {
        self.next.outbox.notices.extend(self.rows.last().map(Notice::from));
    }

    /// The new state and what is new to be done.
    pub(super) fn finish(self) -> Step {
        let under_way = self.under_way.clone();
        self.close(&under_way, None)
    }

    /// Everything that is to be done, and the look that is due.
    pub(super) fn finish_all(self, look: Option<Observation>) -> Step {
        self.close(&Outbox::default(), look)
    }

    fn close(mut self, under_way: &Outbox, look: Option<Observation>) -> Step {
        let judged = self.next.observation().is_some();
        if let Some(rollout) = &mut self.next.rollout {
            let next_look = rollout.next_look.unwrap_or_else(|| self.now.after(rollout.plan.timing.settle));
            rollout.next_look = judged.then_some(next_look);
        }
        for row in self.rows {
            if row.what.is_news() {
                self.next.outbox.notify(Notice::from(&row));
            }
            self.next.outbox.audit(row);
        }
        let rollout = self.next.rollout.as_ref();
        let next_look = match look {
            // Should the look come to nothing, the alarm rings again.
            Some(_) => rollout.map(|rollout| self.now.after(rollout.plan.timing.look_every)),
            None => rollout.and_then(|rollout| rollout.next_look).map(|at| at.max(self.now)),
        };
        let retry = (!self.next.outbox.is_empty()).then(|| self.now.after(RETRY));
        let alarm = [next_look, retry].into_iter().flatten().min().map(Effect::SetAlarm);
        let outbox = self.next.outbox.effects(under_way);
        let mut effects = Vec::from_iter(alarm);
        effects.extend(outbox);
        effects.extend(look.map(Effect::TakeLook));
        Step { next: self.next, effects }
    }

    /// A step begins, `held` of its hold done.
    fn enter(&mut self, step: usize, held: Span) {
        let Some(rollout) = &mut self.next.rollout else { return };
        let since = self.now.before(held);
        rollout.phase =
            if step >= rollout.plan.last() { Phase::Baking { since } } else { Phase::Progressing { step, since } };
        rollout.next_look = Some(self.now.after(rollout.plan.timing.settle));
        rollout.counters = Counters { failures: rollout.counters.failures, ..Counters::default() };
        rollout.edited = None;
    }

    /// Percentage 0 and halted, in one turn.
    fn take_out(&mut self, phase: Phase, why: &str) {
        if let Some(rollout) = &mut self.next.rollout {
            rollout.phase = phase;
            rollout.edited = None;
        }
        if self.next.halted.is_none() {
            self.next.halted = Some(Halted::by_rollout(why, self.now));
        }
    }

    fn lift_own_halt(&mut self) {
        self.next.halted = self.next.halted.take().filter(|halted| !halted.by_rollout);
    }

    /// Asks for a write if what the canary is to have is not what was asked for last.
    fn issue(&mut self, who: &str) {
        let target = self.next.target();
        let Some(rollout) = &mut self.next.rollout else { return };
        if rollout.edited.is_some() {
            // Nobody may overwrite what was edited, not even with a write that was decided before.
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
        let (rollout_id, updated_by) = (rollout.id.clone(), who.to_owned());
        let (percentage, salt) = (target.percentage, rollout_id.clone());
        let document = Document { enabled: true, percentage, rollout_id: salt, generation: Some(generation) };
        self.next.expect(Some(document), self.now);
        self.next.outbox.write = Some(WriteState { generation, rollout_id, target, updated_at: self.now, updated_by });
    }

    /// Asks for the halt to be put in place or lifted, if that has changed.
    fn put_halt(&mut self, cause: Cause<'_>) {
        let on = self.next.halted.is_some();
        if on != self.was.halted {
            let (who, why) = (cause.who.to_owned(), cause.why.to_owned());
            self.next.outbox.halt = Some(SetHalt { on, epoch: self.next.epoch, who, why });
        }
    }
}

impl Move {
    /// The word for it in the audit.
    pub(super) fn what(self, by_order: bool, completes: bool) -> What {
        match self {
            Self::Advance if completes => What::Completed,
            Self::Advance | Self::Jump => {
                if by_order {
                    What::Promoted
                } else {
                    What::Stepped
                }
            }
            Self::Continue => What::Resumed,
            Self::Pause(PauseKind::HandEdited) | Self::Yield => What::HandEdited,
            Self::Pause(PauseKind::Halted) => What::Halted,
            Self::Pause(_) => What::Paused,
            Self::RollBack(RollbackKind::Undone) | Self::Restore => What::Undone,
            Self::RollBack(_) => What::RolledBack,
            Self::Abort => What::Aborted,
            Self::Begin => What::Started,
            Self::Stay | Self::Already | Self::Refuse => What::Looked,
        }
    }
}
