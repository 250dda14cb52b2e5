//! What JavaScript threw, as text for people.

use wasm_bindgen::JsValue;
use worker::{Error, KvError};

/// The text of an exception, such as `TypeError: fetch failed`.
pub(crate) fn text(error: JsValue) -> String {
    Error::from(error).to_string()
}

/// The text of an exception of KV.
pub(crate) fn kv_text(error: KvError) -> String {
    match error {
        KvError::JavaScript(error) => text(error),
        other => other.to_string(),
    }
}
