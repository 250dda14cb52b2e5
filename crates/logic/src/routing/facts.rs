//! What a decision may know of a request.
//!
//! A trait and not a struct, because on the edge most facts have to be fetched from JavaScript: a fact that no rule asks
//! for costs nothing.

use std::rc::Rc;

use super::visitor::VisitorId;
use crate::search::find;

/// The facts of one request. Implementations fetch what is not at hand when it is first asked for.
pub trait Facts {
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
    /// The visitor's network, as an autonomous system's number.
    fn asn(&self) -> Option<u64>;
    /// A fresh random id. `None` when there is no randomness: then the visitor is told by the IP address.
    fn draw_visitor(&self) -> Option<VisitorId>;

    /// The sticky key, where somebody names it instead of sending a request.
    fn given_key(&self) -> Option<&str> {
        None
    }

    /// The visitor's address, as Cloudflare saw it: a client cannot set this header.
    fn ip(&self) -> Option<Rc<str>> {
        self.header("cf-connecting-ip")
    }

    /// Whether a browser asks for a page to show, so that a cookie set now comes back with what the page asks for.
    /// Frames are none: a third party's frame would not keep the cookie, and be dealt anew each time.
    fn is_navigation(&self) -> bool {
        match self.header("sec-fetch-mode") {
            Some(mode) => &*mode == "navigate" && self.header("sec-fetch-dest").is_some_and(|to| &*to == "document"),
            // Browsers before 2023 and plain HTTP: a GET that wants HTML.
            None => {
                &*self.method() == "GET"
                    && self.header("accept").is_some_and(|types| find(&types, "text/html").is_some())
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod samples;
