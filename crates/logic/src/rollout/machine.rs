//! The state machine: turns events into triggers, and applies the transition that the table has for them. It is total: any event may come
//! in any state at any time, twice or late, and then nothing happens.

use super::audit::{Action, CONTROLLER};
use super::effect::Effect;
use super::event::{Event, Finding, FindingKind, Look, Observation, Receipt, Replacement};
use super::execute::execute;
use super::phase::Phase;
use super::published_state::PublishedState;
use super::schedule::{OnFail, OnMaxWait, PlanStep};
use super::state::{Rollout, State};
use super::table::{Transition, Trigger, look_up};
use super::transition::{Step, TransitionBuilder, TransitionContext};
use crate::analysis::HeldFor;
use crate::percentage::Percentage;
use crate::span::Span;
use crate::timestamp::Timestamp;

/// Handles `event` in `state` at `now`.
pub fn step(state: &State, event: Event, now: Timestamp) -> Step {
    match event {
        Event::Alarm => alarm(state, now),
        Event::Look(look) => judge(state, &look, now),
        Event::Seen(document) => seen(state, document.as_ref(), None, now),
        Event::Replaced(by) => seen(state, Some(&by.document), Some(&by), now),
        Event::Done(receipt) => done(state, receipt, now),
        Event::Command(request) => match execute(state, &request, now) {
            Ok(outcome) => outcome.step,
            Err(_) => Step::unchanged(state),
        },
    }
}

/// Effects that a controller has to perform when it starts: the same as an alarm asks for. Performing them again is safe.
pub fn pending(state: &State, now: Timestamp) -> Vec<Effect> {
    alarm(state, now).effects
}

/// Asks for an analysis if one is due, and for all pending effects.
fn alarm(state: &State, now: Timestamp) -> Step {
    let due = state.rollout.as_ref().is_some_and(|rollout| rollout.is_look_due(now));
    TransitionBuilder::new(state, now).finish_all(state.observation().filter(|_| due))
}

fn judge(state: &State, look: &Look, now: Timestamp) -> Step {
    let (Some(before), Some(current)) = (&state.rollout, state.observation()) else { return Step::unchanged(state) };
    let due = before.is_look_due(now) && look.observation == current;
    // Strong evidence acts at any time, also when it is about the step before.
    let strong = matches!(look.finding, Finding::Fail { strong: true, .. }) && same_canary(&look.observation, &current);
    if !due && !strong {
        return Step::unchanged(state);
    }
    let mut change = TransitionBuilder::new(state, now);
    if due {
        forget_unwatched(&mut change, before, now);
        begin_hold_again(&mut change, now);
    }
    let written = state.is_written();
    let Some(rollout) = change.rollout() else { return Step::unchanged(state) };
    let trigger = count(rollout, look, written, now);
    let transition = look_up(trigger, rollout.phase.kind());
    if !due && transition == Transition::Stay {
        return Step::unchanged(state);
    }
    rollout.frozen_until = frozen_until(rollout, look, trigger, now);
    let first_frozen = rollout.frozen_until.is_some() && rollout.frozen_until != before.frozen_until;
    rollout.next_look = Some(next_look(rollout, now));
    let reason = reason(trigger, &look.finding, rollout);
    let action = match transition {
        Transition::Stay if trigger == Trigger::AnalysisError => Action::LookFailed,
        _ => transition.action(false, rollout.phase.step(rollout.plan.last()) >= rollout.plan.last()),
    };
    let first_error = trigger == Trigger::AnalysisError && rollout.counters.errors == 1;
    let context = TransitionContext { actor: CONTROLLER, claimed: false, action, reason: &reason };
    change.execute(transition, context);
    if transition != Transition::Stay || first_frozen || !is_repetition(before, &look.finding) {
        change.record(context);
    }
    if first_error || first_frozen {
        change.notify_of_last();
    }
    change.finish()
}

/// Whether an analysis during a pause or a freeze window repeats the last result. Such analyses are not audited, because they may go on for
/// days; failures are.
fn is_repetition(before: &Rollout, finding: &Finding) -> bool {
    let (waits, kind) = (before.phase.pause().is_some() || before.frozen_until.is_some(), finding.kind());
    waits && before.counters.last == Some(kind) && kind != FindingKind::Fail
}

/// The analysis's sentence and its consequence, with numbers.
fn reason(trigger: Trigger, finding: &Finding, rollout: &Rollout) -> String {
    let (sentence, counters, limits) = (finding.sentence(), rollout.counters, rollout.plan.limits);
    let has_waited = matches!(finding, Finding::Inconclusive { held_for: HeldFor::Traffic, .. })
        && !matches!(trigger, Trigger::Inconclusive | Trigger::Pass);
    if has_waited {
        let limit = limits.max_wait.unwrap_or_default();
        let then = match limits.on_max_wait {
            OnMaxWait::Pause => "an operator must decide",
            OnMaxWait::GoOn => "the plan goes on",
            OnMaxWait::RollBack => "the plan rolls back a canary without evidence",
        };
        return format!("{sentence} The step has waited for traffic for {limit}, the plan's maxWait: {then}.");
    }
    match trigger {
        Trigger::FailWeak | Trigger::FailWeakAtLimit => {
            format!("{sentence} Failed analyses in a row: {}, limit {}.", counters.failures, limits.failure_limit)
        }
        Trigger::InconclusiveAtLimit => {
            let (had, limit) = (counters.inconclusive, limits.max_inconclusive);
            format!("{sentence} Inconclusive analyses in a row: {had}, limit {limit}.")
        }
        Trigger::FailOnHold => format!("{sentence} The plan holds a failed canary: an operator must decide."),
        Trigger::PassInFreeze => match (rollout.frozen_until, rollout.plan.freeze()) {
            (Some(end), Some(freeze)) => {
                format!("{sentence} Frozen by the plan ({}) until {end}.", freeze.zone())
            }
            _ => sentence.to_owned(),
        },
        Trigger::PassNeedsApproval => format!("{sentence} The next step waits for an approval, `serin promote`."),
        Trigger::AnalysisError => {
            format!(
                "{sentence} Analyses without data in a row: {}. They do not count against the canary.",
                counters.errors
            )
        }
        _ => sentence.to_owned(),
    }
}

/// Extends the hold by the time in which analyses were overdue.
fn forget_unwatched(change: &mut TransitionBuilder, before: &Rollout, now: Timestamp) {
    let late = Span::from(now.since(before.next_look.unwrap_or(now)));
    let grace = before.plan.timing.alarm_grace;
    if late <= grace {
        return;
    }
    if let Some(Rollout { phase: Phase::Progressing { since, .. } | Phase::Baking { since }, .. }) = change.rollout() {
        *since = since.after(late).min(now);
    }
    let reason = format!("No look for {late} after it was due, limit {grace}. That time does not count.");
    change.record(TransitionContext { actor: CONTROLLER, claimed: false, action: Action::Late, reason: &reason });
}

/// After the clock went back, the hold begins again: how long it has lasted is not known.
fn begin_hold_again(change: &mut TransitionBuilder, now: Timestamp) {
    if let Some(Rollout { phase: Phase::Progressing { since, .. } | Phase::Baking { since }, .. }) = change.rollout() {
        *since = (*since).min(now);
    }
}

/// End of the freeze window that the step waits for.
fn frozen_until(rollout: &Rollout, look: &Look, trigger: Trigger, now: Timestamp) -> Option<Timestamp> {
    let end = if trigger == Trigger::PassInFreeze { look.frozen_until } else { rollout.frozen_until };
    end.filter(|end| *end > now)
}

/// Counts the finding and returns its trigger.
fn count(rollout: &mut Rollout, look: &Look, written: bool, now: Timestamp) -> Trigger {
    let finding = &look.finding;
    let frozen_now = look.frozen_until.is_some_and(|end| end > now);
    let (limits, frozen) = (rollout.plan.limits, rollout.plan.on_fail == OnFail::Hold);
    let due = written && rollout.hold_ends().is_some_and(|end| now >= end);
    let step = rollout.plan.steps.get(rollout.phase.step(rollout.plan.last()));
    let counters = &mut rollout.counters;
    counters.last = Some(finding.kind());
    if !matches!(finding, Finding::Error { .. }) {
        counters.errors = 0;
    }
    if !matches!(finding, Finding::Inconclusive { held_for: HeldFor::Traffic, .. }) {
        counters.waiting_since = None;
    }
    match finding {
        Finding::Pass { .. } => {
            (counters.failures, counters.inconclusive) = (0, 0);
            passed(step, due, frozen_now)
        }
        Finding::Fail { strong, .. } => {
            counters.failures = counters.failures.saturating_add(1);
            counters.inconclusive = 0;
            match (*strong, counters.failures >= limits.failure_limit) {
                (true, _) | (_, true) if frozen => Trigger::FailOnHold,
                (true, _) => Trigger::FailStrong,
                (false, true) => Trigger::FailWeakAtLimit,
                (false, false) => Trigger::FailWeak,
            }
        }
        Finding::Inconclusive { held_for: HeldFor::Traffic, .. } => {
            let since = *counters.waiting_since.get_or_insert(now);
            let is_too_long = limits.max_wait.is_some_and(|limit| Span::from(now.since(since)) >= limit);
            match limits.on_max_wait {
                _ if !is_too_long => Trigger::Inconclusive,
                OnMaxWait::Pause => Trigger::InconclusiveAtLimit,
                OnMaxWait::GoOn => passed(step, due, frozen_now),
                OnMaxWait::RollBack if frozen => Trigger::FailOnHold,
                OnMaxWait::RollBack => Trigger::FailWeakAtLimit,
            }
        }
        Finding::Inconclusive { held_for: HeldFor::Breakers, .. } => Trigger::Inconclusive,
        // Nothing speaks against the canary but that the check has not passed.
        Finding::Inconclusive { held_for: HeldFor::Check, .. } => {
            (counters.failures, counters.inconclusive) = (0, 0);
            Trigger::Inconclusive
        }
        Finding::Inconclusive { held_for: HeldFor::Evidence, .. } => {
            counters.failures = 0;
            counters.inconclusive = counters.inconclusive.saturating_add(1);
            if counters.inconclusive >= limits.max_inconclusive {
                Trigger::InconclusiveAtLimit
            } else {
                Trigger::Inconclusive
            }
        }
        Finding::Error { .. } => {
            counters.errors = counters.errors.saturating_add(1);
            Trigger::AnalysisError
        }
    }
}

/// The trigger of a step that nothing speaks against.
fn passed(step: Option<&PlanStep>, due: bool, frozen_now: bool) -> Trigger {
    match step {
        Some(step) if due && step.approval => Trigger::PassNeedsApproval,
        Some(_) if due && frozen_now => Trigger::PassInFreeze,
        Some(_) if due => Trigger::PassAndDue,
        _ => Trigger::Pass,
    }
}

/// Time of the next analysis: after the interval, or at the end of the hold or of the freeze window if that is sooner.
fn next_look(rollout: &Rollout, now: Timestamp) -> Timestamp {
    let interval = now.after(rollout.plan.timing.look_every);
    let ends = [rollout.hold_ends(), rollout.frozen_until].into_iter().flatten().filter(|end| *end > now);
    ends.fold(interval, Timestamp::min)
}

fn same_canary(one: &Observation, other: &Observation) -> bool {
    (&one.rollout_id, one.attempt) == (&other.rollout_id, other.attempt)
}

/// Handles a document that is in KV, which an operator may have written through the control API.
fn seen(state: &State, document: Option<&PublishedState>, by: Option<&Replacement>, now: Timestamp) -> Step {
    let Some(rollout) = &state.rollout else { return Step::unchanged(state) };
    let share = match document {
        Some(document) if document.enabled => document.percentage,
        _ => Percentage::ZERO,
    };
    let version = match document {
        Some(document) => document.canary_version.as_ref(),
        // Without a document there is no canary, so the version is the one that it was.
        None => rollout.canary_version.as_ref(),
    };
    let same_version = version == rollout.canary_version.as_ref();
    if state.wrote(document, now) || (rollout.edited == Some(share) && same_version) {
        return Step::unchanged(state);
    }
    let transition = look_up(Trigger::Edited, rollout.phase.kind());
    let other_version = match version {
        _ if same_version => String::new(),
        Some(version) => format!(", canaryVersion {version}"),
        None => ", no canaryVersion".into(),
    };
    let found = match document {
        Some(PublishedState { enabled: true, percentage, rollout_id, .. }) => {
            format!("says {percentage} %, salt {rollout_id:?}{other_version}")
        }
        Some(_) => format!("says that the canary is not enabled{other_version}"),
        None => "is gone".into(),
    };
    let reason = match by {
        None => format!("canary-state {found}. The rollout did not write that, and leaves it as it is."),
        Some(Replacement { actor, .. }) => {
            format!("canary-state {found}, changed by {actor}. The rollout leaves it as it is.")
        }
    };
    let context = TransitionContext {
        actor: by.map_or(CONTROLLER, |by| &by.actor),
        claimed: by.is_some_and(|by| by.claimed),
        action: transition.action(false, false),
        reason: &reason,
    };
    let mut change = TransitionBuilder::new(state, now);
    change.accept_edit(share, version.cloned());
    change.execute(transition, context);
    if by.is_some() && transition == Transition::Yield {
        // The audit has the operator's change, which changed nothing about a rollout that is over.
        change.commit(context);
    } else {
        change.record(context);
    }
    change.finish()
}

fn done(state: &State, receipt: Receipt, now: Timestamp) -> Step {
    let mut next = state.clone();
    next.outbox.settle(receipt);
    if next.outbox.len() == state.outbox.len() {
        return Step::unchanged(state);
    }
    if let Receipt::Written { generation } = receipt {
        for recent in &mut next.recent {
            let older = recent.document.as_ref().and_then(|document| document.generation) != Some(generation);
            if older && recent.replaced_at.is_none() {
                recent.replaced_at = Some(now);
            }
        }
        // The hold begins when the state is written.
        if let Some(Rollout {
            phase: Phase::Progressing { since, .. } | Phase::Baking { since },
            next_look,
            plan,
            ..
        }) = &mut next.rollout
        {
            *since = now;
            *next_look = Some(now.after(plan.timing.settle));
        }
    }
    TransitionBuilder::new(&next, now).finish()
}
