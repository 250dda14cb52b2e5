//! Answers of the control API, from KV and, where there is one, the controller.

use core::time::Duration;

use serin_logic::api::{ApiContext, ApiRequest, Explanation, RolloutView, StateAnswer, StatusView, metrics};
use serin_logic::controller::Controller;
use serin_logic::problem::Problem;
use serin_logic::rollout::Overlay;
use serin_logic::snapshot::Snapshot;
use web_sys::Response;

use crate::config::{Config, VERSION};
use crate::platform::{clock, response};
use crate::policy_store::PolicyStore;

const LIMIT: Duration = Duration::from_secs(2);

/// Reads the policy as KV has it now, or why it cannot be read.
pub(crate) async fn policy(store: &PolicyStore) -> Snapshot {
    match store.read(LIMIT).await {
        Ok(values) => Snapshot::default().apply_kv_values(store.state_key(), values, clock::now()).0,
        Err(error) => Snapshot::default().record_read_error(error).0,
    }
}

/// Answers with `canary-state` as KV has it: `null` where there is none, a text where it is no JSON.
pub(crate) async fn state(store: &PolicyStore) -> Response {
    match store.read(LIMIT).await {
        Ok(values) => response::json(&StateAnswer::of(values.canary_state.as_deref())),
        Err(error) => response::problem(&Problem::unreachable("KV", &error)),
    }
}

/// Answers a request that changes nothing, except for the audit log, which only the controller has.
pub(crate) fn respond(
    request: &ApiRequest,
    policy: &Snapshot,
    controller: Option<&Controller>,
    config: &Config,
) -> Response {
    let now = clock::now();
    let overlay = controller.map_or_else(Overlay::default, |controller| controller.overlay_everywhere(now));
    let (snapshot, _) = policy.apply_overlay(&config.state_key, overlay, now);
    let context = ApiContext::new(VERSION, &snapshot, controller, config.routing.max_stale, now);
    match request {
        ApiRequest::Status => response::json(&StatusView::new(&context, now)),
        ApiRequest::Explain(query) => response::json(&Explanation::new(query, &snapshot, &config.routing, now)),
        ApiRequest::Metrics => response::text(200, "text/plain; version=0.0.4; charset=utf-8", &metrics(&context, now)),
        ApiRequest::CurrentRollout => match controller.map(|controller| RolloutView::new(controller, now)) {
            Some(Some(rollout)) => response::json(&rollout),
            Some(None) => response::problem(&Problem::not_found()),
            None => response::problem(&Problem::unbound()),
        },
        _ => response::problem(&Problem::unbound()),
    }
}
