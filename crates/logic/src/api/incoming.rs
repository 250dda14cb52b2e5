//! A request to the control API, before it is parsed.

/// Longest body, in bytes. KV takes a larger `canary-state`, but only from wrangler.
pub const MAX_BODY: usize = 64 << 10;

/// A request to the control API.
#[derive(Clone, Copy, Debug)]
pub struct IncomingRequest<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The path, as the URL standard leaves it.
    pub path: &'a str,
    /// The query, without its question mark.
    pub query: &'a str,
    /// The `Content-Type`, if any.
    pub content_type: Option<&'a str>,
    /// The identity that Cloudflare Access vouches for, verified; none without Access.
    pub identity: Option<&'a str>,
    /// The body; empty if there is none.
    pub body: &'a str,
}
