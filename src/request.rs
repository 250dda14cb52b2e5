//! What a decision may ask of a request, fetched from the runtime when it is first asked for.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use js_sys::{Array, RegExp};
use serin_logic::console;
use serin_logic::headers;
use serin_logic::matcher::pattern::normal_path;
use serin_logic::request_attributes::RequestAttributes;
use serin_logic::routing::{cookies, override_token};
use serin_logic::visitor::VisitorId;
use serin_logic::visitors::Network;
use wasm_bindgen::prelude::*;
use web_sys::{Headers, Request};
use worker::worker_sys::IncomingRequestCfProperties;
use worker::worker_sys::ext::RequestExt as _;

use crate::platform::random;
use crate::platform::url::{self, Url};

/// Names of headers that requests and responses are asked for again and again.
const NAMES: [&str; 7] =
    ["cookie", "accept", "cf-connecting-ip", "sec-fetch-dest", "sec-fetch-mode", "set-cookie", "upgrade"];

#[wasm_bindgen(module = "/src/shim.js")]
extern "C" {
    /// Whether one of the headers is there. One call for all names, because a call into JavaScript costs more than a look-up.
    #[wasm_bindgen(js_name = hasAny)]
    fn has_any(headers: &Headers, names: &Array) -> bool;
}

thread_local! {
    /// The names of reserved headers, as JavaScript has them.
    static RESERVED: Array = headers::RESERVED.into_iter().map(JsValue::from_str).collect();

    /// Matches most URLs, so that they are not parsed, which costs more than a decision. It matches none whose
    /// host has a character that may make it invalid, and none whose path may be Serin's own: with a word of such a path, or a character
    /// that parsing removes from within a word.
    static ORDINARY_URL: RegExp =
        RegExp::new(r"^https?://[\w.-]*[a-z](?::\d{1,4})?/(?![^]*(?:health|__serin|[\t\n\r]))", "");
}

/// Interns the names that are asked for again and again, because decoding a name for JavaScript costs more than looking it up there.
pub(crate) fn intern_header_names() {
    for name in NAMES {
        wasm_bindgen::intern(name);
    }
}

/// The client's network, salted for a rollout.
pub(crate) fn client_network(request: &Request, salt: &str) -> Network {
    let address = request.headers().get("cf-connecting-ip").ok().flatten();
    address.map_or(Network::UNKNOWN, |address| Network::of(salt, &address))
}

/// One request's attributes.
pub(crate) struct IncomingRequest<'a> {
    request: &'a Request,
    headers: Headers,
    /// Whether the client sent a header that no variant may see.
    has_reserved_header: bool,
    url: OnceCell<Option<Url>>,
    path: OnceCell<String>,
    /// The path in the form in which rules compare it, where that is another one.
    normal_path: OnceCell<String>,
    host: OnceCell<String>,
    cookies: OnceCell<String>,
    fetched: RefCell<HashMap<String, Option<Rc<str>>>>,
    cf: OnceCell<Option<IncomingRequestCfProperties>>,
}

// === impl IncomingRequest ===

impl<'a> IncomingRequest<'a> {
    pub(crate) fn new(request: &'a Request) -> Self {
        let headers = request.headers();
        Self {
            request,
            has_reserved_header: RESERVED.with(|names| has_any(&headers, names)),
            headers,
            url: OnceCell::new(),
            path: OnceCell::new(),
            normal_path: OnceCell::new(),
            host: OnceCell::new(),
            cookies: OnceCell::new(),
            fetched: RefCell::default(),
            cf: OnceCell::new(),
        }
    }

    /// Whether the URL's text shows, without parsing it, that its host is a name and its path not one of Serin's own.
    pub(crate) fn is_ordinary(&self) -> bool {
        ORDINARY_URL.with(|pattern| url::text_of(self.request).search(pattern) == 0)
    }

    /// Whether the URL is valid. It is not where the `Host` header is no host name.
    pub(crate) fn has_url(&self) -> bool {
        self.url().is_some()
    }

    /// The path as the URL has it.
    pub(crate) fn pathname(&self) -> &str {
        self.path.get_or_init(|| self.url().map(Url::pathname).unwrap_or_default())
    }

    /// The query without its question mark.
    pub(crate) fn query(&self) -> String {
        self.url().map(Url::query).unwrap_or_default()
    }

    /// Whether the client sent a header that no variant may see.
    pub(crate) fn has_reserved_header(&self) -> bool {
        self.has_reserved_header
    }

    /// The `Cookie` header; empty where there is none.
    pub(crate) fn cookies(&self) -> &str {
        self.cookies.get_or_init(|| self.headers.get("cookie").ok().flatten().unwrap_or_default())
    }

    /// Whether the request may carry a session of the console, at any place.
    pub(crate) fn has_session(&self) -> bool {
        self.cookies().contains(console::COOKIE)
    }

    /// Whether the request may carry QA's override as a cookie, at any place.
    pub(crate) fn has_override_cookie(&self) -> bool {
        self.cookies().contains(override_token::COOKIE)
    }

    fn url(&self) -> Option<&Url> {
        self.url.get_or_init(|| url::of(self.request)).as_ref()
    }

    fn cf(&self) -> Option<&IncomingRequestCfProperties> {
        self.cf.get_or_init(|| self.request.cf()).as_ref()
    }
}

impl RequestAttributes for IncomingRequest<'_> {
    fn method(&self) -> Rc<str> {
        self.request.method().into()
    }

    fn host(&self) -> &str {
        self.host.get_or_init(|| self.url().map(Url::hostname).unwrap_or_default())
    }

    fn path(&self) -> &str {
        let path = self.pathname();
        if path.contains('%') { self.normal_path.get_or_init(|| normal_path(path).into_owned()) } else { path }
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        cookies::find(self.cookies(), name)
    }

    fn header(&self, name: &str) -> Option<Rc<str>> {
        // QA's override is asked for on each request, and is a reserved header itself.
        if name == override_token::HEADER && !self.has_reserved_header {
            return None;
        }
        // Rules ask for the same few headers again and again.
        let known = self.fetched.borrow().get(name).cloned();
        known.unwrap_or_else(|| {
            let value: Option<Rc<str>> = self.headers.get(name).ok().flatten().map(Rc::from);
            self.fetched.borrow_mut().insert(name.to_owned(), value.clone());
            value
        })
    }

    // `worker`'s own getters throw where a property is missing or of another type, as local runtimes have it.
    fn country(&self) -> Option<Rc<str>> {
        self.cf()?.country().ok().flatten().map(Rc::from)
    }

    fn continent(&self) -> Option<Rc<str>> {
        self.cf()?.continent().ok().flatten().map(Rc::from)
    }

    fn colo(&self) -> Option<Rc<str>> {
        self.cf()?.colo().ok().map(Rc::from)
    }

    fn asn(&self) -> Option<u64> {
        self.cf()?.asn().ok().flatten().map(u64::from)
    }

    fn draw_visitor(&self) -> Option<VisitorId> {
        random::bits().map(VisitorId::from_random)
    }
}
