//! Requests for tests.

use std::rc::Rc;

use super::{RequestAttributes, VisitorId};
use crate::routing::cookies;

/// A request whose attributes a test sets.
#[derive(Clone, Debug)]
pub(crate) struct SampleRequest {
    pub(crate) method: Rc<str>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) cookies: String,
    pub(crate) headers: Vec<(&'static str, Rc<str>)>,
    pub(crate) country: Option<Rc<str>>,
    pub(crate) continent: Option<Rc<str>>,
    pub(crate) colo: Option<Rc<str>>,
    pub(crate) asn: Option<u64>,
    pub(crate) random: Option<[u8; 16]>,
}

impl SampleRequest {
    pub(crate) fn get(path: &str) -> Self {
        Self {
            method: "GET".into(),
            host: "shop.example".into(),
            path: path.into(),
            cookies: String::new(),
            headers: vec![],
            country: None,
            continent: None,
            colo: None,
            asn: None,
            random: Some([7; 16]),
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies = format!("{}; {name}={value}", self.cookies);
        self
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.into();
        self
    }
}

impl RequestAttributes for SampleRequest {
    fn method(&self) -> Rc<str> {
        self.method.clone()
    }
    fn host(&self) -> &str {
        &self.host
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn cookie(&self, name: &str) -> Option<&str> {
        cookies::find(&self.cookies, name)
    }
    fn header(&self, name: &str) -> Option<Rc<str>> {
        self.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.clone())
    }
    fn country(&self) -> Option<Rc<str>> {
        self.country.clone()
    }
    fn continent(&self) -> Option<Rc<str>> {
        self.continent.clone()
    }
    fn colo(&self) -> Option<Rc<str>> {
        self.colo.clone()
    }
    fn asn(&self) -> Option<u64> {
        self.asn
    }
    fn draw_visitor(&self) -> Option<VisitorId> {
        self.random.map(VisitorId::from_random)
    }
}
