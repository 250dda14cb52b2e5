//! A request in memory with cheap attributes, so that the benchmark measures the decision.

use std::rc::Rc;

use serin_logic::request_attributes::RequestAttributes;
use serin_logic::routing::cookies;
use serin_logic::visitor::VisitorId;

/// A request as the edge sees it: the path and the `Cookie` header are present, other attributes are computed on demand.
pub(crate) struct Request {
    path: &'static str,
    cookies: &'static str,
    method: Rc<str>,
    headers: Vec<(&'static str, Rc<str>)>,
    country: Rc<str>,
    asn: u64,
}

// === impl Request ===

impl Request {
    /// A `GET` of a returning visitor.
    pub(crate) fn of_known_visitor(path: &'static str) -> Self {
        Self {
            path,
            cookies: "session=8f14e45fceea167a5a36dedd4bea2543; __Host-serin=0123456789abcdef0123456789abcdef",
            method: "GET".into(),
            headers: vec![("cf-connecting-ip", "203.0.113.7".into())],
            country: "NZ".into(),
            asn: 64_512,
        }
    }

    /// The same request without cookies and with one more header.
    pub(crate) fn of_client(path: &'static str, name: &'static str, value: &str) -> Self {
        let mut request = Self { cookies: "", ..Self::of_known_visitor(path) };
        request.headers.push((name, value.into()));
        request
    }
}

impl RequestAttributes for Request {
    fn method(&self) -> Rc<str> {
        self.method.clone()
    }

    fn host(&self) -> &'static str {
        "shop.example"
    }

    fn path(&self) -> &str {
        self.path
    }

    fn cookie(&self, name: &str) -> Option<&str> {
        cookies::find(self.cookies, name)
    }

    fn header(&self, name: &str) -> Option<Rc<str>> {
        self.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.clone())
    }

    fn country(&self) -> Option<Rc<str>> {
        Some(self.country.clone())
    }

    fn continent(&self) -> Option<Rc<str>> {
        None
    }

    fn colo(&self) -> Option<Rc<str>> {
        None
    }

    fn asn(&self) -> Option<u64> {
        Some(self.asn)
    }

    fn draw_visitor(&self) -> Option<VisitorId> {
        Some(VisitorId::from_random([7; 16]))
    }
}
