//! What a turn left to be done outside: `canary-state` to KV, notices to the webhook. What fails is tried again after a pause.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::controller::Controller;
use serin_logic::rollout::{Notice, WriteState};
use serin_runtime::javascript::ObjectState;
use serin_runtime::{kv, log};
use wasm_bindgen_futures::spawn_local;

use crate::call;
use crate::settings::Settings;
use crate::storage::Fault;
use crate::turn::{self, Errands};

/// Less than a claim lasts, together.
const READ_DEADLINE: Duration = Duration::from_secs(2);
const WRITE_DEADLINE: Duration = Duration::from_secs(2);
const WEBHOOK_DEADLINE: Duration = Duration::from_secs(4);

/// Runs errands, and those that follow from them. Neither waits for the other.
pub(crate) fn run(object: &ObjectState, settings: &Rc<Settings>, errands: Errands) {
    let Errands { write, notice } = errands;
    if let Some(write) = write {
        spawn_local(write_state(object.clone(), settings.clone(), write));
    }
    if let Some(notice) = notice {
        spawn_local(notify(object.clone(), settings.clone(), notice));
    }
}

async fn write_state(object: ObjectState, settings: Rc<Settings>, write: WriteState) {
    let is_taken = noted("KV", put(&settings, &write).await);
    after(&object, &settings, |controller, now| controller.written(write.generation, is_taken, now));
}

async fn notify(object: ObjectState, settings: Rc<Settings>, notice: Notice) {
    let Some(url) = &settings.webhook_url else { return };
    let sent = call::post_outside(url, &settings.webhook_format.body(&notice), WEBHOOK_DEADLINE).await;
    let is_taken = noted("the webhook", sent);
    after(&object, &settings, |controller, now| controller.notified(notice.seq, is_taken, now));
}

fn after(object: &ObjectState, settings: &Rc<Settings>, tell: impl FnOnce(&mut Controller, Timestamp)) {
    let turn = turn::take(object, settings, |controller, _, now| {
        tell(controller, now);
        Ok(())
    });
    match turn {
        Ok(((), errands)) => run(object, settings, errands),
        // The claim runs out, and the alarm sees to it.
        Err(Fault(why)) => log::trouble("the controller", why),
    }
}

async fn put(settings: &Settings, write: &WriteState) -> Result<(), String> {
    let bindings = &settings.bindings;
    let found = call::within(READ_DEADLINE, kv::read_policy(bindings)).await?.canary_state;
    let document = write.document(&bindings.settings.state_key, found.as_deref()).map_err(|error| error.to_string())?;
    call::within(WRITE_DEADLINE, kv::write(bindings, &bindings.settings.state_key, Some(&document))).await
}

fn noted(part: &'static str, outcome: Result<(), String>) -> bool {
    let is_done = outcome.is_ok();
    if let Err(why) = outcome {
        log::trouble(part, why);
    }
    is_done
}
