//! What the control API shows, made of KV and, where there is one, the controller.

use core::time::Duration;

use serde_json::{Value, json};
use serin_logic::api::{Call, Status, explain, metrics, rollout_view};
use serin_logic::controller::Controller;
use serin_logic::policy::{Overlay, Snapshot};
use serin_logic::problem::Problem;
use web_sys::Response;

use crate::config::Config;
use crate::platform::{clock, response};
use crate::policy_store::PolicyStore;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LIMIT: Duration = Duration::from_secs(2);

/// Reads the policy as KV has it now, or why it cannot be read.
pub(crate) async fn policy(store: &PolicyStore) -> Snapshot {
    match store.read(LIMIT).await {
        Ok(values) => Snapshot::default().read(store.state_key(), values, clock::now()).0,
        Err(error) => Snapshot::default().unread(error).0,
    }
}

/// Answers with `canary-state` as KV has it: `null` where there is none, a text where it is no JSON.
pub(crate) async fn state(store: &PolicyStore) -> Response {
    match store.read(LIMIT).await {
        Ok(values) => {
            let state = values.canary_state.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
            response::json(&json!({"state": state}))
        }
        Err(error) => response::problem(&Problem::unreachable("KV", &error)),
    }
}

/// Answers a call that changes nothing, except for the audit log, which only the controller has.
pub(crate) fn respond(call: &Call, policy: &Snapshot, controller: Option<&Controller>, config: &Config) -> Response {
    let now = clock::now();
    let overlay = controller.map_or_else(Overlay::default, |controller| controller.overlay(now));
    let (snapshot, _) = policy.heard(&config.state_key, overlay, now);
    let status = Status { version: VERSION, snapshot: &snapshot, controller };
    match call {
        Call::Status => response::json(&status.view(now)),
        Call::Explain(query) => response::json(&explain(query, &snapshot, &config.routing, now)),
        Call::Metrics => response::text(200, "text/plain; version=0.0.4; charset=utf-8", &metrics(&status, now)),
        Call::Current => match controller.map(|controller| rollout_view(controller, now)) {
            Some(Some(rollout)) => response::json(&rollout),
            Some(None) => response::problem(&Problem::not_found()),
            None => response::problem(&Problem::unbound()),
        },
        _ => response::problem(&Problem::unbound()),
    }
}
