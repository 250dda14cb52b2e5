//! What people order. Each order is idempotent: carried out once, it is answered as done when it comes again. It may name the epoch
//! it expects, so that nobody acts on a rollout that has moved on since they looked.

use core::time::Duration;

use thiserror::Error;

use super::audit::What;
use super::effect::Step;
use super::event::Document;
use super::machine::nothing;
use super::phase::{PauseKind, Phase, PhaseKind};
use super::schedule::Plan;
use super::state::{Counters, Halted, LastOrder, Rollout, State};
use super::table::{Move, Signal, look_up};
use super::turn::{Cause, Turn};
use crate::quoted::Quoted;
use crate::span::Span;
use crate::timestamp::Timestamp;

/// The same order from the same person within this time is a second click or a client's retry, where it would do more the second time.
const REPEAT: Duration = Duration::from_secs(10);

/// Highest generation a found document may have: the largest integer that JSON readers agree on.
const MAX_GENERATION: u64 = (1 << 53) - 1;

/// An order, and on whose account.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What to do.
    pub command: Command,
    /// A person or a pipeline.
    pub who: String,
    /// Their reason, for the audit.
    pub why: String,
    /// The epoch they looked at. Not looked at for `abort` and `halt`: what stops a canary must not fail for having been slow.
    pub epoch: Option<u64>,
}

/// What can be ordered.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A rollout begins.
    Start(Box<Start>),
    /// Hold.
    Pause,
    /// Go on.
    Resume,
    /// Go to the next step now; after the last, complete.
    Promote,
    /// Go straight to 100 %.
    PromoteFull,
    /// Take the canary out for good.
    Abort {
        /// The rollout that is meant; none: whichever there is.
        rollout: Option<String>,
    },
    /// All to stable at once; a rollout pauses.
    Halt,
    /// Lift the halt; a rollout stays paused.
    ResumeCanary,
    /// Take a completed rollout back; or put one that was rolled back on hold at its step, at 0 % until it is resumed.
    Undo,
}

/// What a rollout begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// New: 1 to 64 of `A-Z a-z 0-9 . _ -`. It is the salt of the split.
    pub id: String,
    /// What to do.
    pub plan: Plan,
    /// `canary-state` as it was just read; none: the key is absent. A read that failed is no reason to start.
    pub found: Option<Document>,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// As from [`step`](super::step).
    pub step: Step,
    /// It was carried out before; nothing is to be done.
    pub already: bool,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// Somebody or something was faster.
    #[error("the epoch is {actual}, should be {expected}: the rollout has moved on")]
    Conflict {
        /// What the order expects.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// One rollout at a time.
    #[error("rollout {id} is {phase}, should be over before {wanted} starts")]
    Running {
        /// The one under way.
        id: String,
        /// Where it stands.
        phase: PhaseKind,
        /// The one to be started.
        wanted: String,
    },
    /// An id stands for one rollout, however it ended.
    #[error("rollout id {id} is used up, should be new")]
    IdUsed {
        /// The id.
        id: String,
    },
    /// Not an id.
    #[error("rollout id is {}, should be 1 to 64 of A-Z a-z 0-9 . _ -", Quoted(id))]
    InvalidId {
        /// What was given, shortened.
        id: String,
    },
    /// The found document cannot be outnumbered.
    #[error("generation of canary-state is {generation}, should be at most {MAX_GENERATION}: remove or lower it")]
    InvalidGeneration {
        /// The document's.
        generation: u64,
    },
    /// Nothing to act on.
    #[error("there is no rollout to {command}")]
    NoRollout {
        /// The order.
        command: &'static str,
    },
    /// Not this rollout.
    #[error("the rollout is {actual}, should be {expected}")]
    OtherRollout {
        /// The one that was named.
        expected: String,
        /// The one there is.
        actual: String,
    },
    /// Makes no sense where the rollout stands.
    #[error("cannot {command}: rollout {id} is {phase}")]
    NotNow {
        /// The order.
        command: &'static str,
        /// The rollout.
        id: String,
        /// Where it stands.
        phase: PhaseKind,
    },
    /// First lift the halt.
    #[error("cannot {command}: {who} halted the canary ({why}); resume-canary first")]
    Halted {
        /// The order.
        command: &'static str,
        /// By whom.
        who: String,
        /// Why.
        why: String,
    },
    /// An undone rollback goes on at its own step.
    #[error("cannot {command}: the rollback of rollout {id} was undone and nothing is on the canary; resume first")]
    ResumeFirst {
        /// The order.
        command: &'static str,
        /// The rollout.
        id: String,
    },
    /// Too late.
    #[error("cannot undo: rollout {id} ended {ago} ago, should be at most {window}")]
    WindowOver {
        /// The rollout.
        id: String,
        /// Since its end.
        ago: Span,
        /// The plan's.
        window: Span,
    },
}

/// Carries out `order` at `now`.
///
/// # Errors
/// Why not; then nothing has changed.
pub fn carry_out(state: &State, order: &Order, now: Timestamp) -> Result<Outcome, Refused> {
    if is_done(state, order, now) {
        return Ok(Outcome { step: nothing(state), already: true });
    }
    let must_win = matches!(order.command, Command::Abort { .. } | Command::Halt);
    match order.epoch {
        Some(expected) if expected != state.epoch && !must_win => {
            return Err(Refused::Conflict { expected, actual: state.epoch });
        }
        _ => {}
    }
    let mut turn = Turn::new(state, now);
    match &order.command {
        Command::Start(start) => begin(state, start, order, &mut turn, now)?,
        Command::Halt => {
            turn.halt(Some(Halted { by_rollout: false, at: now, who: order.who.clone(), why: order.why.clone() }));
            let cause = order.cause(What::Halted);
            turn.carry_out(on_phase(state, Signal::Halt), cause);
            turn.record(cause);
        }
        Command::ResumeCanary => {
            turn.halt(None);
            turn.record(order.cause(What::CanaryResumed));
        }
        _ => {
            if !steer(state, order, &mut turn, now)? {
                return Ok(Outcome { step: nothing(state), already: true });
            }
        }
    }
    let mut step = turn.finish();
    let (name, who) = (order.command.name().to_owned(), order.who.clone());
    step.next.last_order = Some(LastOrder { name, who, at: now, before: state.epoch, after: step.next.epoch });
    Ok(Outcome { step, already: false })
}

/// The order has been carried out, by itself or by one like it.
fn is_done(state: &State, order: &Order, now: Timestamp) -> bool {
    match (&order.command, &state.rollout) {
        (Command::Start(start), Some(rollout)) => {
            // Only while it runs: a start that comes after its end must not be taken for a success.
            return start.id == rollout.id && start.plan == rollout.plan && !rollout.phase.kind().is_over();
        }
        (Command::Halt, _) => return state.halted.as_ref().is_some_and(|halted| !halted.by_rollout),
        (Command::ResumeCanary, _) if state.halted.is_none() => return true,
        (Command::Pause, Some(rollout)) if rollout.phase.kind() == PhaseKind::Paused => return true,
        (Command::Resume, Some(rollout)) => {
            return matches!(rollout.phase.kind(), PhaseKind::Progressing | PhaseKind::Baking);
        }
        _ => {}
    }
    // What would do more the second time is known by who said it, and to which epoch or how long ago.
    state.last_order.as_ref().is_some_and(|last| {
        let same = last.name == order.command.name() && last.who == order.who && last.after == state.epoch;
        let again = order.epoch.map_or(now.since(last.at) <= REPEAT, |expected| expected == last.before);
        same && again
    })
}

fn begin(state: &State, start: &Start, order: &Order, turn: &mut Turn, now: Timestamp) -> Result<(), Refused> {
    let Start { id, plan, found } = start;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if id.is_empty() || id.len() > 64 || !id.chars().all(allowed) {
        return Err(Refused::InvalidId { id: id.chars().take(64).collect() });
    }
    match &state.rollout {
        Some(rollout) if look_up(Signal::Start, rollout.phase.kind()) != Move::Begin => {
            let (id, phase, wanted) = (rollout.id.clone(), rollout.phase.kind(), id.clone());
            return Err(Refused::Running { id, phase, wanted });
        }
        _ if state.knows(id) => return Err(Refused::IdUsed { id: id.clone() }),
        _ => {}
    }
    refuse_if_halted(state, order)?;
    let generation = found.as_ref().and_then(|document| document.generation).unwrap_or_default();
    if generation > MAX_GENERATION {
        return Err(Refused::InvalidGeneration { generation });
    }
    let rollout = Rollout {
        id: id.clone(),
        plan: plan.clone(),
        started_at: now,
        started_by: order.who.clone(),
        why: order.why.clone(),
        phase: Phase::Progressing { step: 0, since: now },
        attempt: 0,
        next_look: None,
        counters: Counters::default(),
        frozen_until: None,
        edited: None,
        issued: None,
    };
    turn.begin(rollout, found.clone());
    turn.record(order.cause(What::Started));
    Ok(())
}

/// Orders to the rollout there is. False: it is where the order would have it.
fn steer(state: &State, order: &Order, turn: &mut Turn, now: Timestamp) -> Result<bool, Refused> {
    let command = order.command.name();
    let Some(rollout) = &state.rollout else { return Err(Refused::NoRollout { command }) };
    let id = || rollout.id.clone();
    let signal = match &order.command {
        Command::Pause => Signal::Pause,
        Command::Resume => Signal::Resume,
        Command::Promote => Signal::PromoteNext,
        Command::PromoteFull => Signal::PromoteFull,
        Command::Undo => Signal::Undo,
        Command::Abort { .. } => Signal::Abort,
        Command::Start(_) | Command::Halt | Command::ResumeCanary => return Ok(false),
    };
    if let Command::Abort { rollout: Some(expected) } = &order.command
        && *expected != rollout.id
    {
        return Err(Refused::OtherRollout { expected: expected.clone(), actual: id() });
    }
    let phase = rollout.phase.kind();
    let to_do = match look_up(signal, phase) {
        // Somebody lifted the halt or edited the document since: abort means none of that.
        Move::Already if signal == Signal::Abort && (state.halted.is_none() || rollout.edited.is_some()) => Move::Abort,
        to_do => to_do,
    };
    match to_do {
        Move::Refuse => return Err(Refused::NotNow { command, id: id(), phase }),
        Move::Already => return Ok(false),
        Move::Continue | Move::Advance | Move::Jump => refuse_if_halted(state, order)?,
        _ => {}
    }
    if rollout.phase.pause() == Some(PauseKind::RollbackUndone) && matches!(to_do, Move::Advance | Move::Jump) {
        return Err(Refused::ResumeFirst { command, id: id() });
    }
    if let (Command::Undo, Phase::Completed { at } | Phase::RolledBack { at, .. }) = (&order.command, &rollout.phase) {
        let (ago, window) = (Span::from(now.since(*at)), rollout.plan.timing.undo_window);
        if ago > window {
            return Err(Refused::WindowOver { id: id(), ago, window });
        }
    }
    let last = rollout.plan.last();
    let cause = order.cause(to_do.what(true, rollout.phase.step(last) >= last));
    turn.carry_out(to_do, cause);
    turn.record(cause);
    Ok(true)
}

/// Traffic does not go back to a canary that somebody halted, but through `resume-canary`.
fn refuse_if_halted(state: &State, order: &Order) -> Result<(), Refused> {
    match &state.halted {
        Some(Halted { by_rollout: false, who, why, .. }) => {
            Err(Refused::Halted { command: order.command.name(), who: who.clone(), why: why.clone() })
        }
        _ => Ok(()),
    }
}

fn on_phase(state: &State, signal: Signal) -> Move {
    state.rollout.as_ref().map_or(Move::Stay, |rollout| look_up(signal, rollout.phase.kind()))
}

// === impl Order ===

impl Order {
    fn cause(&self, what: What) -> Cause<'_> {
        Cause { who: &self.who, what, why: &self.why }
    }
}

// === impl Command ===

impl Command {
    /// As in the control API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::PromoteFull => "promote to 100",
            Self::Abort { .. } => "abort",
            Self::Halt => "halt",
            Self::ResumeCanary => "resume-canary",
            Self::Undo => "undo",
        }
    }
}
