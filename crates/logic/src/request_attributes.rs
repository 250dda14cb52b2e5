//! The attributes of a request that a decision may ask for.
//!
//! They are a trait and not a struct, because on the edge most attributes are fetched from JavaScript, and an attribute that no rule
//! asks for is not fetched.

use std::rc::Rc;

use crate::visitor::VisitorId;

/// The attributes of one request. Implementations fetch an attribute when it is first asked for.
pub trait RequestAttributes {
    /// The method as sent, such as `GET`.
    fn method(&self) -> Rc<str>;
    /// The host name, without a port, as the URL standard leaves it.
    fn host(&self) -> &str;
    /// The path, as the URL standard leaves it.
    fn path(&self) -> &str;
    /// The value of the first cookie of that name.
    fn cookie(&self, name: &str) -> Option<&str>;
    /// A header's value; several of one name are joined with a comma.
    fn header(&self, name: &str) -> Option<Rc<str>>;
    /// Two letters, upper case (ISO 3166-1 alpha-2, and Cloudflare's own `T1` and `XX`).
    fn country(&self) -> Option<Rc<str>>;
    /// Two letters, upper case.
    fn continent(&self) -> Option<Rc<str>>;
    /// Cloudflare's data centre, three letters, upper case.
    fn colo(&self) -> Option<Rc<str>>;
    /// The autonomous system number of the visitor's network.
    fn asn(&self) -> Option<u64>;
    /// A new random id. `None` where there is no randomness: then the IP address identifies the visitor.
    fn draw_visitor(&self) -> Option<VisitorId>;

    /// The sticky key, where a query for an explanation names it.
    fn given_key(&self) -> Option<&str> {
        None
    }

    /// The visitor's IP address. Clients cannot forge it, because Cloudflare sets the header.
    fn ip(&self) -> Option<Rc<str>> {
        self.header("cf-connecting-ip")
    }

    /// Whether a browser requests a top-level page, so that a cookie set now is sent with the page's later requests. Frames do not count,
    /// because a frame of a third party would not keep the cookie and would get a new id with each request.
    fn is_navigation(&self) -> bool {
        match self.header("sec-fetch-mode") {
            Some(mode) => &*mode == "navigate" && self.header("sec-fetch-dest").is_some_and(|to| &*to == "document"),
            // Browsers before 2023 and plain HTTP: a GET that wants HTML.
            None => &*self.method() == "GET" && self.header("accept").is_some_and(|types| types.contains("text/html")),
        }
    }
}

#[cfg(test)]
pub(crate) mod samples;
