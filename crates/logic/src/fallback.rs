//! Which failed canary requests stable answers instead, and how many.

/// How a canary request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this HTTP status.
    Status(u16),
    /// Without a response: it threw, or let its deadline pass.
    Exception,
}

// === impl Answer ===

impl Answer {
    /// Whether the variant failed: an exception, 500, 502, 503, 504 or one of Cloudflare's 52x. 501 and 505 are answers
    /// about the request.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 500 | 502..=504 | 520..=529),
            Self::Exception => true,
        }
    }
}

/// Whether a request may be sent a second time: it changes nothing (RFC 9110 §9.2.1), there is no body that the first
/// attempt may have consumed, and it does not ask for another protocol.
pub fn may_replay(method: &str, has_body: bool, is_upgrade: bool) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS") && !has_body && !is_upgrade
}

/// How long the canary may take to its first byte, in seconds: half of what a user waits for, so that stable has the other half.
pub const CANARY_DEADLINE_SECONDS: u64 = 15;

/// An upload of up to so many bytes is over in no time; a longer one may take as long as it takes, and its request has no deadline.
const SHORT_UPLOAD: u64 = 65_536;

/// Whether a request that has waited for its deadline is given up: it asked for no other protocol, and its upload is surely over.
/// `length` is the request's `Content-Length`.
pub fn has_deadline(has_body: bool, length: Option<&str>, is_upgrade: bool) -> bool {
    let is_short = || length.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length <= SHORT_UPLOAD);
    !is_upgrade && (!has_body || is_short())
}

/// What an isolate may send to stable a second time, so that a failing canary cannot double stable's load: a fifth of the canary's
/// requests, ten to begin with, and at most twenty saved up (Finagle's and Envoy's retry budgets are of this kind).
#[derive(Clone, Debug)]
pub struct Budget {
    /// In fifths of a replay.
    fifths: u32,
}

const REPLAY: u32 = 5;
const START: u32 = 10 * REPLAY;
const MOST: u32 = 20 * REPLAY;

impl Default for Budget {
    fn default() -> Self {
        Self { fifths: START }
    }
}

// === impl Budget ===

impl Budget {
    /// The canary answered, in whatever way.
    pub fn earn(&mut self) {
        self.fifths = (self.fifths + 1).min(MOST);
    }

    /// Whether one more request may be replayed; if so, it is paid for.
    pub fn spend(&mut self) -> bool {
        let left = self.fifths.checked_sub(REPLAY);
        self.fifths = left.unwrap_or(self.fifths);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn an_upload_or_another_protocol_is_never_cut() {
        assert!(has_deadline(false, None, false));
        assert!(has_deadline(true, Some("65536"), false));
        for (has_body, length, is_upgrade) in [
            (false, None, true),
            (true, None, false),
            (true, Some("65537"), false),
            (true, Some("-1"), false),
            (true, Some("1e3"), false),
        ] {
            assert!(!has_deadline(has_body, length, is_upgrade), "{has_body} {length:?} {is_upgrade}");
        }
    }

    #[test]
    fn ten_replays_to_begin_with_and_twenty_at_most() {
        let spent = |budget: &mut Budget| (0..1_000).take_while(|_| budget.spend()).count();
        let mut budget = Budget::default();
        assert_eq!(spent(&mut budget), 10);
        for _ in 0..1_000 {
            budget.earn();
        }
        assert_eq!(spent(&mut budget), 20);
    }

    proptest! {
        #[test]
        fn replays_stay_below_a_fifth_of_the_canarys_requests_and_ten(answers in proptest::collection::vec(any::<bool>(), 0..500)) {
            let mut budget = Budget::default();
            let mut replays = 0;
            for (requests, failed) in (1..).zip(answers) {
                budget.earn();
                replays += u32::from(failed && budget.spend());
                prop_assert!(f64::from(replays) <= 10.0 + f64::from(requests) / 5.0);
            }
        }
    }
}
