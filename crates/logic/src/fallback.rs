//! Fallback to stable: the failed canary requests that stable answers instead, and a budget for them.

use core::time::Duration;
use std::collections::VecDeque;

use crate::timestamp::Timestamp;

/// The outcome of a request to a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A response with this HTTP status.
    Status(u16),
    /// No response: the variant threw an exception, or its deadline passed.
    Exception,
}

// === impl Answer ===

impl Answer {
    /// Whether the variant failed: an exception, 500, 502, 503, 504 or one of Cloudflare's 52x. The statuses 501 and 505 are answers about
    /// the request.
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 500 | 502..=504 | 520..=529),
            Self::Exception => true,
        }
    }
}

/// Whether a request can be sent twice, as a retry on stable or as a copy to the canary: its method is safe (RFC 9110 §9.2.1), it has no
/// body that the first attempt may have consumed, and it does not ask for another protocol.
pub fn may_retry(method: &str, has_body: bool, is_upgrade: bool) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS") && !has_body && !is_upgrade
}

/// The canary's deadline to its first byte, in seconds. It is half of the time that a user waits, so that stable has the other half.
pub const CANARY_DEADLINE_SECONDS: u64 = 15;

/// Whether the deadline applies to a request: it does not ask for another protocol, and it has no body. When a body has been sent is not
/// known, and a client may take any time for it.
pub const fn has_deadline(has_body: bool, is_upgrade: bool) -> bool {
    !is_upgrade && !has_body
}

/// The isolate's budget for retries on stable, so that a failing canary cannot double stable's load: a fifth of the canary's requests, and
/// one a second until there are ten, as a new isolate has; at most twenty are saved. The retry budgets of Finagle and Envoy work the same
/// way, and Finagle's has such a least rate too.
///
/// A retry is wasted if stable fails the request too. A visitor who wasted several in the last ten seconds is not served from the budget's
/// last ten, so that one client that asks again and again for what fails on both variants cannot spend the retries of the other visitors.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    /// The balance, in fifths of a retry.
    fifths: u32,
    /// The time up to which the balance has its retry a second.
    topped_up_at: Timestamp,
    /// The visitors of the latest wasted retries, and when, the oldest first.
    wasted: VecDeque<(u32, Timestamp)>,
}

const RETRY: u32 = 5;
const START: u32 = 10 * RETRY;
const MOST: u32 = 20 * RETRY;
/// What is left for the others by a visitor who wastes retries: as much as a new isolate has.
const RESERVE: u32 = START;
/// The time of one fifth of the retry a second.
const TOP_UP: Duration = Duration::from_millis(200);
/// The time after which a wasted retry is forgotten, because an outage of stable may have wasted it. An empty budget has its first ten
/// again by then.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// The wasted retries that are remembered, and how many of them one visitor may have. Stable fails a request of many visitors now and then.
const REMEMBERED: usize = 16;
const TOLERATED: usize = 2;

impl Default for RetryBudget {
    fn default() -> Self {
        Self { fifths: START, topped_up_at: Timestamp::default(), wasted: VecDeque::new() }
    }
}

// === impl RetryBudget ===

impl RetryBudget {
    /// Deposits a fifth of a retry for a request that the canary answered or failed.
    pub fn deposit(&mut self) {
        self.fifths = (self.fifths + 1).min(MOST);
    }

    /// Withdraws one retry for a visitor. Returns whether the balance covers it. Requests without a visitor cannot be told apart, and use
    /// the whole budget.
    pub fn withdraw(&mut self, visitor: Option<u32>, now: Timestamp) -> bool {
        self.top_up(now);
        let reserve = if visitor.is_some_and(|visitor| self.wastes(visitor, now)) { RESERVE } else { 0 };
        let is_covered = self.fifths >= RETRY + reserve;
        if is_covered {
            self.fifths -= RETRY;
        }
        is_covered
    }

    /// Records that stable failed a visitor's retry too.
    pub fn record_wasted(&mut self, visitor: Option<u32>, now: Timestamp) {
        let Some(visitor) = visitor else { return };
        if self.wasted.len() == REMEMBERED {
            self.wasted.pop_front();
        }
        self.wasted.push_back((visitor, now));
    }

    fn top_up(&mut self, now: Timestamp) {
        let passed = now.since(self.topped_up_at).as_millis();
        let rest = u64::try_from(passed % TOP_UP.as_millis()).unwrap_or_default();
        self.topped_up_at = now.before(Duration::from_millis(rest));
        let fifths = u32::try_from(passed / TOP_UP.as_millis()).unwrap_or(u32::MAX);
        self.fifths += fifths.min(START.saturating_sub(self.fifths));
    }

    fn wastes(&self, visitor: u32, now: Timestamp) -> bool {
        let lately = |(_, at): &&(u32, Timestamp)| !now.is_due(*at, FORGOTTEN);
        self.wasted.iter().filter(lately).filter(|(wasted_by, _)| *wasted_by == visitor).count() > TOLERATED
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
    fn only_safe_requests_without_a_body_are_retried() {
        assert!(may_retry("GET", false, false));
        assert!(!may_retry("GET", true, false));
        assert!(!may_retry("GET", false, true));
        for method in ["POST", "PUT", "DELETE", "PATCH", "get", "TRACE"] {
            assert!(!may_retry(method, false, false), "{method}");
        }
    }

    #[test]
    fn uploads_and_other_protocols_have_no_deadline() {
        assert!(has_deadline(false, false));
        assert!(!has_deadline(true, false) && !has_deadline(false, true) && !has_deadline(true, true));
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn spent(budget: &mut RetryBudget, now: Timestamp) -> usize {
        (0..1_000).take_while(|_| budget.withdraw(None, now)).count()
    }

    #[test]
    fn the_budget_starts_at_ten_retries_and_holds_at_most_twenty() {
        let mut budget = RetryBudget::default();
        assert_eq!(spent(&mut budget, NOW), 10);
        for _ in 0..1_000 {
            budget.deposit();
        }
        assert_eq!(spent(&mut budget, NOW), 20);
    }

    #[test]
    fn an_empty_budget_has_its_first_ten_again_after_ten_seconds() {
        let after = |millis| NOW.after(Duration::from_millis(millis));
        let mut budget = RetryBudget::default();
        spent(&mut budget, NOW);
        assert_eq!(spent(&mut budget, after(900)), 0);
        assert_eq!(spent(&mut budget, after(1_100)), 1);
        assert_eq!(spent(&mut budget, after(3_900)), 2, "the rest of a second is kept");
        assert_eq!(spent(&mut budget, after(4_000)), 1);
        assert_eq!(spent(&mut budget, after(3_600_000)), 10, "and no more");
        assert_eq!(spent(&mut budget, NOW), 0, "the clock went back");
        assert_eq!(spent(&mut budget, after(2_000)), 2);
    }

    #[test]
    fn a_visitor_who_wastes_retries_gets_none_of_the_last_ten() {
        let mut budget = RetryBudget::default();
        let request = |budget: &mut RetryBudget, visitor: Option<u32>, stable_fails: bool, now: Timestamp| {
            budget.deposit();
            let is_retried = budget.withdraw(visitor, now);
            if is_retried && stable_fails {
                budget.record_wasted(visitor, now);
            }
            is_retried
        };
        let retried: Vec<_> = (0..6).map(|_| request(&mut budget, Some(1), true, NOW)).collect();
        assert_eq!(retried, [true, true, true, false, false, false], "three retries of a new budget");
        assert!(
            request(&mut budget, Some(2), false, NOW) && request(&mut budget, None, true, NOW),
            "the others have the rest"
        );
        assert!(!request(&mut budget, Some(1), false, NOW), "whatever it asks for");
        for _ in 0..100 {
            budget.deposit();
        }
        let retried = (0..100).filter(|_| request(&mut budget, Some(1), true, NOW)).count();
        assert!((10..=30).contains(&retried), "what is above the last ten, and a fifth of its own requests: {retried}");
        let mut left = budget.clone();
        assert!((0..10).all(|_| left.withdraw(Some(2), NOW)), "ten are left");
        assert!(!budget.withdraw(Some(1), NOW.after(FORGOTTEN.saturating_sub(Duration::from_millis(1)))));
        assert!(budget.withdraw(Some(1), NOW.after(FORGOTTEN)), "an outage of stable is forgotten");
    }

    proptest! {
        #[test]
        fn whatever_the_method_only_three_are_sent_twice_and_none_with_a_body(
            method in prop_oneof!["[A-Za-z]{1,12}", "GET|HEAD|OPTIONS|TRACE|POST|PUT|PATCH|DELETE"],
            has_body in any::<bool>(), is_upgrade in any::<bool>(),
        ) {
            let is_safe = ["GET", "HEAD", "OPTIONS"].contains(&method.as_str());
            prop_assert_eq!(may_retry(&method, has_body, is_upgrade), is_safe && !has_body && !is_upgrade);
        }

        #[test]
        fn retries_stay_below_a_fifth_of_the_canarys_requests_and_one_a_second_and_ten(
            answers in proptest::collection::vec((any::<bool>(), 0_u64..2_000), 0..500),
        ) {
            let mut budget = RetryBudget::default();
            let (mut retries, mut now) = (0, NOW);
            for (requests, (failed, later)) in (1..).zip(answers) {
                now = now.after(Duration::from_millis(later));
                budget.deposit();
                retries += u32::from(failed && budget.withdraw(None, now));
                prop_assert!(f64::from(retries) <= 10.0 + f64::from(requests) / 5.0 + now.since(NOW).as_secs_f64());
            }
        }

        #[test]
        fn one_visitor_alone_leaves_seven_retries_to_the_others(
            fails_on_both in proptest::collection::vec((any::<bool>(), 0_u64..4_000), 0..500),
        ) {
            let mut budget = RetryBudget::default();
            let mut now = NOW;
            for (fails, later) in fails_on_both {
                now = now.after(Duration::from_millis(later));
                budget.deposit();
                if fails && budget.withdraw(Some(1), now) {
                    budget.record_wasted(Some(1), now);
                }
                let mut left = budget.clone();
                prop_assert!((0..7).all(|_| left.withdraw(Some(2), now)));
            }
        }
    }
}
