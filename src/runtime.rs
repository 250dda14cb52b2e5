//! The Workers runtime, as far as it is used: what JavaScript offers, under its own names.
//! <https://developers.cloudflare.com/workers/runtime-apis/>

use js_sys::{Array, Map, Object, Promise};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The Worker's environment.
    pub type Env;

    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(crate) fn get(this: &Env, name: &str) -> JsValue;

    /// A request's execution context.
    #[derive(Clone)]
    pub type Context;

    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    pub(crate) fn wait_until(this: &Context, work: &Promise) -> Result<(), JsValue>;

    /// A service binding. dispatch.js sends requests through it.
    #[derive(Clone)]
    pub(crate) type Fetcher;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    pub(crate) async fn fetch_url(this: &Fetcher, url: &str) -> Result<JsValue, JsValue>;

    /// A KV binding.
    pub(crate) type KvNamespace;

    /// Reads up to 100 keys in one operation: a map from each key to its value, `null` where there is none.
    #[wasm_bindgen(method, catch, js_name = get)]
    pub(crate) async fn get_bulk(this: &KvNamespace, keys: &Array, options: &Object) -> Result<Map, JsValue>;

    /// The platform's metadata of a deployed version.
    pub(crate) type VersionMetadata;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn id(this: &VersionMetadata) -> JsValue;

    /// The incoming request's own fields, beyond the standard's.
    #[wasm_bindgen(js_name = Request)]
    pub(crate) type IncomingRequest;

    /// A stream; `null` where the request has no body.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn body(this: &IncomingRequest) -> Option<Object>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn cf(this: &IncomingRequest) -> Option<Cf>;

    /// What Cloudflare knows of a visitor.
    pub(crate) type Cf;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn country(this: &Cf) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn continent(this: &Cf) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn colo(this: &Cf) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn asn(this: &Cf) -> JsValue;

    /// The runtime's URL parser.
    #[wasm_bindgen(js_name = URL)]
    pub(crate) type Url;

    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    pub(crate) fn new(url: &str) -> Result<Url, JsValue>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn hostname(this: &Url) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn pathname(this: &Url) -> String;

    /// `Number(value)`: the conversion.
    #[wasm_bindgen(js_name = Number)]
    pub(crate) fn to_number(text: &str) -> f64;

    /// `String(value)`: the conversion, which an object may refuse by throwing.
    #[wasm_bindgen(catch, js_name = String)]
    pub(crate) fn to_text(value: &JsValue) -> Result<String, JsValue>;

    /// Waits; milliseconds.
    #[wasm_bindgen(js_namespace = scheduler, js_name = wait)]
    pub(crate) async fn wait(millis: f64);

    #[wasm_bindgen(js_namespace = console, js_name = log)]
    pub(crate) fn console_log(line: &str);
}
