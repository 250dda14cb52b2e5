//! What JavaScript threw.

use wasm_bindgen::prelude::*;

use crate::javascript::to_text;

/// What an exception says.
pub fn text(error: &JsValue) -> String {
    to_text(error).unwrap_or_else(|_| "an exception without a text".to_owned())
}

/// Whether it is the standard's `TimeoutError`: a deadline has passed.
pub fn is_timeout(error: &JsValue) -> bool {
    js_sys::Reflect::get(error, &"name".into()).is_ok_and(|name| name == "TimeoutError")
}
