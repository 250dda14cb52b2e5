//! A request in memory, whose facts cost as little as they can: what is measured is the decision.

use std::rc::Rc;

use serin_logic::routing::target::Target;
use serin_logic::routing::visitor::VisitorId;
use serin_logic::routing::{Facts, cookies};

/// A request as the edge sees it: the URL and the `Cookie` header as they came, the rest when asked for.
pub(crate) struct Request {
    target: Target<'static>,
    cookies: &'static str,
    method: Rc<str>,
    headers: Vec<(&'static str, Rc<str>)>,
    country: Rc<str>,
    asn: u64,
}

// === impl Request ===

impl Request {
    /// A `GET` of a visitor who came before.
    pub(crate) fn of_known_visitor(url: &'static str) -> Self {
        Self {
            target: Target::of(url),
            cookies: "session=8f14e45fceea167a5a36dedd4bea2543; __Host-serin=0123456789abcdef0123456789abcdef",
            method: "GET".into(),
            headers: vec![("cf-connecting-ip", "203.0.113.7".into())],
            country: "NZ".into(),
            asn: 64_512,
        }
    }

    /// The same without cookies, with one more header.
    pub(crate) fn of_client(url: &'static str, name: &'static str, value: &str) -> Self {
        let mut request = Self { cookies: "", ..Self::of_known_visitor(url) };
        request.headers.push((name, value.into()));
        request
    }
}

impl Facts for Request {
    fn method(&self) -> Rc<str> {
        self.method.clone()
    }

    fn host(&self) -> &str {
        self.target.host
    }

    fn path(&self) -> &str {
        self.target.path
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
