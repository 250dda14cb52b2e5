//! Signatures, verified by the runtime's cryptography.

use js_sys::{Array, JSON, Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey};

/// RS256 in the words of the Web Cryptography API.
const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = crypto)]
    static CRYPTO: Crypto;
}

/// Whether `signature` is the RS256 signature of `signed` by this JSON Web Key.
///
/// # Errors
/// The exception of the runtime: the key is none.
pub(crate) async fn verify_rs256(key: &impl Serialize, signature: &[u8], signed: &[u8]) -> Result<bool, JsValue> {
    let subtle = CRYPTO.with(Crypto::subtle);
    let key = JSON::parse(&serde_json::to_string(key).unwrap_or_default())?;
    let algorithm = Object::new();
    Reflect::set(&algorithm, &"name".into(), &ALGORITHM.into())?;
    Reflect::set(&algorithm, &"hash".into(), &"SHA-256".into())?;
    let usages = Array::of1(&"verify".into());
    let key = subtle.import_key_with_object("jwk", key.unchecked_ref(), &algorithm, false, &usages)?;
    let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
    // Copies, because a view of Wasm's memory must not outlive this call.
    let (signature, signed) = (Uint8Array::from(signature), Uint8Array::from(signed));
    let verified = subtle.verify_with_str_and_buffer_source_and_buffer_source(ALGORITHM, &key, &signature, &signed)?;
    Ok(JsFuture::from(verified).await?.is_truthy())
}
