//! What every part of the edge needs of the runtime, each in one place.

/// Work that continues after the response.
pub(crate) mod background;
/// Bodies of requests.
pub(crate) mod body;
/// The time.
pub(crate) mod clock;
/// What JavaScript threw.
pub(crate) mod exception;
/// The log.
pub(crate) mod log;
/// Panics on request, for tests.
#[cfg(feature = "panic-on-request")]
pub(crate) mod panic_point;
/// Random numbers.
pub(crate) mod random;
/// Responses that Serin makes itself.
pub(crate) mod response;
/// Signatures.
pub(crate) mod signature;
/// Time zones.
pub(crate) mod time_zone;
/// Waiting with a deadline.
pub(crate) mod timeout;
/// URLs.
pub(crate) mod url;
