//! Work that continues after the response.

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use worker::Context;

/// Keeps the request's context alive until the work is done. `Context::wait_until` would panic where the request has ended, for instance
/// because its client has left; here the work then ends with it.
pub(crate) fn wait_until(context: &Context, work: impl Future<Output = ()> + 'static) {
    let work = future_to_promise(async {
        work.await;
        Ok(JsValue::UNDEFINED)
    });
    keep_alive(context, &work);
}

/// The same for a promise.
pub(crate) fn keep_alive(context: &Context, work: &Promise) {
    let _ = context.as_ref().wait_until(work);
}
