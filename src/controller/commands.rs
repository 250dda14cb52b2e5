//! Commands of the control API, executed by the controller.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::api::{
    Actor, ApiRequest, AuditPage, AuditRecord, ChangeAnswer, CommandAnswer, FailedWays, HALT_SWITCH, RolloutView,
    SwitchView, is_halt,
};
use serin_logic::controller::Controller;
use serin_logic::policy::{CanaryState, Switch};
use serin_logic::problem::Problem;
use serin_logic::rollout::{Command, CommandError, CommandRequest, Overlay, PublishedState, Replacement};
use serin_logic::snapshot::{KvValues, Snapshot};
use serin_logic::{Percentage, Timestamp};
use web_sys::Response;

use super::ControllerError;
use super::store::Store;
use super::transaction::{self, ControllerContext};
use super::{outbox, queries};
use crate::platform::{clock, response};
use crate::policy_store::PolicyStore;

/// The start of a rollout.
mod start;

const LIMIT: Duration = Duration::from_secs(4);
/// Timeout for reading the present value from KV. The command applies without it, too.
const FOUND_LIMIT: Duration = Duration::from_secs(1);

/// Executes a request and answers it.
pub(crate) async fn respond(context: &Rc<ControllerContext>, request: ApiRequest) -> Result<Response, ControllerError> {
    match request {
        ApiRequest::Audit { before, limit } => {
            let (rows, next) = Store::open(&context.state)?.entries(before, limit)?;
            Ok(response::json(&AuditPage { rows, next }))
        }
        ApiRequest::Series(query) => Ok(response::json(&Store::open(&context.state)?.history()?.series(&query)?)),
        ApiRequest::Rollouts { before, limit } => {
            Ok(response::json(&Store::open(&context.state)?.history()?.rollouts(before, limit)?))
        }
        ApiRequest::Rollout { id, before, limit } => {
            let detail = Store::open(&context.state)?.history()?.rollout(&id, before, limit, clock::now())?;
            Ok(detail.map_or_else(|| response::problem(&Problem::not_found()), |detail| response::json(&detail)))
        }
        ApiRequest::Locations { after, limit } => {
            Ok(response::json(&Store::open(&context.state)?.history()?.locations(&after, limit)?))
        }
        request @ ApiRequest::StartRollout { .. } => start::start(context, request).await,
        ApiRequest::Command { command: command @ Command::ResumeCanary { .. }, actor } => {
            resume_canary(context, command, actor).await
        }
        ApiRequest::Command { command, actor } => execute(context, command, actor, |_, _| None),
        ApiRequest::State => Ok(queries::state(&context.policy).await),
        ApiRequest::PutState { document, actor } => put_state(context, &document, &actor).await,
        ApiRequest::PutSwitch { switch, value, actor } => order_switch(context, switch, value, &actor).await,
        query @ (ApiRequest::Status | ApiRequest::CurrentRollout | ApiRequest::Explain(_) | ApiRequest::Metrics) => {
            let policy = queries::policy(&context.policy).await;
            Ok(queries::respond(&query, &policy, Some(&transaction::load(context)?), &context.config))
        }
    }
}

/// Lifts a halt. The document in KV is read first, because an edit by hand decides what the canary then gets. A switch by which a halt took
/// effect while there was no controller is cleared.
async fn resume_canary(
    context: &Rc<ControllerContext>,
    command: Command,
    actor: Actor,
) -> Result<Response, ControllerError> {
    let key = context.policy.state_key();
    let values = context.policy.read(LIMIT).await.map_err(ControllerError::Kv)?;
    let is_halted_in_kv = values.value(HALT_SWITCH).is_some_and(is_halt);
    let state = values.canary_state.and_then(|text| CanaryState::parse(key, &text).ok());
    let found = state.as_ref().map(PublishedState::from);
    let response = execute(context, command, actor.clone(), move |controller, now| {
        controller.read(found.clone(), now);
        Some(controller.percentage_without_halt(found.as_ref()))
    })?;
    if is_halted_in_kv && response.ok() {
        let _ = order_switch(context, HALT_SWITCH, None, &actor).await?;
    }
    Ok(response)
}

/// Executes a command. `prepare` runs in the same transaction before it, and gives the percentage that its answer names.
fn execute(
    context: &Rc<ControllerContext>,
    command: Command,
    actor: Actor,
    prepare: impl FnOnce(&mut Controller, Timestamp) -> Option<Percentage>,
) -> Result<Response, ControllerError> {
    let Actor { name: actor, claimed, reason, epoch } = actor;
    let request = CommandRequest { command, actor, claimed, reason, epoch };
    let (outcome, claimed) = transaction::run(context, |controller, _, now| {
        let percentage = prepare(controller, now);
        Ok(controller.execute(&request, now).map(|(already, _)| CommandAnswer {
            already,
            epoch: controller.state.epoch(),
            rollout: RolloutView::new(controller, now),
            percentage,
            ..CommandAnswer::default()
        }))
    })?;
    outbox::deliver(context, claimed);
    Ok(answer(outcome))
}

fn answer(outcome: Result<CommandAnswer, CommandError>) -> Response {
    match outcome {
        Ok(view) => response::json(&view),
        Err(refused) => response::problem(&match &refused {
            CommandError::Unconfirmed(resumed) => Problem::unconfirmed(resumed.percentage, refused.to_string()),
            _ => Problem::conflict(refused.to_string()),
        }),
    }
}

async fn put_state(
    context: &Rc<ControllerContext>,
    document: &str,
    actor: &Actor,
) -> Result<Response, ControllerError> {
    let key = context.policy.state_key();
    let before = context.policy.read(LIMIT).await.map_err(ControllerError::Kv)?.canary_state;
    // The document is written all the same, because what KV says may be half a minute old.
    let already = before.as_deref() == Some(document);
    context.policy.write(key, Some(document), LIMIT).await.map_err(ControllerError::Kv)?;
    let state = CanaryState::parse(key, document).map_err(|error| ControllerError::Kv(error.to_string()))?;
    let ((), claimed) = transaction::run(context, |controller, store, now| {
        let replacement =
            Replacement { document: PublishedState::from(&state), actor: actor.name.clone(), claimed: actor.claimed };
        let _ = controller.replaced(replacement, now);
        if already {
            return Ok(());
        }
        store.append(AuditRecord::of_change(key, actor, before.as_deref(), Some(document), now))
    })?;
    outbox::deliver(context, claimed);
    let answer = ChangeAnswer::of_state(Some(before.as_deref()), document);
    Ok(response::json(&ChangeAnswer { already, ..answer }))
}

/// A switch as these values of KV and the controller's orders have it.
pub(crate) fn switch_in(values: KvValues, overlay: Overlay, switch: Switch, store: &PolicyStore) -> SwitchView {
    let (key, now) = (store.state_key(), clock::now());
    let (in_kv, _) = Snapshot::default().apply_kv_values(key, values, now);
    let (snapshot, _) = in_kv.apply_overlay(key, overlay, now);
    SwitchView::new(switch, &snapshot, now)
}

/// Sets a switch. Busy isolates learn it from the controller within seconds, all others from KV within a minute. Where KV does not take
/// it, the order holds by the controller alone, and is written to KV later.
async fn order_switch(
    context: &Rc<ControllerContext>,
    switch: Switch,
    value: Option<String>,
    actor: &Actor,
) -> Result<Response, ControllerError> {
    let store = &context.policy;
    // An order off clears what KV has, and nothing that is written there later.
    let found = match value {
        Some(_) => None,
        None => Some(store.read(FOUND_LIMIT).await.ok()),
    };
    let text = found.iter().flatten().map(|values| values.value(switch).unwrap_or_default().to_owned()).next();
    let ((overlay, already, write), claimed) = transaction::run(context, |controller, store, now| {
        let overlay = controller.overlay_everywhere(now);
        let before = controller.switches.value(switch);
        let (already, write) = controller.order_switch(switch, value.clone(), text, now);
        if !already {
            let record = AuditRecord::of_change(switch.key(), actor, before.as_deref(), value.as_deref(), now);
            store.append(record)?;
        }
        Ok((overlay, already, write))
    })?;
    outbox::deliver(context, claimed);
    // An order on has taken effect. What it replaced is read before KV has the order too.
    let found = match found {
        Some(found) => found,
        None => store.read(FOUND_LIMIT).await.ok(),
    };
    let before = found.map(|values| switch_in(values, overlay, switch, store));
    let failed = FailedWays { kv: outbox::write_switch(context, &write).await.err(), controller: None };
    let answer = ChangeAnswer::of_switch(before, value.as_deref());
    Ok(response::json(&ChangeAnswer { already, failed, ..answer }))
}
