//! Why a server cannot be reached: the likely cause, and what to do next.

use std::fmt;
use std::io::ErrorKind;

/// A failed attempt to reach a server.
#[derive(Debug)]
pub(crate) struct Unreachable {
    /// Scheme, host and port.
    origin: String,
    /// Whether the server is on this machine.
    is_here: bool,
    /// Error text of the network layer.
    why: String,
    cause: Cause,
}

/// The likely cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Nothing listens at the address.
    Refused,
    /// The name has no address.
    NoSuchHost,
    /// A program listens that does not speak TLS.
    NoTls,
    /// TLS does not trust the server.
    Untrusted,
    /// A program listens that does not speak HTTP, or speaks TLS.
    NoHttp,
    /// There was no answer within the timeout.
    Late,
    Other,
}

// === impl Unreachable ===

impl Unreachable {
    /// The failure of a request to `origin`.
    pub(crate) fn new(origin: &str, is_here: bool, error: &ureq::Error) -> Self {
        let cause = cause(error, origin.starts_with("https:"));
        Self { origin: origin.to_owned(), is_here, why: error.to_string(), cause }
    }

    /// The next step.
    pub(crate) fn hint(&self) -> String {
        let address = "set --url or SERIN_URL to the address of Serin";
        let other = |scheme: &str| {
            let rest = self.origin.split_once("://").map_or(self.origin.as_str(), |(_, rest)| rest);
            format!("try --url {scheme}://{rest}")
        };
        match self.cause {
            Cause::Refused if self.is_here => format!("start Serin with `npm start`, or {address}"),
            Cause::Refused | Cause::NoSuchHost | Cause::Other => address.to_owned(),
            Cause::NoTls => format!("the port probably speaks http: {}", other("http")),
            Cause::Untrusted => format!("check the host, or {address}"),
            Cause::NoHttp if self.origin.starts_with("http:") => {
                format!("the port speaks https, or another program uses it: {}", other("https"))
            }
            Cause::NoHttp => format!("another program uses the port; {address}"),
            Cause::Late if self.origin.starts_with("https:") => {
                format!("wait longer with --timeout; if the port speaks http, {}", other("http"))
            }
            Cause::Late => format!("wait longer with --timeout; another program may use the port: {address}"),
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, why, cause, .. } = self;
        let cause = match cause {
            Cause::Refused => "nothing listens there",
            Cause::NoSuchHost => "the host name has no address",
            Cause::NoTls => "the server there does not speak https",
            Cause::Untrusted => "its certificate is not trusted",
            Cause::NoHttp => "the server there does not speak http",
            Cause::Late => "the server accepted the request and did not respond in time",
            Cause::Other => return write!(f, "{origin} cannot be reached: {why}"),
        };
        write!(f, "{origin} cannot be reached: {cause} ({why})")
    }
}

fn cause(error: &ureq::Error, is_https: bool) -> Cause {
    match error {
        ureq::Error::HostNotFound => Cause::NoSuchHost,
        ureq::Error::Timeout(_) => Cause::Late,
        ureq::Error::Protocol(_) => Cause::NoHttp,
        ureq::Error::Rustls(error) => of_tls(&error.to_string()),
        ureq::Error::Tls(_) => Cause::Untrusted,
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => Cause::Refused,
            // The standard library has no kind for a name without an address, only this text.
            _ if error.to_string().contains("lookup address") => Cause::NoSuchHost,
            // rustls reports a server's bytes that are no TLS as invalid data.
            ErrorKind::InvalidData if is_https => of_tls(&error.to_string()),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Cause::Late,
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted if is_https => {
                Cause::NoTls
            }
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Cause::NoHttp,
            _ => Cause::Other,
        },
        _ => Cause::Other,
    }
}

/// Only the texts of rustls distinguish a certificate from bytes of another protocol, because its types are no part of ureq's interface.
fn of_tls(text: &str) -> Cause {
    if text.contains("certificate") { Cause::Untrusted } else { Cause::NoTls }
}
