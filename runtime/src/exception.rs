//! What JavaScript threw.

use wasm_bindgen::prelude::*;

use crate::javascript::to_text;

/// What an exception says.
pub fn text(error: &JsValue) -> String {
    to_text(error).unwrap_or_else(|_| "an exception without a text".to_owned())
}
