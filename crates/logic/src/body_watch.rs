//! Watching response bodies: which of them can be followed to their end without changing a byte, and which of them are.
//!
//! A response is answered for a client with its head. Whether its body arrives is known only to who reads it, so a sample of the bodies is
//! read a second time, from a copy that the runtime makes of the stream.

use core::time::Duration;

/// Bytes of a body, after decompression, that are watched. What the client has not read of them yet is held in memory.
pub const MAX_BYTES: usize = 1_048_576;

/// Longest time for which a body is watched. The variant may learn that late that its client has left.
pub const MAX_TIME: Duration = Duration::from_secs(10);

/// The head of a response, as far as it says whether the body can be watched.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
    /// The `Content-Length` header.
    pub content_length: Option<&'a str>,
}

/// Whether the body of a response to `method` can be watched. Not where there is none to wait for; not of a part (206), which the client
/// may ask for until it has enough; and not of events, whose stream has no end of its own.
pub fn is_watchable(method: &str, head: ResponseHead<'_>) -> bool {
    let ResponseHead { status, content_type, content_length } = head;
    let media_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    method != "HEAD"
        && (200..600).contains(&status)
        && !matches!(status, 204..=206 | 304)
        && content_length.map(str::trim) != Some("0")
        && !media_type.eq_ignore_ascii_case("text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ResponseHead<'_> = ResponseHead { status: 200, content_type: None, content_length: None };

    #[test]
    fn a_body_that_a_client_waits_for_can_be_watched() {
        for head in [
            PLAIN,
            ResponseHead { status: 404, ..PLAIN },
            ResponseHead { content_type: Some("text/html; charset=utf-8"), content_length: Some("17"), ..PLAIN },
        ] {
            for method in ["GET", "POST", "OPTIONS", "PROPFIND"] {
                assert!(is_watchable(method, head), "{method} {head:?}");
            }
            assert!(!is_watchable("HEAD", head));
        }
    }

    #[test]
    fn no_body_a_part_of_one_and_events_are_left_alone() {
        for status in [101, 204, 205, 206, 304, 999] {
            assert!(!is_watchable("GET", ResponseHead { status, ..PLAIN }), "{status}");
        }
        for content_type in ["text/event-stream", "Text/Event-Stream; charset=utf-8", " text/event-stream ;x"] {
            assert!(!is_watchable("GET", ResponseHead { content_type: Some(content_type), ..PLAIN }), "{content_type}");
        }
        assert!(!is_watchable("GET", ResponseHead { content_length: Some("0"), ..PLAIN }));
    }
}
