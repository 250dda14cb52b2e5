//! The HTTP client for Serin and for any server with a `/health`. The token is sent in one header and appears nowhere else: messages
//! and debug output omit it, and redirects are not followed.

use std::net::IpAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{Method, Request, Uri};
use ureq::{Agent, Proxy};

use crate::connection::Connection;
use crate::exit::{Failure, Refusal};
use crate::unreachable::Unreachable;
use crate::{clock, output};

/// Path prefix of the control API.
const PREFIX: &str = "/__serin/";

/// Largest response that is read, in bytes. It leaves room for a thousand audit rows and for a document of the largest size.
const MAX_ANSWER: u64 = 16 << 20;

/// A server: its address, and the token for it.
pub(crate) struct Client {
    agent: Agent,
    origin: String,
    is_here: bool,
    token: Option<String>,
    /// Headers for Cloudflare Access.
    access: Vec<(&'static str, String)>,
}

/// A response of any status.
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Response headers, with lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    /// Response body.
    pub(crate) text: String,
    /// Time from the start of the request to the end of the body.
    pub(crate) took: Duration,
}

/// A successful response of the control API.
pub(crate) struct Answer {
    /// Body of the response, unchanged.
    pub(crate) text: String,
}

// === impl Client ===

impl Client {
    /// Creates a client for `--url` with the token of this process.
    ///
    /// # Errors
    /// The address or the token is not valid.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Failure> {
        let (_, is_here) = origin(&connection.url)?;
        Self::at(&connection.url, connection.token(is_here)?, Connection::access_headers()?, connection.timeout)
    }

    /// Creates a client for `url`, which may be another server. The token is sent to the server of `--url` alone.
    ///
    /// # Errors
    /// The address or the token is not valid.
    pub(crate) fn other(url: &str, connection: &Connection) -> Result<Self, Failure> {
        if origin(url)?.0 == origin(&connection.url)?.0 {
            return Self::new(connection);
        }
        Self::at(url, None, Vec::new(), connection.timeout)
    }

    /// Creates a client for `--url` without a token: what strangers get.
    ///
    /// # Errors
    /// The address is not valid.
    pub(crate) fn anonymous(connection: &Connection) -> Result<Self, Failure> {
        Self::at(&connection.url, None, Connection::access_headers()?, connection.timeout)
    }

    fn at(
        url: &str,
        token: Option<String>,
        access: Vec<(&'static str, String)>,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let (origin, is_here) = origin(url)?;
        if (token.is_some() || !access.is_empty()) && !is_here && origin.starts_with("http:") {
            output::error_line(&format!("warning: the token is sent to {origin} unencrypted; use https"));
        }
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // A command must not reach another server, and a check must see the redirect itself.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A proxy cannot resolve this machine's own servers.
            .proxy(if is_here { None } else { Proxy::try_from_env() })
            .user_agent(concat!("serin/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.new_agent(), origin, is_here, token, access })
    }

    /// Origin of the requests: scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the server is on this machine.
    pub(crate) const fn is_here(&self) -> bool {
        self.is_here
    }

    /// Whether requests carry a token.
    pub(crate) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Sends a GET to the control API.
    ///
    /// # Errors
    /// The server did not respond, or it responded with an error.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.control(&Method::GET, path, None)
    }

    /// Sends a POST to the control API.
    ///
    /// # Errors
    /// The server did not respond, or it responded with an error.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.control(&Method::POST, path, Some(body))
    }

    /// Sends a PUT to the control API.
    ///
    /// # Errors
    /// The server did not respond, or it responded with an error.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.control(&Method::PUT, path, Some(body))
    }

    fn control(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let headers: &[_] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
        let reply = self.send(method, &format!("{PREFIX}{path}"), headers, body.map(Value::to_string))?;
        if (200..300).contains(&reply.status) {
            return Ok(Answer { text: reply.text });
        }
        let content_type = reply.header("content-type").unwrap_or_default().to_owned();
        Err(Failure::Refused(Box::new(Refusal::read(reply.status, &content_type, reply.text, self.is_here))))
    }

    /// Sends a request unchanged, with the token if the client has one.
    ///
    /// # Errors
    /// The server did not respond within the timeout.
    pub(crate) fn send(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Reply, Failure> {
        let url = format!("{}{path}", self.origin);
        let mut request = Request::builder().method(method.clone()).uri(&url);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.access {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let begun = clock::tick();
        let wrong =
            |error: &dyn std::fmt::Display| Failure::Usage(format!("{method} {url} is not a valid request: {error}"));
        let sent = match body {
            Some(body) => self.agent.run(request.body(body).map_err(|error| wrong(&error))?),
            None => self.agent.run(request.body(()).map_err(|error| wrong(&error))?),
        };
        let unreachable =
            |error: ureq::Error| Failure::Unreachable(Box::new(Unreachable::new(&self.origin, self.is_here, &error)));
        let mut response = sent.map_err(unreachable)?;
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
        let headers = headers.collect();
        let status = response.status().as_u16();
        let reader = response.body_mut().with_config().limit(MAX_ANSWER).lossy_utf8(true);
        let text = reader.read_to_string().map_err(unreachable)?;
        Ok(Reply { status, headers, text, took: begun.elapsed() })
    }
}

// === impl Reply ===

impl Reply {
    /// The value of a header, or its first value if the header is repeated.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

// === impl Answer ===

impl Answer {
    /// Parses the response body.
    ///
    /// # Errors
    /// The body does not have the expected form.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text)
            .map(|mut value| {
                defuse(&mut value);
                value
            })
            .and_then(serde_json::from_value)
            .map_err(|error| Failure::Failed(format!("the server's response is not valid: {error}")))
    }
}

/// Replaces control characters in texts, so that a text's author cannot control the reader's terminal.
fn defuse(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace(|c: char| c.is_control() && c != '\n', "\u{fffd}"),
        Value::Array(values) => values.iter_mut().for_each(defuse),
        Value::Object(fields) => fields.values_mut().for_each(defuse),
        _ => {}
    }
}

/// Scheme, host and port of an address, and whether the address is on this machine.
fn origin(url: &str) -> Result<(String, bool), Failure> {
    let invalid = |accepted: &str| Failure::Usage(format!("{url:?} is not an address, accepted: {accepted}"));
    let uri: Uri = url.parse().map_err(|_| invalid("such as https://api.example.com"))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(invalid("http://… or https://…"));
    };
    if authority.as_str().contains('@') {
        // The message omits the address because it contains a password.
        return Err(Failure::Usage(
            "--url contains a user or a password: put the token into SERIN_TOKEN instead".into(),
        ));
    }
    if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
        return Err(invalid("scheme, host and port, without a path"));
    }
    let host = authority.host().trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    Ok((format!("{scheme}://{authority}"), is_here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_steer_the_terminal() {
        let answer = Answer { text: r#"{"why": ["\u001b[2Jgone\nline"]}"#.into() };
        assert_eq!(answer.read::<Value>().unwrap(), serde_json::json!({"why": ["\u{fffd}[2Jgone\nline"]}));
    }

    #[test]
    fn an_address_is_scheme_host_and_port() {
        assert_eq!(origin("http://localhost:8787/").unwrap(), ("http://localhost:8787".into(), true));
        assert_eq!(origin("http://[::1]:1").unwrap(), ("http://[::1]:1".into(), true));
        assert_eq!(origin("https://api.example.com").unwrap(), ("https://api.example.com".into(), false));
    }

    #[test]
    fn an_invalid_address_is_refused_without_repeating_its_password() {
        for url in ["localhost:8787", "ftp://a", "https://a/b", "https://a/?b", "", "/x"] {
            assert!(matches!(origin(url), Err(Failure::Usage(_))), "{url}");
        }
        let error = origin("https://me:hunter2@a").unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("SERIN_TOKEN"), "{error}");
    }
}
