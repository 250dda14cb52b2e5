//! Effects outside the object that a transaction left: `canary-state` and switches to KV, messages to the webhook, requests to a check. A
//! failed effect is retried after a pause. Each is claimed for a time that is longer than its deadlines here.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::controller::{Controller, QueuedMessage, SwitchWrite};
use serin_logic::rollout::WriteState;
use wasm_bindgen_futures::spawn_local;
use worker::{Fetch, Headers, Method, Request, RequestInit};

use super::check;
use super::transaction::{self, Claimed, ControllerContext};
use crate::platform::{log, timeout};

const READ_LIMIT: Duration = Duration::from_secs(2);
const WRITE_LIMIT: Duration = Duration::from_secs(2);
const WEBHOOK_LIMIT: Duration = Duration::from_secs(4);

/// Performs the claimed deliveries and records their results. No delivery waits for another.
pub(crate) fn deliver(context: &Rc<ControllerContext>, claimed: Claimed) {
    let Claimed { write, message, switch, question } = claimed;
    if let Some(write) = write {
        spawn_local(write_state(context.clone(), write));
    }
    if let Some(message) = message {
        spawn_local(notify(context.clone(), message));
    }
    if let Some(question) = question {
        spawn_local(check::ask(context.clone(), question));
    }
    if let Some(switch) = switch {
        let context = context.clone();
        spawn_local(async move {
            let _ = write_switch(&context, &switch).await;
        });
    }
}

async fn write_state(context: Rc<ControllerContext>, write: WriteState) {
    let is_taken = logged("KV", put(&context, &write).await);
    record(&context, |controller, now| controller.written(write.generation, is_taken, now));
}

/// Writes a switch to KV and records the result.
pub(crate) async fn write_switch(context: &Rc<ControllerContext>, write: &SwitchWrite) -> Result<(), String> {
    let written = context.policy.write(write.switch.key(), write.value.as_deref(), WRITE_LIMIT).await;
    let is_taken = logged("KV", written.clone());
    record(context, |controller, now| controller.switch_written(write, is_taken, now));
    written
}

async fn put(context: &ControllerContext, write: &WriteState) -> Result<(), String> {
    let policy = &context.policy;
    let found = policy.read(READ_LIMIT).await?.canary_state;
    let document = write.document(policy.state_key(), found.as_deref()).map_err(|error| error.to_string())?;
    policy.write(policy.state_key(), Some(&document), WRITE_LIMIT).await
}

async fn notify(context: Rc<ControllerContext>, message: QueuedMessage) {
    let Some(url) = &context.config.webhook_url else { return };
    let is_taken = logged("the webhook", timeout::attempt(WEBHOOK_LIMIT, post(url, &message.body)).await);
    record(&context, |controller, now| controller.notified(message.seq, is_taken, now));
}

/// Posts JSON to a URL outside. A status of 2xx is success.
async fn post(url: &str, body: &str) -> Result<(), String> {
    let send = async {
        let headers = Headers::new();
        headers.set("Content-Type", "application/json")?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_headers(headers).with_body(Some(body.into()));
        Fetch::Request(Request::new_with_init(url, &init)?).send().await
    };
    match send.await.map_err(|error: worker::Error| error.to_string())?.status_code() {
        200..=299 => Ok(()),
        status => Err(format!("answered {status}")),
    }
}

/// Records what became of a delivery.
pub(super) fn record(context: &Rc<ControllerContext>, outcome: impl FnOnce(&mut Controller, Timestamp)) {
    let recorded = transaction::run(context, |controller, _, now| {
        outcome(controller, now);
        Ok(())
    });
    match recorded {
        Ok(((), claimed)) => deliver(context, claimed),
        // The claim expires, and the alarm tries again.
        Err(error) => log::control_trouble("the controller", error.to_string()),
    }
}

fn logged(part: &'static str, outcome: Result<(), String>) -> bool {
    outcome.inspect_err(|error| log::control_trouble(part, error.clone())).is_ok()
}
