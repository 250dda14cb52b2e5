//! What JavaScript threw, as text for people.

use wasm_bindgen::prelude::*;
use worker::KvError;

#[wasm_bindgen]
extern "C" {
    /// JavaScript's own conversion, which an object may refuse by throwing. `worker::Error` would show all of an object's fields.
    #[wasm_bindgen(catch, js_name = String)]
    fn to_text(value: &JsValue) -> Result<String, JsValue>;
}

/// The text of an exception, such as `TypeError: fetch failed`.
pub(crate) fn text(error: &JsValue) -> String {
    to_text(error).unwrap_or_else(|_| "an exception without a text".to_owned())
}

/// The text of an exception of KV.
pub(crate) fn kv_text(error: KvError) -> String {
    match error {
        KvError::JavaScript(error) => text(&error),
        other => other.to_string(),
    }
}
