//! The Workers runtime, as far as it is used: what JavaScript offers, under its own names.
//! <https://developers.cloudflare.com/workers/runtime-apis/>
#![allow(
    missing_docs,
    reason = "the macro's own items cannot have any; the runtime's documentation says what each does"
)]

use js_sys::{Array, Map, Object, Promise};
use wasm_bindgen::prelude::*;
use web_sys::Request;

#[wasm_bindgen]
extern "C" {
    /// The Worker's environment.
    #[derive(Clone)]
    pub type Env;

    #[wasm_bindgen(method, structural, indexing_getter)]
    pub fn get(this: &Env, name: &str) -> JsValue;

    /// A service binding or a Durable Object's stub.
    #[derive(Clone)]
    pub type Fetcher;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    pub async fn fetch_url(this: &Fetcher, url: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    pub async fn fetch_with(this: &Fetcher, url: &str, init: &Object) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = fetch)]
    pub async fn fetch_request(this: &Fetcher, request: &Request) -> Result<JsValue, JsValue>;

    /// The global `fetch`, for notices to the outside.
    #[wasm_bindgen(catch, js_name = fetch)]
    pub async fn fetch_outside(url: &str, init: &Object) -> Result<JsValue, JsValue>;

    /// A KV binding.
    pub type KvNamespace;

    /// Reads up to 100 keys in one operation: a map from each key to its value, `null` where there is none.
    #[wasm_bindgen(method, catch, js_name = get)]
    pub async fn get_bulk(this: &KvNamespace, keys: &Array, options: &Object) -> Result<Map, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub async fn put(this: &KvNamespace, key: &str, value: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub async fn delete(this: &KvNamespace, key: &str) -> Result<JsValue, JsValue>;

    /// A class of Durable Objects. The handle may be kept; ids and stubs are made for each use.
    pub type ObjectNamespace;

    #[wasm_bindgen(method, catch, js_name = idFromName)]
    pub fn id_from_name(this: &ObjectNamespace, name: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = get)]
    pub fn stub(this: &ObjectNamespace, id: &JsValue) -> Result<Fetcher, JsValue>;

    /// A Durable Object's own state.
    #[derive(Clone)]
    pub type ObjectState;

    #[wasm_bindgen(method, getter)]
    pub fn storage(this: &ObjectState) -> Storage;

    #[derive(Clone)]
    pub type Storage;

    #[wasm_bindgen(method, getter)]
    pub fn sql(this: &Storage) -> Sql;

    #[wasm_bindgen(method, catch, js_name = getAlarm)]
    pub async fn get_alarm(this: &Storage) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = setAlarm)]
    pub async fn set_alarm(this: &Storage, at_ms: f64) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, js_name = deleteAlarm)]
    pub async fn delete_alarm(this: &Storage) -> Result<JsValue, JsValue>;

    /// `SQLite`. Statements run at once; what one turn writes is kept together.
    pub type Sql;

    #[wasm_bindgen(method, catch, variadic)]
    pub fn exec(this: &Sql, statement: &str, values: &Array) -> Result<Cursor, JsValue>;

    pub type Cursor;

    #[wasm_bindgen(method, catch, js_name = toArray)]
    pub fn to_array(this: &Cursor) -> Result<Array, JsValue>;

    /// The platform's metadata of a deployed version.
    pub type VersionMetadata;

    #[wasm_bindgen(method, getter)]
    pub fn id(this: &VersionMetadata) -> JsValue;

    /// The incoming request's own fields, beyond the standard's.
    #[wasm_bindgen(js_name = Request)]
    pub type IncomingRequest;

    /// A stream; `null` where the request has no body.
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &IncomingRequest) -> Option<Object>;

    #[wasm_bindgen(method, getter)]
    pub fn cf(this: &IncomingRequest) -> Option<Cf>;

    /// What Cloudflare knows of a visitor.
    pub type Cf;

    #[wasm_bindgen(method, getter)]
    pub fn country(this: &Cf) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub fn continent(this: &Cf) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub fn colo(this: &Cf) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub fn asn(this: &Cf) -> JsValue;

    /// The runtime's URL parser.
    #[wasm_bindgen(js_name = URL)]
    pub type Url;

    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    pub fn new(url: &str) -> Result<Url, JsValue>;

    #[wasm_bindgen(method, getter)]
    pub fn hostname(this: &Url) -> String;

    #[wasm_bindgen(method, getter)]
    pub fn pathname(this: &Url) -> String;

    #[wasm_bindgen(method, getter)]
    pub fn search(this: &Url) -> String;

    /// `Number(value)`: the conversion.
    #[wasm_bindgen(js_name = Number)]
    pub fn to_number(text: &str) -> f64;

    /// `String(value)`: the conversion, which an object may refuse by throwing.
    #[wasm_bindgen(catch, js_name = String)]
    pub fn to_text(value: &JsValue) -> Result<String, JsValue>;

    /// Waits; milliseconds.
    #[wasm_bindgen(js_namespace = scheduler, js_name = wait)]
    pub async fn wait(millis: f64);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub fn console_error(line: &str);

    #[wasm_bindgen(js_namespace = console, js_name = log)]
    pub fn console_log(line: &str);
}

#[wasm_bindgen(module = "cloudflare:workers")]
extern "C" {
    /// Keeps the request that is being served alive until the work is done.
    #[wasm_bindgen(catch, js_name = waitUntil)]
    pub fn wait_until(work: &Promise) -> Result<(), JsValue>;
}
