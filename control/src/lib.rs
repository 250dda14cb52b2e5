//! The control plane: what turns a splitter into safe delivery. A Wasm module of its own, loaded when it is first needed: the
//! request path neither pays for it nor falls with it.

use serin_logic::problem::Problem;
use serin_runtime::javascript::{Env, ObjectState};
use serin_runtime::respond;
use wasm_bindgen::prelude::*;
use web_sys::Request;

/// Answers a request to the control API.
#[wasm_bindgen]
#[must_use]
pub fn api(_request: Request, _env: &Env) -> JsValue {
    respond::problem(&Problem::not_found())
}

/// x
#[wasm_bindgen(js_name = controllerFetch)]
pub fn controller_fetch(_state: ObjectState, _env: &Env, _request: Request) -> JsValue {
    respond::problem(&Problem::not_found())
}
