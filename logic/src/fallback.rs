//! Which failed canary requests stable answers instead.

/// How a canary request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this HTTP status.
    Status(u16),
    /// Without a response.
    Exception,
}

// === impl Answer ===

impl Answer {
    /// Whether the variant failed: an exception, 500, 502, 503, 504 or one of Cloudflare's 52x. 501 and 505 are answers
    /// about the request.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 500 | 502..=504 | 520..=529),
            Self::Exception => true,
        }
    }
}

/// Whether a request may be sent a second time: it changes nothing (RFC 9110 §9.2.1), there is no body that the first
/// attempt may have consumed, and it does not ask for another protocol.
#[must_use]
pub fn may_replay(method: &str, has_body: bool, is_upgrade: bool) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS") && !has_body && !is_upgrade
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_failures_are_failures_and_answers_are_not() {
        for status in [500, 502, 503, 504, 520, 524, 529] {
            assert!(Answer::Status(status).is_failure(), "{status}");
        }
        for status in [101, 200, 302, 304, 404, 429, 501, 505, 530] {
            assert!(!Answer::Status(status).is_failure(), "{status}");
        }
        assert!(Answer::Exception.is_failure());
    }

    #[test]
    fn only_what_changes_nothing_and_has_no_body_is_sent_twice() {
        assert!(may_replay("GET", false, false));
        assert!(!may_replay("GET", true, false));
        assert!(!may_replay("GET", false, true));
        for method in ["POST", "PUT", "DELETE", "PATCH", "get", "TRACE"] {
            assert!(!may_replay(method, false, false), "{method}");
        }
    }
}
