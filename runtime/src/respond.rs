//! Answers of Serin's own, and work that goes on behind them.

use core::pin::Pin;

use js_sys::Promise;
use serin_logic::problem::{self, Problem};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{Headers, Response, ResponseInit};

use crate::javascript::wait_until;

/// An answer that takes a while.
pub fn later(answer: impl Future<Output = JsValue> + 'static) -> JsValue {
    promise(Box::pin(answer)).into()
}

/// Work that goes on when the request has been answered.
pub fn behind(work: impl Future<Output = ()> + 'static) {
    let work = promise(Box::pin(async {
        work.await;
        JsValue::UNDEFINED
    }));
    // Fails only for a request that has ended; the work then ends with it, and the next request's begins anew.
    let _ = wait_until(&work);
}

/// Of a box, so that the machinery of promises is there once, and not for each kind of work.
fn promise(work: Pin<Box<dyn Future<Output = JsValue>>>) -> Promise {
    future_to_promise(async { Ok(work.await) })
}

/// An error of Serin's own.
pub fn problem(problem: &Problem) -> JsValue {
    let headers: Vec<_> = problem.headers().collect();
    answer(problem.status(), problem::CONTENT_TYPE, &problem.to_json(), headers)
}

/// A JSON document that is never cached.
pub fn json(status: u16, content_type: &str, body: &str) -> JsValue {
    answer(status, content_type, body, Vec::new())
}

fn answer(status: u16, content_type: &str, body: &str, headers: Vec<(&'static str, String)>) -> JsValue {
    let response = || {
        let all = Headers::new()?;
        all.set("Content-Type", content_type)?;
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
    response().map_or_else(JsValue::from, JsValue::from)
}
