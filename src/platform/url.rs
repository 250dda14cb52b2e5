//! URLs, taken apart by the runtime.

use js_sys::JsString;
use wasm_bindgen::prelude::*;
use web_sys::Request;

#[wasm_bindgen]
extern "C" {
    /// Own bindings, because those of `web_sys` copy the whole URL into Wasm and back.
    #[wasm_bindgen(extends = Request)]
    type RequestWithUrl;

    #[wasm_bindgen(method, getter)]
    fn url(this: &RequestWithUrl) -> JsString;

    /// A parsed URL, in the form that the URL standard gives it.
    #[wasm_bindgen(js_name = URL)]
    pub(crate) type Url;

    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    fn new(url: &JsString) -> Result<Url, JsValue>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn hostname(this: &Url) -> String;

    /// Scheme, host and port.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn origin(this: &Url) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn pathname(this: &Url) -> String;

    #[wasm_bindgen(method, getter)]
    fn search(this: &Url) -> String;
}

impl Url {
    /// The query without its question mark; empty where there is none.
    pub(crate) fn query(&self) -> String {
        self.search().strip_prefix('?').unwrap_or_default().to_owned()
    }
}

/// A request's URL as the client wrote it.
pub(crate) fn text_of(request: &Request) -> JsString {
    request.unchecked_ref::<RequestWithUrl>().url()
}

/// The URL of a request. `None` for what is no URL, which the runtime itself would refuse.
pub(crate) fn of(request: &Request) -> Option<Url> {
    Url::new(&text_of(request)).ok()
}

/// A text as a URL, if it is one.
pub(crate) fn parse(text: &str) -> Option<Url> {
    Url::new(&text.into()).ok()
}
