//! Responses that Serin makes itself.

use js_sys::Promise;
use serde::Serialize;
use serin_logic::problem::{self, Problem};
use wasm_bindgen::JsValue;
use web_sys::{Headers, Response, ResponseInit};

/// An error, as `application/problem+json`.
pub(crate) fn problem(problem: &Problem) -> Response {
    new(problem.status(), problem::CONTENT_TYPE, &problem.to_json(), problem.headers())
}

/// A value as JSON, with status 200.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(body) => text(200, "application/json", &body),
        Err(error) => problem(&Problem::unreachable("the answer", &error.to_string())),
    }
}

/// A text of this media type.
pub(crate) fn text(status: u16, media_type: &str, body: &str) -> Response {
    new(status, media_type, body, [])
}

/// A text with these headers. It is not cached, unless a header says so.
pub(crate) fn with_headers(
    status: u16,
    body: &str,
    headers: impl IntoIterator<Item = (&'static str, String)>,
) -> Response {
    let response = || {
        let all = Headers::new()?;
        all.set("Cache-Control", "no-store")?;
        for (name, value) in headers {
            all.set(name, &value)?;
        }
        let init = ResponseInit::new();
        init.set_status(status);
        init.set_headers(&all);
        Response::new_with_opt_str_and_init(Some(body), &init)
    };
    // The names are constants and the values ASCII: the runtime has no reason to refuse them.
    response().unwrap_or_else(|_| Response::error())
}

/// A response that is there already, as the promise that the runtime takes as well.
pub(crate) fn promise(response: Response) -> Promise {
    Promise::resolve(&JsValue::from(response))
}

/// Every response of Serin's own is for its receiver alone, and never cached.
fn new(
    status: u16,
    media_type: &str,
    body: &str,
    headers: impl IntoIterator<Item = (&'static str, String)>,
) -> Response {
    with_headers(status, body, [("Content-Type", media_type.to_owned())].into_iter().chain(headers))
}
