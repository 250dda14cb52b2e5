//! Executes commands. Every command is idempotent: executed once, it is answered as done when it comes again. A command may name the epoch
//! that it expects, so that no operator acts on a rollout that has changed in the meantime.

use core::time::Duration;

use super::audit::Action;
use super::command::{Command, CommandError, CommandRequest, MAX_GENERATION, Start, is_valid_id};
use super::phase::{PauseKind, Phase, PhaseKind};
use super::state::{Counters, Halted, LastCommand, Rollout, State};
use super::table::{Transition, Trigger, look_up};
use super::transition::{Step, TransitionBuilder, TransitionContext};
use crate::percentage::Percentage;
use crate::span::Span;
use crate::timestamp::Timestamp;

/// The same command from the same actor within this time counts as a repetition: a second click or a client's retry.
const REPEAT: Duration = Duration::from_secs(10);

/// Result of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The new state and its effects, as from [`step`](super::step).
    pub step: Step,
    /// The command was executed before; nothing changes.
    pub already: bool,
}

/// Executes `request` at `now`.
///
/// # Errors
/// The request is refused; nothing has changed.
pub fn execute(state: &State, request: &CommandRequest, now: Timestamp) -> Result<Outcome, CommandError> {
    if is_done(state, request, now) {
        return Ok(Outcome { step: Step::unchanged(state), already: true });
    }
    let must_win = matches!(request.command, Command::Abort { .. } | Command::Halt);
    match request.epoch {
        Some(expected) if expected != state.epoch && !must_win => {
            return Err(CommandError::Conflict { expected, actual: state.epoch });
        }
        _ => {}
    }
    let mut change = TransitionBuilder::new(state, now);
    match &request.command {
        Command::Start(start) => begin(state, start, request, &mut change, now)?,
        Command::Halt => {
            change.halt(Some(Halted {
                by_rollout: false,
                at: now,
                actor: request.actor.clone(),
                reason: request.reason.clone(),
            }));
            let context = request.context(Action::Halted);
            change.execute(on_phase(state, Trigger::Halt), context);
            change.record(context);
        }
        Command::ResumeCanary { percentage } => {
            confirm_resumed(state, *percentage)?;
            change.halt(None);
            change.record(request.context(Action::CanaryResumed));
        }
        _ => {
            if !steer(state, request, &mut change, now)? {
                return Ok(Outcome { step: Step::unchanged(state), already: true });
            }
        }
    }
    let mut step = change.finish();
    let (name, actor) = (request.command.name().to_owned(), request.actor.clone());
    step.next.last_command = Some(LastCommand { name, actor, at: now, before: state.epoch, after: step.next.epoch });
    Ok(Outcome { step, already: false })
}

/// Whether the command has been executed already, by this request or by an equal one.
fn is_done(state: &State, request: &CommandRequest, now: Timestamp) -> bool {
    match (&request.command, &state.rollout) {
        (Command::Start(start), Some(rollout)) => {
            // Only while the rollout runs, so that a start after its end is not answered as a success.
            return start.id == rollout.id && start.plan == rollout.plan && !rollout.phase.kind().is_over();
        }
        (Command::Halt, _) => return state.halted.as_ref().is_some_and(|halted| !halted.by_rollout),
        (Command::ResumeCanary { .. }, _) if state.halted.is_none() => return true,
        (Command::Pause, Some(rollout)) if rollout.phase.kind() == PhaseKind::Paused => return true,
        (Command::Resume, Some(rollout)) => {
            return matches!(rollout.phase.kind(), PhaseKind::Progressing | PhaseKind::Baking);
        }
        _ => {}
    }
    // A command that would do more the second time is recognised by its actor and by the epoch, or else by the time passed.
    state.last_command.as_ref().is_some_and(|last| {
        let same = last.name == request.command.name() && last.actor == request.actor && last.after == state.epoch;
        let again = request.epoch.map_or(now.since(last.at) <= REPEAT, |expected| expected == last.before);
        same && again
    })
}

fn begin(
    state: &State,
    start: &Start,
    request: &CommandRequest,
    change: &mut TransitionBuilder,
    now: Timestamp,
) -> Result<(), CommandError> {
    let Start { id, plan, found, reassign } = start;
    if !is_valid_id(id) {
        return Err(CommandError::InvalidId { id: id.chars().take(64).collect() });
    }
    match &state.rollout {
        Some(rollout) if look_up(Trigger::Start, rollout.phase.kind()) != Transition::Begin => {
            let (id, phase, wanted) = (rollout.id.clone(), rollout.phase.kind(), id.clone());
            return Err(CommandError::Running { id, phase, wanted });
        }
        _ if state.knows(id) => return Err(CommandError::IdUsed { id: id.clone() }),
        _ => {}
    }
    refuse_if_halted(state, request)?;
    let generation = found.as_ref().and_then(|document| document.generation).unwrap_or_default();
    if generation > MAX_GENERATION {
        return Err(CommandError::InvalidGeneration { generation });
    }
    let served = found.as_ref().filter(|document| document.enabled && document.percentage > Percentage::ZERO);
    let rollout = Rollout {
        id: id.clone(),
        kept_salt: served.filter(|_| !reassign).map(|document| document.rollout_id.clone()),
        plan: plan.clone(),
        started_at: now,
        started_by: request.actor.clone(),
        reason: request.reason.clone(),
        phase: Phase::Progressing { step: 0, since: now },
        canary_version: found.as_ref().and_then(|document| document.canary_version.clone()),
        attempt: 0,
        next_look: None,
        counters: Counters::default(),
        frozen_until: None,
        edited: None,
        issued: None,
    };
    change.begin(rollout, found.clone());
    change.record(request.context(Action::Started));
    Ok(())
}

/// Executes a command on the current rollout. Returns false if the rollout is already where the command would bring it.
fn steer(
    state: &State,
    request: &CommandRequest,
    change: &mut TransitionBuilder,
    now: Timestamp,
) -> Result<bool, CommandError> {
    let command = request.command.name();
    let Some(rollout) = &state.rollout else { return Err(CommandError::NoRollout { command }) };
    let id = || rollout.id.clone();
    let trigger = match &request.command {
        Command::Pause => Trigger::Pause,
        Command::Resume => Trigger::Resume,
        Command::Promote => Trigger::PromoteNext,
        Command::PromoteFull => Trigger::PromoteFull,
        Command::Undo => Trigger::Undo,
        Command::Abort { .. } => Trigger::Abort,
        Command::Start(_) | Command::Halt | Command::ResumeCanary { .. } => return Ok(false),
    };
    if let Command::Abort { rollout: Some(expected) } = &request.command
        && *expected != rollout.id
    {
        return Err(CommandError::OtherRollout { expected: expected.clone(), actual: id() });
    }
    let phase = rollout.phase.kind();
    let transition = match look_up(trigger, phase) {
        // The halt was lifted or the state was edited since the abort: a second abort takes the canary out again.
        Transition::Already if trigger == Trigger::Abort && (state.halted.is_none() || rollout.edited.is_some()) => {
            Transition::Abort
        }
        transition => transition,
    };
    match transition {
        Transition::Refuse => return Err(CommandError::NotNow { command, id: id(), phase }),
        Transition::Already => return Ok(false),
        Transition::Continue | Transition::Advance | Transition::Jump => refuse_if_halted(state, request)?,
        _ => {}
    }
    if rollout.phase.pause() == Some(PauseKind::RollbackUndone)
        && matches!(transition, Transition::Advance | Transition::Jump)
    {
        return Err(CommandError::ResumeFirst { command, id: id() });
    }
    if let (Command::Undo, Phase::Completed { at } | Phase::RolledBack { at, .. }) = (&request.command, &rollout.phase)
    {
        let (ago, window) = (Span::from(now.since(*at)), rollout.plan.timing.undo_window);
        if ago > window {
            return Err(CommandError::WindowOver { id: id(), ago, window });
        }
    }
    let last = rollout.plan.last();
    let context = request.context(transition.action(true, rollout.phase.step(last) >= last));
    change.execute(transition, context);
    change.record(context);
    Ok(true)
}

/// After a halt by an operator only `resume-canary` puts traffic on the canary again.
fn refuse_if_halted(state: &State, request: &CommandRequest) -> Result<(), CommandError> {
    match &state.halted {
        Some(Halted { by_rollout: false, actor, reason, .. }) => {
            Err(CommandError::Halted { command: request.command.name(), actor: actor.clone(), reason: reason.clone() })
        }
        _ => Ok(()),
    }
}

/// Lifting a halt must not put more visitors on the canary than its rollout has observed, unless the actor names the percentage: after a
/// rollback, an edited `canary-state` may have any.
fn confirm_resumed(state: &State, percentage: Option<Percentage>) -> Result<(), CommandError> {
    let Some(resumed) = state.percentage_without_halt() else { return Ok(()) };
    let expects_other = percentage.is_some_and(|expected| expected != resumed.percentage);
    if expects_other || (percentage.is_none() && resumed.percentage > resumed.observed) {
        return Err(CommandError::Unconfirmed(resumed));
    }
    Ok(())
}

fn on_phase(state: &State, trigger: Trigger) -> Transition {
    state.rollout.as_ref().map_or(Transition::Stay, |rollout| look_up(trigger, rollout.phase.kind()))
}

// === impl CommandRequest ===

impl CommandRequest {
    fn context(&self, action: Action) -> TransitionContext<'_> {
        TransitionContext { actor: &self.actor, claimed: self.claimed, action, reason: &self.reason }
    }
}
