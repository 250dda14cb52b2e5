//! Answers of Serin's own, and work that goes on behind them.

use js_sys::Promise;
use serin_logic::problem::{self, Problem};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{Headers, Response, ResponseInit};

use crate::javascript::wait_until;

/// An answer that takes a while.
pub fn later(answer: impl Future<Output = JsValue> + 'static) -> JsValue {
    future_to_promise(async { Ok(answer.await) }).into()
}

/// Work that goes on when the request has been answered.
pub fn behind(work: impl Future<Output = ()> + 'static) {
    let work: Promise = future_to_promise(async {
        work.await;
        Ok(JsValue::UNDEFINED)
    });
    // Fails only for a request that has ended; the work then ends with it, and the next request's begins anew.
    let _ = wait_until(&work);
}

/// An error of Serin's own.
pub fn problem(problem: &Problem) -> JsValue {
    json(problem.status(), problem::CONTENT_TYPE, &problem.to_json(), problem.headers())
}

/// A JSON document that is never cached.
pub fn json<'a>(
    status: u16,
    content_type: &str,
    body: &str,
    headers: impl Iterator<Item = (&'a str, String)>,
) -> JsValue {
    let fields = [("Content-Type", content_type.to_owned()), ("Cache-Control", "no-store".to_owned())];
    let response = || {
        let all = Headers::new()?;
        for (name, value) in fields.into_iter().chain(headers) {
            all.set(name, &value)?;
        }
        let init = ResponseInit::new();
        init.set_status(status);
        init.set_headers(&all);
        Response::new_with_opt_str_and_init(Some(body), &init)
    };
    // The names are constants and the values ASCII: the runtime has no reason to refuse them.
    response().map_or_else(JsValue::from, JsValue::from)
}
