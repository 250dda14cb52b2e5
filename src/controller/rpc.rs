//! Messages between isolates, shards and the controller: JSON over a Durable Object's `fetch`, because a Rust object has no other.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serin_logic::document::parse_own;
use serin_logic::rollout::Overlay;
use serin_logic::telemetry::Batch;
use wasm_bindgen_futures::JsFuture;
use web_sys::Request;
use worker::{Method, ObjectNamespace, RequestInit, Stub};

use crate::config::Config;
use crate::platform::exception;

/// The path on which the controller takes a shard's report. Not in `/__serin`, so that no request of the control API can reach it.
pub(crate) const REPORT: &str = "/report";
/// The path on which the controller returns its own fault.
pub(crate) const TROUBLE: &str = "/trouble";

/// Sends an isolate's batch to the shard of its location. Returns the controller's answer, if the shard has it.
pub(crate) async fn send_batch(
    shards: &ObjectNamespace,
    location: &str,
    batch: &Batch,
) -> Result<Option<Overlay>, String> {
    let shard = shards.get_by_name(location).map_err(|error| error.to_string())?;
    post(&shard, &format!("https://shard/{location}"), batch).await
}

/// Sends a shard's report to the controller. Returns the controller's answer.
pub(crate) async fn send_report(config: &Config, report: &Batch) -> Result<Overlay, String> {
    post(&config.controller()?, &format!("https://controller{REPORT}"), report).await
}

/// Asks the controller what is wrong with it, if anything.
pub(crate) async fn trouble(config: &Config) -> Result<Option<String>, String> {
    let response = config.controller()?.fetch_with_str(&format!("https://controller{TROUBLE}")).await;
    read(response).await
}

/// Forwards a request to the controller, and its response.
pub(crate) async fn forward(config: &Config, request: Request) -> Result<worker::Response, String> {
    let stub = config.controller()?;
    stub.fetch_with_request(request.into()).await.map_err(|error| error.to_string())
}

async fn post<T: DeserializeOwned>(stub: &Stub, url: &str, body: &impl Serialize) -> Result<T, String> {
    let body = serde_json::to_string(body).map_err(|error| error.to_string())?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_body(Some(body.into()));
    let request = worker::Request::new_with_init(url, &init).map_err(|error| error.to_string())?;
    read(stub.fetch_with_request(request).await).await
}

async fn read<T: DeserializeOwned>(response: worker::Result<worker::Response>) -> Result<T, String> {
    let mut response = response.map_err(|error| error.to_string())?;
    let body = response.text().await.map_err(|error| error.to_string())?;
    match response.status_code() {
        200 => parse_own("answer", &body).map_err(|error| error.to_string()),
        status => Err(format!("answered {status}: {body}")),
    }
}

/// Reads the body of a message.
pub(crate) async fn body<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    let text = async { JsFuture::from(request.text()?).await };
    let text = text.await.map_err(|error| exception::text(&error))?.as_string().unwrap_or_default();
    parse_own("message", &text).map_err(|error| error.to_string())
}
