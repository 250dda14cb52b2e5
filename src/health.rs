//! `/health`: the checks run side by side, each against its deadline.

use core::pin::Pin;
use core::time::Duration;

use futures_util::future::join5;
use serin_logic::Timestamp;
use serin_logic::bearer::is_authorized;
use serin_logic::health::{BuildDetail, Component, Report, STABLE, Status};
use serin_logic::problem::Problem;
use serin_logic::routing::Facts as _;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::facts::RequestFacts;
use crate::isolate::Isolate;
use crate::{observation, snapshot};
use serin_runtime::bindings::CONTROLLER;
use serin_runtime::javascript::{Fetcher, ObjectNamespace};
use serin_runtime::{clock, deadline, exception, randomness, respond};

/// Each check's deadline; the whole answers within a second.
const DEADLINE_MS: u64 = 800;
const VERSION: &str = env!("CARGO_PKG_VERSION");
const COMMIT: &str = env!("SERIN_COMMIT");

/// Answers `GET` and `HEAD /health`.
pub(crate) fn answer(isolate: &'static Isolate, facts: &RequestFacts<'_>, now: Timestamp) -> JsValue {
    if !matches!(&*facts.method(), "GET" | "HEAD") {
        return respond::problem(&Problem::method_not_allowed("GET, HEAD"));
    }
    let detailed = facts.query_value("detailed").as_deref() == Some("true") && may_see_detail(isolate, facts);
    let url = format!("https://{}/health", facts.host());
    respond::later(async move {
        let report = report(isolate, &url, now).await;
        let report = if detailed { report } else { report.without_detail() };
        respond::json(report.http_status(), "application/json", &report.to_json())
    })
}

fn may_see_detail(isolate: &Isolate, facts: &RequestFacts<'_>) -> bool {
    let bindings = &isolate.bindings;
    let is_admin = || {
        let token = bindings.admin_token.as_deref().unwrap_or_default();
        is_authorized(facts.header("authorization").as_deref(), token)
    };
    !bindings.detail_for_admin || is_admin()
}

async fn report(isolate: &'static Isolate, url: &str, now: Timestamp) -> Report {
    let bindings = &isolate.bindings;
    let (kv, stable, canary, controller, metrics) = join5(
        timed(Box::pin(snapshot::check(isolate))),
        timed(Box::pin(check_variant(Some(&bindings.stable), url))),
        timed(Box::pin(check_variant(bindings.canary.as_ref(), url))),
        timed(Box::pin(check_controller(bindings.rollout.as_ref()))),
        timed(Box::pin(observation::check(isolate))),
    )
    .await;
    // The check of KV has just read the policy: what it found is what counts.
    let snapshot = isolate.snapshot.borrow().clone().unwrap_or_default();
    // By name, as they always were.
    let components = vec![
        ("build", Component::build(BuildDetail { commit: COMMIT, deployment: bindings.deployment.clone() })),
        ("canary", canary),
        ("controller", controller),
        ("kv", kv),
        ("metrics", metrics),
        ("policy", Component::policy(&snapshot, bindings.setup.max_stale, now)),
        ("randomness", check_randomness()),
        (STABLE, stable),
        ("switches", Component::switches(&snapshot, now)),
    ];
    Report::detailed(VERSION, components)
}

fn check_randomness() -> Component {
    match randomness::bits() {
        Some(_) => Component::ok(),
        None => Component::wrong(Status::Degraded, "no random numbers: new visitors are told by their address"),
    }
}

/// Runs a check against the deadline and notes how long it took.
async fn timed(check: Pin<Box<dyn Future<Output = Component> + '_>>) -> Component {
    let begun = clock::now();
    let component = match deadline::within(Duration::from_millis(DEADLINE_MS), check).await {
        Ok(component) => component,
        Err(_) => Component::wrong(Status::Down, format!("no answer within {DEADLINE_MS} ms")),
    };
    component.took(clock::now().since(begun))
}

/// What the controller says of itself: `null`, or what is wrong.
async fn check_controller(namespace: Option<&ObjectNamespace>) -> Component {
    let Some(namespace) = namespace else { return Component::ok() };
    let call = async {
        let controller = namespace.stub(&namespace.id_from_name(CONTROLLER)?)?;
        let response: Response = controller.fetch_url("https://controller/standing").await?.unchecked_into();
        Ok((response.status(), JsFuture::from(response.json()?).await?.as_string()))
    };
    match call.await.map_err(|error: JsValue| exception::text(&error)) {
        Ok((200, None)) => Component::ok(),
        Ok((200, Some(trouble))) => Component::wrong(Status::Degraded, trouble),
        Ok((status, _)) => Component::wrong(Status::Down, format!("answered {status}")),
        Err(error) => Component::wrong(Status::Down, error),
    }
}

async fn check_variant(variant: Option<&Fetcher>, url: &str) -> Component {
    let Some(variant) = variant else { return Component::unbound() };
    match variant.fetch_url(url).await {
        Ok(response) => Component::variant(response.unchecked_into::<Response>().status()),
        // The text may hold the variant's secrets; it is in the variant's own log.
        Err(_) => Component::wrong(Status::Down, "threw an exception"),
    }
}
