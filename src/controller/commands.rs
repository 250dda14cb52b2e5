//! Commands of the control API, executed by the controller.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::api::{Actor, ApiRequest, AuditPage, AuditRecord, ChangeAnswer, CommandAnswer, RolloutView};
use serin_logic::controller::Controller;
use serin_logic::document::InvalidDocument;
use serin_logic::policy::{CanaryState, Switch};
use serin_logic::problem::Problem;
use serin_logic::rollout::{Command, CommandError, CommandRequest, Plan, PublishedState, Start};
use serin_logic::{Percentage, Timestamp};
use web_sys::Response;

use super::ControllerError;
use super::store::{StorageError, Store};
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
        ApiRequest::PutSwitch { switch, value, actor } => put_switch(context, switch, value, &actor).await,
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

/// Lifts a halt. The document in KV is read first, because an edit by hand decides what the canary then gets.
async fn resume_canary(
    context: &Rc<ControllerContext>,
    command: Command,
    actor: Actor,
) -> Result<Response, ControllerError> {
    let key = context.policy.state_key();
    let text = context.policy.read(LIMIT).await.map_err(ControllerError::Kv)?.canary_state;
    let found = text.and_then(|text| CanaryState::parse(key, &text).ok()).as_ref().map(PublishedState::from);
    execute(context, command, actor, move |controller, now| {
        controller.read(found.clone(), now);
        Some(controller.percentage_without_halt(found.as_ref()))
    })
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
    if before.as_deref() == Some(document) {
        return Ok(response::json(&ChangeAnswer { already: true }));
    }
    context.policy.write(key, Some(document), LIMIT).await.map_err(ControllerError::Kv)?;
    let state = CanaryState::parse(key, document).map_err(|error| ControllerError::Kv(error.to_string()))?;
    change(context, |controller, store, now| {
        let _ = controller.replaced(PublishedState::from(&state), now);
        store.append(AuditRecord::of_change(key, actor, before.as_deref(), Some(document), now))
    })
}

/// Busy isolates hear of a switch from the controller within seconds, all others from KV within a minute.
async fn put_switch(
    context: &Rc<ControllerContext>,
    switch: Switch,
    value: Option<String>,
    actor: &Actor,
) -> Result<Response, ControllerError> {
    let values = context.policy.read(LIMIT).await.map_err(ControllerError::Kv)?;
    let before = values.value(switch);
    if before == value.as_deref() {
        return Ok(response::json(&ChangeAnswer { already: true }));
    }
    let response = change(context, |controller, store, now| {
        controller.switches.set(switch, value.clone(), now);
        store.append(AuditRecord::of_change(switch.key(), actor, before, value.as_deref(), now))
    })?;
    context.policy.write(switch.key(), value.as_deref(), LIMIT).await.map_err(ControllerError::Kv)?;
    Ok(response)
}

fn change(
    context: &Rc<ControllerContext>,
    act: impl FnOnce(&mut Controller, &Store, Timestamp) -> Result<(), StorageError>,
) -> Result<Response, ControllerError> {
    let ((), claimed) = transaction::run(context, act)?;
    outbox::deliver(context, claimed);
    Ok(response::json(&ChangeAnswer { already: false }))
}

/// The id of a rollout that was started without one: the time it began.
fn new_id(now: Timestamp) -> String {
    now.to_rfc3339().chars().filter(char::is_ascii_alphanumeric).collect()
}
