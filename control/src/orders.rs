//! What the controller does for the control API.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::api::{By, Call, change_row, rollout_view};
use serin_logic::controller::Controller;
use serin_logic::policy::{CanaryState, Switch};
use serin_logic::problem::Problem;
use serin_logic::rollout::{Command, Document, Order, Plan, Start};
use serin_logic::{Timestamp, object};
use serin_runtime::javascript::ObjectState;
use serin_runtime::{clock, kv, respond};
use wasm_bindgen::prelude::*;

use crate::settings::Settings;
use crate::storage::{Fault, Store};
use crate::{call, errands, readings, turn, zone};

const DEADLINE: Duration = Duration::from_secs(4);

/// Carries out a call and answers it.
pub(crate) async fn carry_out(object: &ObjectState, settings: &Rc<Settings>, call: Call) -> Result<JsValue, Fault> {
    match call {
        Call::Audit { before, limit } => {
            let (rows, next) = Store::open(object)?.rows(before, limit)?;
            Ok(readings::json(&object!({"rows": rows, "next": next})))
        }
        Call::Start { id, plan, by } => start(object, settings, id, *plan, by).await,
        Call::Order { command, by } => order(object, settings, command, by),
        Call::State => Ok(readings::state(&settings.bindings).await),
        Call::PutState { document, by } => put_state(object, settings, &document, &by).await,
        Call::PutSwitch { switch, value, by } => put_switch(object, settings, switch, value, &by).await,
        reading @ (Call::Status | Call::Current | Call::Explain(_) | Call::Metrics) => {
            let policy = readings::policy(&settings.bindings).await;
            Ok(readings::answer(&reading, &policy, Some(&turn::load(object)?), &settings.bindings))
        }
    }
}

/// A rollout begins with the document there is: one that cannot be read is no reason to start.
async fn start(
    object: &ObjectState,
    settings: &Rc<Settings>,
    id: Option<String>,
    plan: Plan,
    by: By,
) -> Result<JsValue, Fault> {
    let key = &settings.bindings.settings.state_key;
    let text = call::within(DEADLINE, kv::read_policy(&settings.bindings)).await.map_err(Fault)?.canary_state;
    let found = match text.map(|text| CanaryState::parse(key, &text)).transpose() {
        Ok(state) => state.as_ref().map(Document::from),
        Err(error) => return Ok(respond::problem(&Problem::conflict(format!("{error}; mend it in KV first")))),
    };
    let now = clock::now();
    if let Some(Err(error)) = plan.freeze().map(|freeze| freeze.check_zone(zone::utc_offset, now.into())) {
        return Ok(respond::problem(&Problem::invalid("freeze.timeZone", &error.detail())));
    }
    let id = id.unwrap_or_else(|| new_id(now));
    order(object, settings, Command::Start(Box::new(Start { id, plan, found })), by)
}

fn order(object: &ObjectState, settings: &Rc<Settings>, command: Command, by: By) -> Result<JsValue, Fault> {
    let By { who, why, epoch } = by;
    let order = Order { command, who, why, epoch };
    let (answer, errands) = turn::take(object, settings, |controller, _, now| {
        Ok(controller.order(&order, now).map(|(already, _)| {
            let epoch = controller.state.epoch();
            object!({"already": already, "epoch": epoch, "rollout": rollout_view(controller, now)})
        }))
    })?;
    errands::run(object, settings, errands);
    Ok(match answer {
        Ok(view) => readings::json(&view),
        Err(refused) => respond::problem(&Problem::conflict(refused.to_string())),
    })
}

async fn put_state(object: &ObjectState, settings: &Rc<Settings>, document: &str, by: &By) -> Result<JsValue, Fault> {
    let key = settings.bindings.settings.state_key.as_str();
    let before = call::within(DEADLINE, kv::read_policy(&settings.bindings)).await.map_err(Fault)?.canary_state;
    if before.as_deref() == Some(document) {
        return Ok(readings::json(&object!({"already": true})));
    }
    call::within(DEADLINE, kv::write(&settings.bindings, key, Some(document))).await.map_err(Fault)?;
    let state = CanaryState::parse(key, document).map_err(|error| Fault(error.to_string()))?;
    change(object, settings, |controller, store, now| {
        let _ = controller.replaced(Document::from(&state), now);
        store.append(None, &change_row(key, by, before.as_deref(), Some(document), now))
    })
}

/// Busy isolates hear of a switch from here within seconds, all others from KV within a minute.
async fn put_switch(
    object: &ObjectState,
    settings: &Rc<Settings>,
    switch: Switch,
    value: Option<String>,
    by: &By,
) -> Result<JsValue, Fault> {
    let documents = call::within(DEADLINE, kv::read_policy(&settings.bindings)).await.map_err(Fault)?;
    let before = documents.value(switch);
    if before == value.as_deref() {
        return Ok(readings::json(&object!({"already": true})));
    }
    let answer = change(object, settings, |controller, store, now| {
        controller.switches.set(switch, value.clone(), now);
        store.append(None, &change_row(switch.key(), by, before, value.as_deref(), now))
    })?;
    call::within(DEADLINE, kv::write(&settings.bindings, switch.key(), value.as_deref())).await.map_err(Fault)?;
    Ok(answer)
}

fn change(
    object: &ObjectState,
    settings: &Rc<Settings>,
    act: impl FnOnce(&mut Controller, &Store, Timestamp) -> Result<(), Fault>,
) -> Result<JsValue, Fault> {
    let ((), errands) = turn::take(object, settings, act)?;
    errands::run(object, settings, errands);
    Ok(readings::json(&object!({"already": false})))
}

/// A name for a rollout that got none: the moment it began.
fn new_id(now: Timestamp) -> String {
    now.to_rfc3339().chars().filter(char::is_ascii_alphanumeric).collect()
}
