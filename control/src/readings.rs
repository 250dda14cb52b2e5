//! What the control API tells: made of KV and, where there is one, the controller.

use core::time::Duration;

use serde_json::Value;
use serin_logic::api::{Call, Status, explain, metrics, rollout_view};
use serin_logic::controller::Controller;
use serin_logic::json::text;
use serin_logic::policy::{Overlay, Snapshot};
use serin_logic::problem::Problem;
use serin_logic::{Timestamp, object};
use serin_runtime::bindings::Bindings;
use serin_runtime::{clock, kv, respond};
use wasm_bindgen::prelude::*;

use crate::call;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const DEADLINE: Duration = Duration::from_secs(2);

/// The policy as KV has it now, or why it cannot be read.
pub(crate) async fn policy(bindings: &Bindings) -> Snapshot {
    let answer = call::within(DEADLINE, kv::read_policy(bindings)).await;
    match answer {
        Ok(documents) => Snapshot::default().read(&bindings.settings.state_key, documents, clock::now()).0,
        Err(error) => Snapshot::default().unread(error).0,
    }
}

/// Answers with `canary-state` as KV has it: `null` where there is none, a text where it is no JSON.
pub(crate) async fn state(bindings: &Bindings) -> JsValue {
    match call::within(DEADLINE, kv::read_policy(bindings)).await {
        Ok(documents) => {
            let state = documents.canary_state.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
            json(&object!({"state": state}))
        }
        Err(why) => respond::problem(&Problem::unreachable("KV", &why)),
    }
}

/// Answers a call that changes nothing, but for the audit, which is the controller's.
pub(crate) fn answer(call: &Call, policy: &Snapshot, controller: Option<&Controller>, bindings: &Bindings) -> JsValue {
    let now = clock::now();
    let overlay = controller.map_or_else(Overlay::default, |controller| controller.overlay(now));
    let (snapshot, _) = policy.heard(&bindings.settings.state_key, overlay, now);
    let status = Status { version: VERSION, snapshot: &snapshot, controller };
    match call {
        Call::Status => json(&status.view(now)),
        Call::Explain(question) => json(&explain(question, &snapshot, &bindings.settings.setup, now)),
        Call::Metrics => {
            let content_type = "text/plain; version=0.0.4; charset=utf-8";
            respond::json(200, content_type, &metrics(&status, now))
        }
        Call::Current => current(controller, now),
        _ => respond::problem(&Problem::unbound()),
    }
}

fn current(controller: Option<&Controller>, now: Timestamp) -> JsValue {
    match controller.map(|controller| rollout_view(controller, now)) {
        Some(Some(rollout)) => json(&rollout),
        Some(None) => respond::problem(&Problem::not_found()),
        None => respond::problem(&Problem::unbound()),
    }
}

/// An answer with a JSON value.
pub(crate) fn json(value: &Value) -> JsValue {
    respond::json(200, "application/json", &text(value))
}
