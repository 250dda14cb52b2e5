//! Fallback to stable: the failed canary requests that stable answers instead, and a budget for them.

use std::collections::VecDeque;

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

/// The isolate's budget for retries on stable, so that a failing canary cannot double stable's load: a fifth of the canary's requests, plus
/// ten in advance, and at most twenty saved. The retry budgets of Finagle and Envoy work the same way.
///
/// A retry is wasted if stable fails the request too. A visitor who wastes several is not served from the budget's last ten, so that one
/// client that asks again and again for what fails on both variants cannot spend the retries of the other visitors.
#[derive(Clone, Debug)]
pub struct RetryBudget {
    /// The balance, in fifths of a retry.
    fifths: u32,
    /// The visitors of the latest wasted retries, the oldest first.
    wasted_by: VecDeque<u32>,
}

const RETRY: u32 = 5;
const START: u32 = 10 * RETRY;
const MOST: u32 = 20 * RETRY;
/// What is left for the others by a visitor who wastes retries: as much as a new isolate has.
const RESERVE: u32 = START;
/// The wasted retries that are remembered, and how many of them one visitor may have. Stable fails a request of many visitors now and then.
const REMEMBERED: usize = 16;
const TOLERATED: usize = 2;

impl Default for RetryBudget {
    fn default() -> Self {
        Self { fifths: START, wasted_by: VecDeque::new() }
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
    pub fn withdraw(&mut self, visitor: Option<u32>) -> bool {
        let reserve = if visitor.is_some_and(|visitor| self.wastes(visitor)) { RESERVE } else { 0 };
        let is_covered = self.fifths >= RETRY + reserve;
        if is_covered {
            self.fifths -= RETRY;
        }
        is_covered
    }

    /// Records how stable answered a visitor's retry. A failure wasted it; a success clears the visitor, because an outage of stable may
    /// have wasted the others.
    pub fn record_retry(&mut self, visitor: u32, success: bool) {
        if success {
            self.wasted_by.retain(|wasted_by| *wasted_by != visitor);
            return;
        }
        if self.wasted_by.len() == REMEMBERED {
            self.wasted_by.pop_front();
        }
        self.wasted_by.push_back(visitor);
    }

    fn wastes(&self, visitor: u32) -> bool {
        self.wasted_by.iter().filter(|wasted_by| **wasted_by == visitor).count() > TOLERATED
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

    #[test]
    fn the_budget_starts_at_ten_retries_and_holds_at_most_twenty() {
        let spent = |budget: &mut RetryBudget| (0..1_000).take_while(|_| budget.withdraw(None)).count();
        let mut budget = RetryBudget::default();
        assert_eq!(spent(&mut budget), 10);
        for _ in 0..1_000 {
            budget.deposit();
        }
        assert_eq!(spent(&mut budget), 20);
    }

    #[test]
    fn a_visitor_who_wastes_retries_gets_none_of_the_last_ten() {
        let mut budget = RetryBudget::default();
        let request = |budget: &mut RetryBudget, visitor: Option<u32>, stable_fails: bool| {
            budget.deposit();
            let is_retried = budget.withdraw(visitor);
            if let Some(visitor) = visitor.filter(|_| is_retried) {
                budget.record_retry(visitor, !stable_fails);
            }
            is_retried
        };
        let retried: Vec<_> = (0..6).map(|_| request(&mut budget, Some(1), true)).collect();
        assert_eq!(retried, [true, true, true, false, false, false], "three retries of a new budget");
        assert!(request(&mut budget, Some(2), false) && request(&mut budget, None, true), "the others have the rest");
        assert!(!request(&mut budget, Some(1), false), "whatever it asks for");
        for _ in 0..100 {
            budget.deposit();
        }
        let retried = (0..100).filter(|_| request(&mut budget, Some(1), true)).count();
        assert!((10..=30).contains(&retried), "what is above the last ten, and a fifth of its own requests: {retried}");
        let mut left = budget.clone();
        assert!((0..10).all(|_| left.withdraw(Some(2))), "ten are left");
        for _ in 0..100 {
            budget.deposit();
        }
        assert!(request(&mut budget, Some(1), false), "stable answers it again");
        assert!((0..19).all(|_| request(&mut budget, Some(1), false)), "and so it has the whole budget");
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
        fn retries_stay_below_a_fifth_of_the_canarys_requests_and_ten(answers in proptest::collection::vec(any::<bool>(), 0..500)) {
            let mut budget = RetryBudget::default();
            let mut retries = 0;
            for (requests, failed) in (1..).zip(answers) {
                budget.deposit();
                retries += u32::from(failed && budget.withdraw(None));
                prop_assert!(f64::from(retries) <= 10.0 + f64::from(requests) / 5.0);
            }
        }

        #[test]
        fn one_visitor_alone_leaves_seven_retries_to_the_others(fails_on_both in proptest::collection::vec(any::<bool>(), 0..500)) {
            let mut budget = RetryBudget::default();
            for fails in fails_on_both {
                budget.deposit();
                if fails && budget.withdraw(Some(1)) {
                    budget.record_retry(1, false);
                }
                let mut left = budget.clone();
                prop_assert!((0..7).all(|_| left.withdraw(Some(2))));
            }
        }
    }
}
