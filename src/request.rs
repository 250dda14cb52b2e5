//! What a decision may ask of a request, fetched from the runtime when it is first asked for.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use serin_logic::headers;
use serin_logic::request_attributes::RequestAttributes;
use serin_logic::routing::{cookies, override_token};
use serin_logic::visitor::VisitorId;
use web_sys::{Headers, Request, Url};
use worker::worker_sys::IncomingRequestCfProperties;
use worker::worker_sys::ext::RequestExt as _;

use crate::platform::random;

/// One request's attributes.
pub(crate) struct IncomingRequest<'a> {
    request: &'a Request,
    headers: Headers,
    /// The URL as the runtime's parser leaves it. None for what is no URL, which the runtime itself would refuse.
    url: Option<Url>,
    path: String,
    host: OnceCell<String>,
    cookies: OnceCell<String>,
    fetched: RefCell<Vec<(String, Option<Rc<str>>)>>,
    cf: OnceCell<Option<IncomingRequestCfProperties>>,
}

// === impl IncomingRequest ===

impl<'a> IncomingRequest<'a> {
    pub(crate) fn new(request: &'a Request) -> Self {
        let url = Url::new(&request.url()).ok();
        Self {
            request,
            headers: request.headers(),
            path: url.as_ref().map(Url::pathname).unwrap_or_default(),
            url,
            host: OnceCell::new(),
            cookies: OnceCell::new(),
            fetched: RefCell::default(),
            cf: OnceCell::new(),
        }
    }

    /// The value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.url.as_ref()?.search_params().get(name)
    }

    /// Whether the client sent a header that no variant may see.
    pub(crate) fn has_reserved_header(&self) -> bool {
        headers::RESERVED.iter().any(|name| self.headers.has(name).unwrap_or_default())
    }

    /// The `Cookie` header; empty where there is none.
    pub(crate) fn cookies(&self) -> &str {
        self.cookies.get_or_init(|| self.headers.get("cookie").ok().flatten().unwrap_or_default())
    }

    /// Whether the request carries QA's override as a cookie.
    pub(crate) fn has_override_cookie(&self) -> bool {
        cookies::find(self.cookies(), override_token::COOKIE).is_some()
    }

    /// Cloudflare's data centre, or `local` where there is none, as on a developer's machine.
    pub(crate) fn location(&self) -> String {
        self.colo().map_or_else(|| "local".to_owned(), |colo| colo.to_string())
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
        self.host.get_or_init(|| self.url.as_ref().map(Url::hostname).unwrap_or_default())
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        cookies::find(self.cookies(), name)
    }

    fn header(&self, name: &str) -> Option<Rc<str>> {
        // Rules ask for the same few headers again and again.
        let known = self.fetched.borrow().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        known.unwrap_or_else(|| {
            let value: Option<Rc<str>> = self.headers.get(name).ok().flatten().map(Rc::from);
            self.fetched.borrow_mut().push((name.to_owned(), value.clone()));
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
