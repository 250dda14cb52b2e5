//! The copy of a request that stable has answered, on its way to the canary. It is sent behind the visitor's response, and nothing of its
//! answer but the status and the time is used. As in `exchange.rs`, no Rust future waits for the variant.

use core::time::Duration;
use std::rc::Rc;

use js_sys::Promise;
use serin_logic::breaker::Permit;
use serin_logic::fallback::{Answer, CANARY_DEADLINE_SECONDS};
use serin_logic::mirror::{MirrorOrder, Slot};
use serin_logic::rollout::Observation;
use serin_logic::telemetry::{Pair, Uncopied};
use serin_logic::version::{VersionCheck, VersionOverrides};
use serin_logic::{Timestamp, Variant};
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, Request, Response};
use worker::{Context, Delay};

use crate::isolate::Isolate;
use crate::outcome::Outcome;
#[cfg(feature = "panic-on-request")]
use crate::platform::panic_point;
use crate::platform::{background, clock, timeout, url};
use crate::{proxy, request, versions};

/// A copy that the canary has not answered yet.
#[wasm_bindgen]
pub struct MirroredCopy {
    isolate: Rc<Isolate>,
    context: Rc<Context>,
    request: Request,
    selected: Selected,
    stable: StableAnswer,
    /// The versions that are the variants; none where the variants are two Workers.
    overrides: Option<Rc<VersionOverrides>>,
    sent_at: Timestamp,
    slot: Slot,
    abort: AbortController,
}

/// A request that is to be copied once stable has answered it.
pub(crate) struct Selected {
    /// The visitor, as pairs count it.
    pub(crate) visitor: u32,
    /// The same, as the breaker knows it.
    pub(crate) breaker_visitor: Option<u32>,
    /// The step that mirrors.
    pub(crate) window: Rc<Observation>,
    /// What the step copies.
    pub(crate) order: Rc<MirrorOrder>,
}

/// How stable answered the request.
#[derive(Clone, Copy)]
pub(crate) struct StableAnswer {
    pub(crate) answer: Answer,
    pub(crate) latency: Duration,
}

#[wasm_bindgen(module = "/src/shim.js")]
extern "C" {
    /// Passes the canary's response, exception or silence (`undefined`) to `copy`.
    #[wasm_bindgen(js_name = observe)]
    fn observe_copy(sent: &Promise, copy: MirroredCopy) -> Promise;
}

// === impl MirroredCopy ===

impl MirroredCopy {
    /// Sends a copy of the request to the canary, once the runtime has the visitor's response.
    pub(crate) fn send_behind(
        isolate: &Rc<Isolate>,
        context: &Rc<Context>,
        request: &Request,
        selected: Selected,
        stable: StableAnswer,
    ) {
        // `Request::clone` is JavaScript's, which copies the body; this is another handle of the same object.
        let (isolate, kept_context, request) = (isolate.clone(), context.clone(), Clone::clone(request));
        background::wait_until(context, async move {
            Delay::from(Duration::ZERO).await;
            Self::send(isolate, &kept_context, request, selected, stable);
        });
    }

    fn send(isolate: Rc<Isolate>, context: &Rc<Context>, request: Request, selected: Selected, stable: StableAnswer) {
        if !isolate.observes(&selected.window) {
            return;
        }
        let now = clock::now();
        let Some(slot) = isolate.mirror.begin(selected.order.in_flight, now) else {
            return isolate.telemetry.record_uncopied(&selected.window, Uncopied::Busy);
        };
        // Nobody suffers where the canary fails a copy: each may be a sample.
        if isolate.guard.permit(selected.breaker_visitor, || true, now) == Permit::ShortCircuit {
            isolate.mirror.end(slot);
            return isolate.telemetry.record_uncopied(&selected.window, Uncopied::Withheld);
        }
        let copy = AbortController::new().and_then(|abort| {
            let copy = proxy::marked_as_mirror(&request, &abort.signal())?;
            Ok((copy, abort))
        });
        let Ok((copy, abort)) = copy else { return isolate.mirror.end(slot) };
        let deadline = Some(isolate.guard.deadline()).filter(|deadline| !deadline.is_zero());
        let limit = deadline.unwrap_or(Duration::from_secs(CANARY_DEADLINE_SECONDS));
        let overrides = isolate.policy.overrides();
        let sent = timeout::or_undefined(limit, &isolate.proxy.send(Variant::Canary, &copy, overrides.as_deref()));
        let context_of_copy = context.clone();
        let exchange =
            Self { isolate, context: context_of_copy, request, selected, stable, overrides, sent_at: now, slot, abort };
        background::keep_alive(context, &observe_copy(&sent, exchange));
    }

    fn settle(self, outcome: &Outcome) {
        self.isolate.mirror.end(self.slot);
        if self.check_version(outcome) == Some(VersionCheck::Wrong) {
            return;
        }
        let Self { isolate, context, request, selected, stable, sent_at, .. } = self;
        let Selected { visitor, breaker_visitor, window, order } = selected;
        let canary = outcome.for_guard(isolate.guard.deadline());
        if isolate.guard.record_canary(breaker_visitor, &canary) && isolate.observes(&window) {
            let flush = isolate.telemetry.record_open_breaker(&window);
            Isolate::begin_flush(isolate.clone(), &context, flush);
        }
        if !isolate.observes(&window) {
            return;
        }
        let path = url::of(&request).map(|url| url.pathname()).unwrap_or_default();
        let ray = request.headers().get("cf-ray").ok().flatten().unwrap_or_default();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let pair = Pair {
            visitor,
            stable: stable.answer,
            canary: canary.answer,
            stable_ms: ms(stable.latency),
            canary_ms: ms(clock::now().since(sent_at)),
            path: &path,
            ray: &ray,
        };
        let snapshot = isolate.policy.known();
        let settings = (&*order, &snapshot.overlay().measure);
        let network = || request::client_network(&request, &window.rollout_id);
        let flush = isolate.telemetry.record_pair(&window, &pair, settings, network);
        Isolate::begin_flush(isolate.clone(), &context, flush);
    }

    /// Counts the canary's answer by its version. One of another version is no half of a pair, and says nothing to the breaker.
    fn check_version(&self, outcome: &Outcome) -> Option<VersionCheck> {
        let check = versions::check(self.overrides.as_deref(), Variant::Canary, outcome, &self.isolate.config)?;
        if self.isolate.observes(&self.selected.window) {
            let flush = self.isolate.telemetry.record_pair_version(&self.selected.window, Variant::Canary, check);
            Isolate::begin_flush(self.isolate.clone(), &self.context, flush);
        }
        Some(check)
    }
}

#[wasm_bindgen]
impl MirroredCopy {
    /// Takes the canary's response, or `undefined` where the deadline has passed. Its body is cancelled, and nothing of it goes anywhere.
    pub fn answered(self, response: JsValue) {
        #[cfg(feature = "panic-on-request")]
        panic_point::reach("copy", &self.request);
        if let Ok(response) = response.dyn_into::<Response>() {
            proxy::discard(&response);
            self.settle(&Outcome::Response(response));
        } else {
            self.abort.abort();
            self.settle(&Outcome::TimedOut);
        }
    }

    /// Takes the canary's exception.
    pub fn failed(self, error: JsValue) {
        self.settle(&Outcome::Exception(error));
    }
}
