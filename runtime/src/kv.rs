//! The policy as it is in KV.

use js_sys::{Array, Object, Reflect};
use serin_logic::policy::Switch;
use serin_logic::policy::snapshot::Documents;
use wasm_bindgen::prelude::*;

use crate::bindings::Bindings;
use crate::exception;

/// The shortest that KV accepts; the longest that a location may answer with an old value.
pub const CACHE_SECONDS: u32 = 30;

/// The keys of the policy's documents: the state's, and the switches' in the order of `Switch::ALL`.
pub fn keys(state_key: &str) -> [&str; 4] {
    let [first, second, third] = Switch::ALL.map(Switch::key);
    [state_key, first, second, third]
}

/// Reads every document in one KV operation.
///
/// # Errors
/// What went wrong, for people.
pub async fn read_policy(bindings: &Bindings) -> Result<Documents, String> {
    let kv = bindings.kv.as_ref().map_err(Clone::clone)?;
    let state_key = &bindings.settings.state_key;
    let keys: Array = keys(state_key).into_iter().map(JsValue::from_str).collect();
    let options = Object::new();
    // Setting a field of a fresh object cannot fail.
    let _ = Reflect::set(&options, &"cacheTtl".into(), &CACHE_SECONDS.into());
    let values = kv.get_bulk(&keys, &options).await.map_err(|error| exception::text(&error))?;
    let value = |key: &str| values.get(&key.into()).as_string();
    Ok(Documents { canary_state: value(state_key), switches: Switch::ALL.map(|switch| value(switch.key())) })
}

/// Writes a value, or removes the key.
///
/// # Errors
/// What went wrong, for people.
pub async fn write(bindings: &Bindings, key: &str, value: Option<&str>) -> Result<(), String> {
    let kv = bindings.kv.as_ref().map_err(Clone::clone)?;
    let done = match value {
        Some(value) => kv.put(key, value).await,
        None => kv.delete(key).await,
    };
    done.map(|_| ()).map_err(|error| exception::text(&error))
}
