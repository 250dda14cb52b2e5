//! Bodies that are read as they stream, up to a limit.

use core::time::Duration;

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStream, ReadableStreamDefaultReader};

use super::{exception, timeout};

/// Why a body was not read.
pub(crate) enum ReadError {
    /// It is longer than the limit. The rest is not taken in.
    TooLong,
    /// It broke off, for this cause.
    Broken(String),
}

/// Reads a body of up to `most` bytes as text; bytes that are no UTF-8 become U+FFFD. No more than one chunk beyond the limit is ever held.
pub(crate) async fn read(body: Option<ReadableStream>, most: usize) -> Result<String, ReadError> {
    let Some(body) = body else { return Ok(String::new()) };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut bytes = Vec::new();
    while let Some(chunk) = next(&reader).await.map_err(|error| ReadError::Broken(exception::text(&error)))? {
        if chunk.length() as usize > most - bytes.len() {
            // The runtime then stops to take in the upload; how that ends is of no interest.
            let _ = JsFuture::from(reader.cancel()).await;
            return Err(ReadError::TooLong);
        }
        bytes.extend(chunk.to_vec());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a body breaks off within its first `most` bytes and `limit`. Nothing of it is kept, and the rest is not read.
pub(crate) async fn breaks_off(body: &ReadableStream, most: usize, limit: Duration) -> bool {
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let broken = timeout::within(limit, async {
        let mut left = most;
        loop {
            match next(&reader).await {
                Ok(Some(chunk)) if (chunk.length() as usize) < left => left -= chunk.length() as usize,
                Ok(Some(_) | None) => return false,
                Err(_) => return true,
            }
        }
    });
    let is_broken = broken.await.unwrap_or(false);
    // Of no interest where the body has ended; otherwise the runtime stops to keep chunks for this reader.
    let _ = JsFuture::from(reader.cancel()).await;
    is_broken
}

async fn next(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, JsValue> {
    let result = JsFuture::from(reader.read()).await?;
    if Reflect::get(&result, &"done".into())?.is_truthy() {
        return Ok(None);
    }
    Reflect::get(&result, &"value".into())?.dyn_into().map(Some)
}
