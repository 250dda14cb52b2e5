//! What a decision may know of a request, fetched from the runtime when it is first asked for.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use serin_logic::routing::target::Target;
use serin_logic::routing::visitor::VisitorId;
use serin_logic::routing::{Facts, cookies, override_token};
use serin_logic::search::find;
use wasm_bindgen::prelude::*;
use web_sys::Request;

use serin_runtime::javascript::{Cf, IncomingRequest, Url};
use serin_runtime::randomness;

/// What the names of Serin's own cookies have in common; entry.js looks for it.
const OWN: &str = "serin";

/// One request's facts.
pub(crate) struct RequestFacts<'a> {
    request: &'a Request,
    host: Cow<'a, str>,
    path: Cow<'a, str>,
    /// The part of the `Cookie` header with Serin's own cookies.
    own_cookies: &'a str,
    cookies: OnceCell<String>,
    /// Whether a header is present that no variant may see.
    has_reserved: bool,
    headers: RefCell<Vec<(String, Option<Rc<str>>)>>,
    cf: OnceCell<Option<Cf>>,
}

// === impl RequestFacts ===

impl<'a> RequestFacts<'a> {
    /// `url` may be without its query, and `own_cookies` may be without cookies whose names have no `serin` in them.
    pub(crate) fn new(request: &'a Request, url: &'a str, own_cookies: &'a str, has_reserved: bool) -> Self {
        let target = Target::of(url);
        let (host, path) = if target.is_normal() {
            (Cow::Borrowed(target.host), Cow::Borrowed(target.path))
        } else {
            normal_form(url, target)
        };
        Self {
            request,
            host,
            path,
            own_cookies,
            cookies: OnceCell::new(),
            has_reserved,
            headers: RefCell::default(),
            cf: OnceCell::new(),
        }
    }

    /// The value of a query parameter, as written.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        Target::of(&self.request.url()).query_value(name).map(str::to_owned)
    }

    /// The whole `Cookie` header.
    pub(crate) fn cookies(&self) -> &str {
        self.cookies.get_or_init(|| self.request.headers().get("cookie").ok().flatten().unwrap_or_default())
    }

    /// Whether the client sent a header that no variant may see.
    pub(crate) fn has_reserved(&self) -> bool {
        self.has_reserved
    }

    fn cf(&self) -> Option<&Cf> {
        self.cf.get_or_init(|| self.request.unchecked_ref::<IncomingRequest>().cf()).as_ref()
    }

    fn fetch_header(&self, name: &str) -> Option<Rc<str>> {
        self.request.headers().get(name).ok().flatten().map(Rc::from)
    }
}

impl Facts for RequestFacts<'_> {
    fn method(&self) -> Rc<str> {
        self.request.method().into()
    }

    fn host(&self) -> &str {
        &self.host
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        cookies::find(if find(name, OWN).is_some() { self.own_cookies } else { self.cookies() }, name)
    }

    fn header(&self, name: &str) -> Option<Rc<str>> {
        // QA's override is asked for on every request, and is a reserved header itself.
        if !self.has_reserved && name == override_token::HEADER {
            return None;
        }
        // Rules ask for the same few headers again and again.
        let known = self.headers.borrow().iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        known.unwrap_or_else(|| {
            let value = self.fetch_header(name);
            self.headers.borrow_mut().push((name.to_owned(), value.clone()));
            value
        })
    }

    fn country(&self) -> Option<Rc<str>> {
        self.cf()?.country().as_string().map(Rc::from)
    }

    fn continent(&self) -> Option<Rc<str>> {
        self.cf()?.continent().as_string().map(Rc::from)
    }

    fn colo(&self) -> Option<Rc<str>> {
        self.cf()?.colo().as_string().map(Rc::from)
    }

    fn asn(&self) -> Option<u64> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; an ASN has 32 bits"
        )]
        self.cf()?.asn().as_f64().map(|number| number as u64)
    }

    fn draw_visitor(&self) -> Option<VisitorId> {
        randomness::bits().map(VisitorId::from_random)
    }
}

/// Host and path as the runtime's own URL parser leaves them.
fn normal_form<'a>(url: &str, target: Target<'a>) -> (Cow<'a, str>, Cow<'a, str>) {
    match Url::new(url) {
        Ok(url) => (Cow::Owned(url.hostname()), Cow::Owned(url.pathname())),
        Err(_) => (Cow::Borrowed(target.host), Cow::Borrowed(target.path)),
    }
}
