//! Commands of the control API, executed by the controller.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::api::{
    Actor, ApiRequest, AuditPage, AuditRecord, ChangeAnswer, CommandAnswer, FailedWays, HALT_SWITCH, RolloutView,
    is_halt,
};
use serin_logic::controller::Controller;
use serin_logic::document::InvalidDocument;
use serin_logic::policy::{CanaryState, Switch};
use serin_logic::problem::Problem;
use serin_logic::rollout::{Command, CommandError, CommandRequest, Plan, PublishedState, Start};
use serin_logic::{Percentage, Timestamp};
use web_sys::Response;

use super::ControllerError;
use super::store::Store;
use super::transaction::{self, ControllerContext};
use super::{outbox, queries};
use crate::platform::{clock, response, time_zone};

const LIMIT: Duration = Duration::from_secs(4);

/// Executes a request and answers it.
pub(crate) async fn respond(context: &Rc<ControllerContext>, request: ApiRequest) -> Result<Response, ControllerError> {
    match request {
        ApiRequest::Audit { before, limit } => {
            let (rows, next) = Store::open(&context.state)?.entries(before, limit)?;
            Ok(response::json(&AuditPage { rows, next }))
        }
        ApiRequest::StartRollout { id, plan, reassign, actor } => start(context, id, *plan, reassign, actor).await,
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

/// A rollout starts from the document that KV holds: one that cannot be read is no reason to start.
async fn start(
    context: &Rc<ControllerContext>,
    id: Option<String>,
    plan: Plan,
    reassign: bool,
    actor: Actor,
) -> Result<Response, ControllerError> {
    let key = context.policy.state_key();
    let text = context.policy.read(LIMIT).await.map_err(ControllerError::Kv)?.canary_state;
    let found = match text.map(|text| CanaryState::parse(key, &text)).transpose() {
        Ok(state) => state.as_ref().map(PublishedState::from),
        Err(error) => return Ok(response::problem(&Problem::conflict(format!("{error}; mend it in KV first")))),
    };
    let now = clock::now();
    if let Some(Err(error)) = plan.freeze().map(|freeze| freeze.check_zone(time_zone::utc_offset, now)) {
        let error = InvalidDocument::from(error);
        return Ok(response::problem(&Problem::invalid(&error.field, &error.message)));
    }
    let id = id.unwrap_or_else(|| new_id(now));
    execute(context, Command::Start(Box::new(Start { id, plan, found, reassign })), actor, |_, _| None)
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
            failed: FailedWays::default(),
        }))
    })?;
    outbox::deliver(context, claimed);
    Ok(match outcome {
        Ok(view) => response::json(&view),
        Err(refused) => response::problem(&match &refused {
            CommandError::Unconfirmed(resumed) => Problem::unconfirmed(resumed.percentage, refused.to_string()),
            _ => Problem::conflict(refused.to_string()),
        }),
    })
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
        let _ = controller.replaced(PublishedState::from(&state), now);
        if already {
            return Ok(());
        }
        store.append(AuditRecord::of_change(key, actor, before.as_deref(), Some(document), now))
    })?;
    outbox::deliver(context, claimed);
    Ok(response::json(&ChangeAnswer { already, failed: FailedWays::default() }))
}

/// Orders a switch. Busy isolates hear of it from the controller within seconds, all others from KV within a minute. Where KV does not take
/// it, the order holds by the controller alone, and is written to KV later.
async fn order_switch(
    context: &Rc<ControllerContext>,
    switch: Switch,
    value: Option<String>,
    actor: &Actor,
) -> Result<Response, ControllerError> {
    let ((already, write), claimed) = transaction::run(context, |controller, store, now| {
        let before = controller.switches.value(switch);
        let (already, write) = controller.order_switch(switch, value.clone(), now);
        if !already {
            let record = AuditRecord::of_change(switch.key(), actor, before.as_deref(), value.as_deref(), now);
            store.append(record)?;
        }
        Ok((already, write))
    })?;
    outbox::deliver(context, claimed);
    let failed = FailedWays { kv: outbox::write_switch(context, &write).await.err(), controller: None };
    Ok(response::json(&ChangeAnswer { already, failed }))
}

/// The id of a rollout that was started without one: the time it began.
fn new_id(now: Timestamp) -> String {
    now.to_rfc3339().chars().filter(char::is_ascii_alphanumeric).collect()
}
