//! What JavaScript threw.

use wasm_bindgen::prelude::*;

use crate::runtime::to_text;

/// What an exception says.
pub(crate) fn text(error: &JsValue) -> String {
    to_text(error).unwrap_or_else(|_| "an exception without a text".to_owned())
}
