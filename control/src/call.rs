//! Calls to other parts of the Worker and to the outside, each with a deadline.

use core::time::Duration;

use js_sys::{Object, Reflect};
use serin_runtime::bindings::CONTROLLER;
use serin_runtime::deadline::{self, Unfinished};
use serin_runtime::exception;
use serin_runtime::javascript::{Fetcher, ObjectNamespace, fetch_outside};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

/// The controller's stub. It is of one request and must not be kept.
pub(crate) fn controller(namespace: &ObjectNamespace) -> Result<Fetcher, String> {
    let id = namespace.id_from_name(CONTROLLER).map_err(|error| exception::text(&error))?;
    namespace.stub(&id).map_err(|error| exception::text(&error))
}

/// Sends a JSON text to a Durable Object and gives the answer's text.
pub(crate) async fn post(stub: &Fetcher, url: &str, body: &str, limit: Duration) -> Result<String, String> {
    let call = async {
        let response = stub.fetch_with(url, &json_request(body)).await.map_err(|error| exception::text(&error))?;
        read(response.unchecked_into()).await
    };
    within(limit, call).await
}

/// Hands a request on.
pub(crate) async fn forward(stub: &Fetcher, request: &Request, limit: Duration) -> Result<JsValue, String> {
    within(limit, async { stub.fetch_request(request).await.map_err(|error| exception::text(&error)) }).await
}

/// Posts a JSON text to a URL outside; a status of 2xx is success.
pub(crate) async fn post_outside(url: &str, body: &str, limit: Duration) -> Result<(), String> {
    let call = async {
        let response: Response =
            fetch_outside(url, &json_request(body)).await.map_err(|error| exception::text(&error))?.unchecked_into();
        if response.ok() { Ok(()) } else { Err(format!("answered {}", response.status())) }
    };
    within(limit, call).await
}

/// The status that a URL behind a binding answers with.
pub(crate) async fn status_of(service: &Fetcher, url: &str, limit: Duration) -> Result<u16, String> {
    let call = async {
        let response = service.fetch_url(url).await.map_err(|error| exception::text(&error))?;
        Ok(response.unchecked_into::<Response>().status())
    };
    within(limit, call).await
}

/// The text of a request's or response's body.
pub(crate) async fn text(body: Result<js_sys::Promise, JsValue>) -> Result<String, String> {
    let text = async { JsFuture::from(body?).await };
    text.await.map_err(|error: JsValue| exception::text(&error)).map(|text| text.as_string().unwrap_or_default())
}

async fn read(response: Response) -> Result<String, String> {
    let (is_ok, status) = (response.ok(), response.status());
    let body = text(response.text()).await?;
    if is_ok { Ok(body) } else { Err(format!("answered {status}: {body}")) }
}

/// What a call gives, or that it takes too long.
pub(crate) async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let mut answer = None;
    let late = end(limit, Box::pin(async { answer = Some(call.await) })).await;
    answer.unwrap_or(Err(late))
}

/// Waits for the end, whatever comes of it, and gives what is to be said if nothing has: one wait for all kinds of answers.
async fn end(limit: Duration, call: Unfinished<'_, ()>) -> String {
    let _ = deadline::within(limit, call).await;
    format!("no answer within {} ms", u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
}

fn json_request(body: &str) -> Object {
    let (init, headers) = (Object::new(), Object::new());
    // Setting a field of a fresh object cannot fail.
    let _ = Reflect::set(&headers, &"Content-Type".into(), &"application/json".into());
    for (name, value) in [("method", "POST".into()), ("body", body.into()), ("headers", headers.into())] {
        let _ = Reflect::set(&init, &name.into(), &value);
    }
    init
}
