//! The path of a request: snapshot → decide → where JavaScript sends it.

use serin_logic::Timestamp;
use serin_logic::Variant;
use serin_logic::breaker::Permit;
use serin_logic::policy::Snapshot;
use serin_logic::problem::Problem;
use serin_logic::routing::{Decision, Facts as _, Outcome, Reason, cookies, decide, override_token};
use serin_runtime::{clock, respond};
use wasm_bindgen::prelude::*;
use web_sys::Request;

use crate::facts::RequestFacts;
use crate::isolate::Isolate;

/// Who answers: a route without what is [`Also`] to be done.
#[wasm_bindgen]
#[repr(u8)]
pub enum Who {
    /// Stable.
    Stable,
    /// The canary, or stable in its place.
    Canary,
    /// The same for a request that QA forced: it tells the breaker nothing.
    Forced,
    /// Stable in place of a canary whose breaker is open.
    Diverted,
    /// Serin itself, with the isolate's `answer`.
    Serin,
    /// `/health`.
    Health,
    /// The control API.
    Api,
    /// Nobody yet: the isolate knows no policy. A read is to be made, and the route to be asked for again.
    Unread,
}

/// What else is to be done: one bit each, the lowest above all of [`Who`].
#[wasm_bindgen]
#[repr(u8)]
pub enum Also {
    /// Tell how it ended, with the isolate's `ticket`.
    Observe = 8,
    /// Give the visitor the isolate's `cookie`.
    Welcome = 16,
    /// Send it without reserved headers, and with the isolate's `cookies`.
    Clean = 32,
    /// Read the policy again behind it.
    Refresh = 64,
    /// Tell all of `/health`.
    Detail = 128,
}

#[wasm_bindgen]
impl Isolate {
    /// A request's route: [`Who`] and [`Also`]. What every decision needs of it comes along, read by JavaScript: `url` without the query,
    /// `own_cookies` as far as they are Serin's own, whether it `has_reserved` headers, and the time in ms.
    #[must_use]
    pub fn route(&self, request: &Request, url: &str, own_cookies: &str, has_reserved: bool, now: f64) -> u32 {
        let now = clock::at(now);
        let facts = RequestFacts::new(request, url, own_cookies, has_reserved);
        match facts.path() {
            "/health" => return self.health_route(&facts),
            path if is_reserved(path) => return Who::Api as u32,
            _ => {}
        }
        let snapshot = self.snapshot.borrow().clone();
        let is_due = self.is_read_due(snapshot.is_some(), now);
        let Some(snapshot) = snapshot else { return Who::Unread as u32 };
        let route = self.decided(&snapshot, &facts, now);
        if is_due { route | Also::Refresh as u32 } else { route }
    }

    /// The answer of a request that Serin itself answers.
    #[must_use]
    pub fn answer(&self) -> JsValue {
        self.answer.take()
    }

    /// The `Set-Cookie` of a new visitor.
    #[must_use]
    pub fn cookie(&self) -> Option<String> {
        self.visitor.take().map(|visitor| visitor.set_cookie())
    }

    /// The `Cookie` header of a request that is to be cleaned; empty for none.
    #[must_use]
    pub fn cookies(&self) -> String {
        self.cookies.take()
    }
}

impl Isolate {
    pub(crate) fn answered(&self, problem: &Problem) -> u32 {
        self.answer.set(respond::problem(problem));
        Who::Serin as u32
    }

    fn decided(&self, snapshot: &Snapshot, facts: &RequestFacts<'_>, now: Timestamp) -> u32 {
        let decision = decide(snapshot, &self.settings.setup, facts, now);
        match decision.outcome {
            Outcome::Unavailable(switch) => {
                self.answered(&Problem::unavailable(switch, snapshot.switches().get(switch), now))
            }
            Outcome::Serve(variant) => self.who(&decision, variant, now) | self.also(&decision, facts),
        }
    }

    fn who(&self, decision: &Decision, variant: Variant, now: Timestamp) -> u32 {
        let who = match variant {
            Variant::Stable => Who::Stable,
            Variant::Canary if decision.reason == Reason::Override => Who::Forced,
            Variant::Canary => match self.breaker.borrow_mut().permit(now) {
                Permit::Canary => Who::Canary,
                Permit::Divert => Who::Diverted,
            },
        };
        let also = match (decision.observed, &who) {
            (None, _) => 0,
            (Some(_), Who::Diverted) => {
                self.divert();
                0
            }
            (Some(observed), _) => {
                self.observer.begin(observed);
                Also::Observe as u32
            }
        };
        who as u32 | also
    }

    fn also(&self, decision: &Decision, facts: &RequestFacts<'_>) -> u32 {
        let mut also = 0;
        if decision.new_visitor.is_some() {
            self.visitor.set(decision.new_visitor);
            also |= Also::Welcome as u32;
        }
        let by_cookie =
            || decision.reason == Reason::Override && cookies::find(facts.cookies(), override_token::COOKIE).is_some();
        if facts.has_reserved() || by_cookie() {
            self.cookies.set(cookies::without(facts.cookies(), override_token::COOKIE).unwrap_or_default());
            also |= Also::Clean as u32;
        }
        also
    }
}

/// Serin's own namespace, which no variant ever sees.
fn is_reserved(path: &str) -> bool {
    path.strip_prefix("/__serin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
