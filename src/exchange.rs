//! One request while a variant answers it: everything that belongs to it, in one value. `shim.js` calls its methods when the variant's
//! promise settles, so that no Rust future waits for a variant.

use std::rc::Rc;

use js_sys::Promise;
use serin_logic::body_watch::{self, ResponseHead};
use serin_logic::fallback::{Answer, has_deadline, may_retry};
use serin_logic::problem::Problem;
use serin_logic::rollout::Observation;
use serin_logic::telemetry::{Answered, Observed};
use serin_logic::version::{VersionCheck, VersionOverrides};
use serin_logic::{Timestamp, Variant};
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, Request, Response};
use worker::{Context, worker_sys};

use crate::canary_guard::Fallback;
use crate::isolate::Isolate;
use crate::mirrored_copy::{MirroredCopy, Selected, StableAnswer};
use crate::outcome::Outcome;
#[cfg(feature = "panic-on-request")]
use crate::platform::panic_point;
use crate::platform::{background, body, clock, exception, response};
use crate::telemetry::Flush;
use crate::{isolate, proxy, request, versions};

/// A request that was sent to a variant and is not answered yet.
#[wasm_bindgen]
pub struct Exchange {
    isolate: Rc<Isolate>,
    context: Rc<Context>,
    request: Request,
    terms: Terms,
    /// The deadline has passed, and the client has another response.
    is_abandoned: bool,
}

/// What is to follow from the answer to a request.
pub(crate) struct Terms {
    pub(crate) route: Route,
    /// The visitor, where the breaker may tell visitors apart.
    pub(crate) visitor: Option<u32>,
    /// What the rollout in progress learns from the outcome.
    pub(crate) observed: Option<ObservedRequest>,
    /// The observed step, if the breaker sent the request to the canary as a probe. Stable's answer to the same request is a part of it.
    pub(crate) probe: Option<Rc<Observation>>,
    /// The copy that is to follow stable's answer.
    pub(crate) mirror: Option<Selected>,
    /// The versions that are the variants; none where the variants are two Workers.
    pub(crate) overrides: Option<Rc<VersionOverrides>>,
    /// The `Set-Cookie` of a new visitor.
    pub(crate) set_cookie: Option<String>,
    pub(crate) sent_at: Timestamp,
}

/// Where a request is sent, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To stable.
    Stable,
    /// To the canary.
    Canary,
    /// To the canary, because of a QA override: the outcome says nothing about the visitors' canary.
    ForcedCanary,
    /// To stable, because the breaker keeps it from the canary.
    ShortCircuited,
    /// To stable, because the canary failed it.
    Retried,
}

/// An observed request, and the step of the rollout that was observed when it was sent.
#[derive(Clone)]
pub(crate) struct ObservedRequest {
    pub(crate) observed: Observed,
    pub(crate) window: Rc<Observation>,
}

#[wasm_bindgen(module = "/src/shim.js")]
extern "C" {
    /// The variant's response as the client gets it, or an error if no variant responded.
    #[wasm_bindgen(js_name = orElse)]
    fn or_else(sent: &Promise) -> Promise;

    /// Passes a variant's response or exception to `exchange`, and returns the client's response. After a panic that is the variant's own.
    fn observe(sent: &Promise, exchange: Exchange) -> Promise;

    /// Passes the canary's response, exception or silence of `limit_ms` (0: no limit) to `exchange`, and returns the client's response.
    /// After a panic `stable` answers a failed request that is safe to send again.
    fn guard(
        sent: &Promise,
        exchange: Exchange,
        limit_ms: f64,
        request: &Request,
        stable: &worker_sys::Fetcher,
    ) -> Promise;
}

// === impl Exchange ===

impl Exchange {
    /// Sends a request to its variant. Returns the client's response.
    pub(crate) fn send(isolate: &Rc<Isolate>, context: &Rc<Context>, request: &Request, terms: Terms) -> Promise {
        let target = terms.route.target();
        let sent = isolate.proxy.send(target, request, terms.overrides.as_deref());
        if terms.is_plain() {
            return or_else(&sent);
        }
        let exchange = Self {
            isolate: isolate.clone(),
            context: context.clone(),
            // `Request::clone` is JavaScript's, which copies the body; this is another handle of the same object.
            request: Clone::clone(request),
            terms,
            is_abandoned: false,
        };
        match (target, isolate.proxy.stable()) {
            (Variant::Canary, Some(stable)) => guard(&sent, exchange, isolate.guard.deadline_ms(), request, stable),
            _ => observe(&sent, exchange),
        }
    }

    fn settle(&mut self, outcome: Outcome) -> JsValue {
        let given = match self.terms.route.target() {
            Variant::Stable => self.settle_stable(outcome),
            Variant::Canary => self.settle_canary(outcome),
        };
        match (given, self.terms.set_cookie.take()) {
            (ClientResponse::Response(response), cookie) => {
                let response = proxy::passed_on(response, cookie.as_deref());
                self.watch_body(&response);
                response.into()
            }
            (ClientResponse::Retry, set_cookie) => self.retry_on_stable(set_cookie).into(),
        }
    }

    /// Stable's response to a second attempt at the request, or a 502 if the attempt cannot be made.
    fn retry_on_stable(&self, set_cookie: Option<String>) -> Promise {
        let Terms { visitor, sent_at, ref probe, ref overrides, .. } = self.terms;
        let route = if self.terms.route == Route::Canary { Route::Retried } else { Route::Stable };
        let (probe, overrides) = (probe.clone(), overrides.clone());
        let terms = Terms { route, visitor, observed: None, probe, mirror: None, overrides, set_cookie, sent_at };
        match proxy::marked_as_retry(&self.request) {
            Ok(request) => Self::send(&self.isolate, &self.context, &request, terms),
            Err(error) => Promise::resolve(&JsValue::from(self.passed_on(Outcome::Exception(error)))),
        }
    }

    fn settle_stable(&mut self, outcome: Outcome) -> ClientResponse {
        let answer = outcome.answer();
        self.check_version(&outcome);
        let (guard, visitor) = (&self.isolate.guard, self.terms.visitor);
        match self.terms.route {
            Route::ShortCircuited => guard.record_stable(visitor, answer),
            Route::Retried => {
                guard.record_retry(visitor, answer);
                // What fails on stable too says nothing about the canary.
                if !answer.is_failure() {
                    self.record_probe(true);
                }
            }
            Route::Stable | Route::Canary | Route::ForcedCanary => {
                if self.terms.observed.is_some() || self.terms.mirror.is_some() {
                    guard.record_stable(visitor, answer);
                }
                self.observe(answer);
                if let Some(selected) = self.terms.mirror.take() {
                    let stable = StableAnswer { answer, latency: clock::now().since(self.terms.sent_at) };
                    MirroredCopy::send_behind(&self.isolate, &self.context, &self.request, selected, stable);
                }
            }
        }
        ClientResponse::Response(self.passed_on(outcome))
    }

    fn settle_canary(&mut self, outcome: Outcome) -> ClientResponse {
        let answer = outcome.answer();
        let canary = outcome.for_guard(self.isolate.guard.deadline());
        if self.check_version(&outcome) != Some(VersionCheck::Wrong) && self.terms.route == Route::Canary {
            self.observe(answer);
            if self.isolate.guard.record_canary(self.terms.visitor, &canary) {
                self.breaker_opened();
            }
        }
        if !(answer.is_failure() && has_fallback(&self.isolate, &self.request)) {
            if !answer.is_failure() || self.isolate.guard.stable_fails_less() {
                self.record_probe(answer.is_failure());
            }
            return ClientResponse::Response(self.passed_on(outcome));
        }
        let is_probe = self.terms.probe.is_some();
        let (fallback, opened) = self.isolate.guard.fall_back(self.terms.visitor, &canary, is_probe);
        if opened {
            self.breaker_opened();
        }
        match fallback {
            Fallback::Exhausted => ClientResponse::Response(self.passed_on(outcome)),
            Fallback::Retry => {
                if let Some(request) = self.observed_now() {
                    self.isolate.telemetry.record_rescue(&request.window);
                }
                if let Outcome::Response(response) = outcome {
                    proxy::discard(&response);
                }
                ClientResponse::Retry
            }
        }
    }

    /// Counts the answer to a request that is observed or to be copied by its version. One of another version says nothing about this
    /// variant, so the request is neither any more.
    fn check_version(&mut self, outcome: &Outcome) -> Option<VersionCheck> {
        let target = self.terms.route.target();
        let check = versions::check(self.terms.overrides.as_deref(), target, outcome, &self.isolate.config)?;
        let telemetry = &self.isolate.telemetry;
        if let Some(ObservedRequest { observed, window }) = self.observed_now() {
            self.flush(telemetry.record_version(window, *observed, check));
        } else if let Some(selected) =
            self.terms.mirror.as_ref().filter(|selected| self.isolate.observes(&selected.window))
        {
            self.flush(telemetry.record_pair_version(&selected.window, target, check));
        } else {
            return None;
        }
        if check == VersionCheck::Wrong {
            (self.terms.observed, self.terms.probe, self.terms.mirror) = (None, None, None);
        }
        Some(check)
    }

    /// The variant's own response, or what a client sees where there is none.
    fn passed_on(&self, outcome: Outcome) -> Response {
        let proxy = &self.isolate.proxy;
        match outcome {
            Outcome::Response(response) => response,
            Outcome::Exception(error) => proxy.unanswered(&Problem::unanswered(), &exception::text(&error)),
            Outcome::TimedOut => proxy.unanswered(&Problem::late(), &outcome.cause(self.isolate.guard.deadline())),
        }
    }

    /// The request, if its outcome counts: it is observed, and the step that was observed when it was sent still is.
    fn observed_now(&self) -> Option<&ObservedRequest> {
        self.terms.observed.as_ref().filter(|request| request.is_current(&self.isolate))
    }

    /// Counts the outcome, if the step that was observed when the request was sent still is.
    fn observe(&self, answer: Answer) {
        let Some(request) = self.observed_now() else { return };
        let latency = clock::now().since(self.terms.sent_at);
        // The time of a request with a body contains the client's own.
        let latency_ms = (!has_body(&self.request)).then_some(latency.as_secs_f64() * 1000.0);
        let answered = Answered { failed: answer.is_failure(), latency_ms };
        let ObservedRequest { observed, window } = request;
        let network = || request::client_network(&self.request, &window.rollout_id);
        let snapshot = self.isolate.policy.known();
        let measure = &snapshot.overlay().measure;
        self.flush(self.isolate.telemetry.record(window, *observed, answered, measure, network));
    }

    /// Follows a copy of the response's body to its end, if the request is in the sample, and counts one that breaks off as failed. The
    /// client gets the runtime's own stream. A client that leaves does not end the copy, and so is no failure.
    fn watch_body(&self, response: &Response) {
        let Some(request) = self.observed_now() else { return };
        let is_failed = Answer::Status(response.status()).is_failure();
        let Some(copy) = (!is_failed).then(|| self.sampled_copy(response)).flatten() else { return };
        let network = request::client_network(&self.request, &request.window.rollout_id);
        let (isolate, context, request) = (self.isolate.clone(), self.context.clone(), request.clone());
        background::wait_until(&self.context, async move {
            let is_broken = body::breaks_off(&copy, body_watch::MAX_BYTES, body_watch::MAX_TIME).await;
            if is_broken && request.is_current(&isolate) {
                let flush = isolate.telemetry.record_broken_body(&request.window, request.observed, || network);
                Isolate::begin_flush(isolate, &context, flush);
            }
        });
    }

    /// A copy of the response's body, if the request is in the sample and the body can be watched. The runtime copies the stream as it is,
    /// without decoding it.
    fn sampled_copy(&self, response: &Response) -> Option<ReadableStream> {
        let snapshot = self.isolate.policy.known();
        if !self.isolate.telemetry.samples_body(snapshot.observation_window()?.watch_bodies) {
            return None;
        }
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let (content_type, content_length) = (header("content-type"), header("content-length"));
        let head = ResponseHead {
            status: response.status(),
            content_type: content_type.as_deref(),
            content_length: content_length.as_deref(),
        };
        if response.body().is_none() || !body_watch::is_watchable(&self.request.method(), head) {
            return None;
        }
        response.clone().ok()?.body()
    }

    /// An open breaker is news that the controller should have at once.
    fn breaker_opened(&self) {
        if let Some(window) = self.isolate.policy.known().observation_window() {
            self.flush(self.isolate.telemetry.record_open_breaker(&window.observation));
        }
    }

    fn flush(&self, flush: Flush) {
        Isolate::begin_flush(self.isolate.clone(), &self.context, flush);
    }

    /// Counts how the request ended, if it is a probe.
    fn record_probe(&self, failed: bool) {
        if let Some(window) = &self.terms.probe {
            self.isolate.telemetry.record_probe(window, failed);
        }
    }
}

/// Whether stable can answer the request if the canary fails it.
pub(crate) fn has_fallback(isolate: &Isolate, request: &Request) -> bool {
    falls_back(isolate) && can_be_sent_again(request)
}

fn falls_back(isolate: &Isolate) -> bool {
    isolate.policy.known().last_good().is_none_or(|state| state.fallback)
}

/// Whether a request may be sent a second time.
pub(crate) fn can_be_sent_again(request: &Request) -> bool {
    may_retry(&request.method(), has_body(request), is_upgrade(request))
}

fn has_body(request: &Request) -> bool {
    request.body().is_some()
}

fn is_upgrade(request: &Request) -> bool {
    request.headers().has("upgrade").unwrap_or(true)
}

// === impl ObservedRequest ===

impl ObservedRequest {
    /// Whether the step that was observed when the request was sent still is.
    fn is_current(&self, isolate: &Isolate) -> bool {
        isolate.observes(&self.window)
    }
}

#[wasm_bindgen]
impl Exchange {
    /// The client's response where a variant's own sets cookies and nothing else follows from it.
    #[wasm_bindgen(js_name = passOn)]
    pub fn pass_on(response: Response) -> Response {
        proxy::passed_on(response, None)
    }

    /// The client's response where a variant threw `error`, and no other could answer.
    pub fn unanswered(error: &JsValue) -> Response {
        let cause = exception::text(error);
        match isolate::existing() {
            Some(isolate) => isolate.proxy.unanswered(&Problem::unanswered(), &cause),
            // A panic has just taken the isolate's state: there is no log to keep short.
            None => response::problem(&Problem::unanswered()),
        }
    }

    /// Takes the variant's response, and gives the client's: a response, or a promise of one.
    pub fn answered(mut self, response: Response) -> JsValue {
        #[cfg(feature = "panic-on-request")]
        panic_point::reach("answer", &self.request);
        if self.is_abandoned {
            proxy::discard(&response);
            return JsValue::UNDEFINED;
        }
        self.settle(Outcome::Response(response))
    }

    /// Takes the variant's exception, and gives the client's response, or a promise of one.
    pub fn failed(mut self, error: JsValue) -> JsValue {
        if self.is_abandoned {
            return JsValue::UNDEFINED;
        }
        self.settle(Outcome::Exception(error))
    }

    /// The deadline has passed. Gives the client's response, or a promise of one; `undefined` where the request has no deadline, because
    /// its client may still be sending the body or because it asks for another protocol.
    #[wasm_bindgen(js_name = timedOut)]
    pub fn timed_out(&mut self) -> JsValue {
        if !has_deadline(has_body(&self.request), is_upgrade(&self.request)) {
            return JsValue::UNDEFINED;
        }
        let given = self.settle(Outcome::TimedOut);
        self.is_abandoned = true;
        given
    }
}

/// The client's response.
enum ClientResponse {
    Response(Response),
    /// Stable's response to a second attempt.
    Retry,
}

// === impl Terms ===

impl Terms {
    /// Whether nothing follows: stable's own promise can be handed on.
    pub(crate) fn is_plain(&self) -> bool {
        self.route == Route::Stable && self.observed.is_none() && self.mirror.is_none() && self.set_cookie.is_none()
    }
}

// === impl Route ===

impl Route {
    /// The variant that gets the request.
    pub(crate) fn target(self) -> Variant {
        match self {
            Self::Stable | Self::ShortCircuited | Self::Retried => Variant::Stable,
            Self::Canary | Self::ForcedCanary => Variant::Canary,
        }
    }
}
