//! How a variant answered a request, or what kept it from that.

use core::time::Duration;

use serin_logic::fallback::Answer;
use wasm_bindgen::JsValue;
use web_sys::Response;

use crate::canary_guard::CanaryOutcome;
use crate::platform::exception;

/// A variant's response, or what kept it from giving one.
pub(crate) enum Outcome {
    Response(Response),
    Exception(JsValue),
    TimedOut,
}

// === impl Outcome ===

impl Outcome {
    pub(crate) fn answer(&self) -> Answer {
        match self {
            Self::Response(response) => Answer::Status(response.status()),
            Self::Exception(_) | Self::TimedOut => Answer::Exception,
        }
    }

    pub(crate) fn for_guard(&self, deadline: Duration) -> CanaryOutcome {
        let answer = self.answer();
        CanaryOutcome {
            answer,
            retry_after: self.retry_after(),
            cause: if answer.is_failure() { self.cause(deadline) } else { String::new() },
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Response(response) if matches!(response.status(), 429 | 503) => {
                response.headers().get("retry-after").ok()??.parse().ok()
            }
            Self::Response(_) | Self::Exception(_) | Self::TimedOut => None,
        }
    }

    /// Why the variant failed, for the log.
    pub(crate) fn cause(&self, deadline: Duration) -> String {
        match self {
            Self::Response(response) => response.status().to_string(),
            Self::Exception(error) => exception::text(error),
            Self::TimedOut => format!("the canary did not answer within {} ms", deadline.as_millis()),
        }
    }
}
