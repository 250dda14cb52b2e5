//! An isolate: its snapshot of the policy, its decisions and its counts. The parts are Serin's own code, connected as on the edge.

use std::rc::Rc;
use std::time::Duration;

use serin_logic::breaker::{BackOff, Breaker, Permit, Transition};
use serin_logic::fallback::{self, RetryBudget};
use serin_logic::mirror::{InFlight, MirrorOrder, Slot};
use serin_logic::policy::Switch;
use serin_logic::request_attributes::RequestAttributes;
use serin_logic::rollout::{Observation, Overlay};
use serin_logic::routing::decision::RoutingConfig;
use serin_logic::routing::{Outcome, decide};
use serin_logic::snapshot::{KvValues, Snapshot};
use serin_logic::telemetry::{Answered, Batch, Observed, OutcomeBatcher, Pair, Uncopied};
use serin_logic::variant::Variant;
use serin_logic::visitor::VisitorId;
use serin_logic::visitors::Network;
use serin_logic::{Percentage, Timestamp};

use crate::kv::KEY;

/// The cookie that identifies visitors of the simulated service.
pub(crate) const COOKIE: &str = "account";

const SETUP: RoutingConfig =
    RoutingConfig { canary_bound: true, has_versions: false, override_key: None, max_stale: Duration::from_mins(5) };

/// An isolate.
pub(crate) struct Isolate {
    pub(crate) location: u32,
    /// Generation of the isolate: its place among the isolates that had this slot, one after the other.
    pub(crate) life: u64,
    pub(crate) snapshot: Snapshot,
    breaker: Breaker,
    budget: RetryBudget,
    copies: InFlight,
    batcher: OutcomeBatcher,
}

/// Destination of a request.
pub(crate) enum Sent {
    /// The canary.
    Canary(Option<Observing>),
    /// The canary, to see how it does although the breaker is not closed.
    Probe(Option<Observing>),
    /// Stable, although the visitor is assigned to the canary, because the breaker is open.
    ShortCircuited,
    /// Stable, with an answer that counts.
    Compared(Observing),
    /// Stable. The canary may get a copy.
    Mirrored(Mirrored),
    /// Stable, with an answer that does not count.
    Stable,
}

/// The assignment that an answer is counted for.
#[derive(Clone)]
pub(crate) struct Observing {
    observation: Rc<Observation>,
    observed: Observed,
}

/// A request of which the canary may get a copy, and what the pair of answers counts for.
#[derive(Clone)]
pub(crate) struct Mirrored {
    observation: Rc<Observation>,
    order: Rc<MirrorOrder>,
    visitor: u32,
}

/// The answer to a request.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) failed: bool,
    pub(crate) latency_ms: f64,
    /// Whether stable would answer the same request; none if it may not be sent twice.
    pub(crate) on_stable: Option<bool>,
    /// Whether the request has a body, whose time is the client's own.
    pub(crate) has_body: bool,
    /// Whether the body is watched and breaks off.
    pub(crate) is_broken: bool,
    /// The client's network.
    pub(crate) network: Network,
}

struct Request<'a>(&'a str);

// === impl Isolate ===

impl Isolate {
    pub(crate) fn new(location: u32, life: u64, id: String) -> Self {
        Self {
            location,
            life,
            snapshot: Snapshot::default(),
            breaker: Breaker::default(),
            budget: RetryBudget::default(),
            copies: InFlight::default(),
            batcher: OutcomeBatcher::new(id),
        }
    }

    /// Handles a read of KV that succeeded or failed.
    pub(crate) fn read(&mut self, text: Option<&str>, now: Timestamp) {
        let next = match text {
            Some(text) => {
                let switches = [const { None }; Switch::ALL.len()];
                let values = KvValues { canary_state: Some(text.to_owned()), switches };
                self.snapshot.apply_kv_values(KEY, values, now).0
            }
            None => self.snapshot.record_read_error("KV did not answer".into()).0,
        };
        self.replace(next);
    }

    /// Handles the shard's answer.
    pub(crate) fn receive(&mut self, seq: u64, overlay: Option<Overlay>, now: Timestamp) {
        self.batcher.acknowledge(seq);
        if let Some(overlay) = overlay {
            let next = self.snapshot.apply_overlay(KEY, overlay, now).0;
            self.replace(next);
        }
    }

    fn replace(&mut self, next: Snapshot) {
        if !next.continues(&self.snapshot) {
            self.breaker.reset();
        }
        self.snapshot = next;
    }

    /// The batch to send to the shard.
    pub(crate) fn flush(&mut self) -> Rc<Batch> {
        self.batcher.flush()
    }

    /// Decides the destination of a request.
    pub(crate) fn send(&mut self, key: &str, may_retry: bool, now: Timestamp) -> Sent {
        let decision = decide(&self.snapshot, &SETUP, &Request(key), now);
        let window = self.snapshot.observation_window();
        if let Some((window, visitor)) = window.zip(decision.mirrored)
            && let Some(order) = &window.mirror
        {
            let (observation, order) = (window.observation.clone(), order.clone());
            return Sent::Mirrored(Mirrored { observation, order, visitor });
        }
        let observing = window
            .zip(decision.observed)
            .map(|(window, observed)| Observing { observation: window.observation.clone(), observed });
        match (decision.outcome, observing) {
            (Outcome::Serve(Variant::Canary), observing) => match self.permit(observing.as_ref(), may_retry, now) {
                Permit::Canary => Sent::Canary(observing),
                Permit::Probe => Sent::Probe(observing),
                Permit::ShortCircuit => {
                    if let Some(Observing { observation, observed }) = observing {
                        let unit = self.snapshot.overlay().measure.unit;
                        self.batcher.short_circuit(&observation, observed.visitor, unit);
                    }
                    Sent::ShortCircuited
                }
            },
            (_, Some(observing)) => Sent::Compared(observing),
            (_, None) => Sent::Stable,
        }
    }

    fn permit(&mut self, observing: Option<&Observing>, may_retry: bool, now: Timestamp) -> Permit {
        let visitor = observing.map(|observing| observing.observed.visitor);
        self.breaker.permit(visitor, || visitor.is_some() && may_retry, now)
    }

    /// Handles an answer of the canary, and of stable to the same request if the canary failed it. Returns whether a client saw the failure.
    /// `chance` is uniform in 0..1.
    pub(crate) fn canary_answered(
        &mut self,
        observing: Option<&Observing>,
        answer: Answer,
        is_probe: bool,
        chance: f64,
        now: Timestamp,
    ) -> bool {
        let outcome = fallback::Answer::Status(if answer.failed { 503 } else { 200 });
        let back_off = BackOff { jitter: chance, ..BackOff::default() };
        let visitor = observing.map(|observing| observing.observed.visitor);
        let mut transition = self.breaker.record_canary(visitor, outcome, back_off, now);
        self.budget.deposit();
        let is_probe = is_probe && observing.is_some();
        let retried = answer.on_stable.filter(|_| answer.failed && (is_probe || self.budget.withdraw(visitor, now)));
        if let Some(success) = retried {
            if !success {
                self.budget.record_wasted(visitor, now);
            }
            self.breaker.record_retry(visitor, success, now);
        } else if answer.failed && answer.on_stable.is_some() {
            transition = transition.or(self.breaker.exhaust(back_off, now));
        }
        if let Some(observing) = observing {
            self.count(observing, answer);
            if matches!(transition, Some(Transition::Open { .. })) {
                self.batcher.open_breaker(&observing.observation);
            }
            let stable_is_better = retried.unwrap_or_else(|| self.breaker.stable_fails_less(now));
            if is_probe && (!answer.failed || stable_is_better) {
                self.batcher.record_probe(&observing.observation, answer.failed);
            }
        }
        answer.failed && retried != Some(true)
    }

    /// Handles an answer of stable to a short-circuited request.
    pub(crate) fn stable_answered(&mut self, answer: Answer, now: Timestamp) {
        self.breaker.record_stable(None, !answer.failed, now);
    }

    /// Handles an answer of stable to a request of which the canary is to get a copy. Returns the place of the copy; none if too many are
    /// under way, or the breaker keeps it from the canary.
    pub(crate) fn begin_copy(&mut self, mirrored: &Mirrored, stable: Answer, now: Timestamp) -> Option<Slot> {
        self.breaker.record_stable(Some(mirrored.visitor), !stable.failed, now);
        if !self.observes(mirrored) {
            return None;
        }
        let Some(place) = self.copies.begin(mirrored.order.in_flight, now) else {
            self.batcher.record_uncopied(&mirrored.observation, Uncopied::Busy);
            return None;
        };
        if self.breaker.permit(Some(mirrored.visitor), || true, now) == Permit::ShortCircuit {
            self.copies.end(place);
            self.batcher.record_uncopied(&mirrored.observation, Uncopied::Withheld);
            return None;
        }
        Some(place)
    }

    /// Handles the canary's answer to a copy. Returns whether the pair is counted. `chance` is uniform in 0..1.
    pub(crate) fn copy_answered(
        &mut self,
        mirrored: &Mirrored,
        place: Slot,
        stable: Answer,
        canary: Answer,
        chance: f64,
        now: Timestamp,
    ) -> bool {
        self.copies.end(place);
        let status = |answer: Answer| fallback::Answer::Status(if answer.failed { 503 } else { 200 });
        let back_off = BackOff { jitter: chance, ..BackOff::default() };
        let transition = self.breaker.record_canary(Some(mirrored.visitor), status(canary), back_off, now);
        if !self.observes(mirrored) {
            return false;
        }
        if matches!(transition, Some(Transition::Open { .. })) {
            self.batcher.open_breaker(&mirrored.observation);
        }
        let pair = Pair {
            visitor: mirrored.visitor,
            stable: status(stable),
            canary: status(canary),
            stable_ms: stable.latency_ms,
            canary_ms: canary.latency_ms,
            path: "/",
            ray: "",
        };
        let measure = self.snapshot.overlay().measure;
        self.batcher.record_pair(&mirrored.observation, &pair, (&mirrored.order, &measure), || canary.network);
        true
    }

    /// Whether the step of a copy is still the one that is observed.
    fn observes(&self, mirrored: &Mirrored) -> bool {
        self.snapshot.observation_window().is_some_and(|window| window.observation == mirrored.observation)
    }

    /// Handles an answer of stable to a request that the canary is compared with.
    pub(crate) fn compared_answered(&mut self, observing: &Observing, answer: Answer, now: Timestamp) {
        self.breaker.record_stable(Some(observing.observed.visitor), !answer.failed, now);
        self.count(observing, answer);
    }

    /// Counts an answer.
    fn count(&mut self, observing: &Observing, answer: Answer) {
        let measure = self.snapshot.overlay().measure;
        let answered = Answered { failed: answer.failed, latency_ms: (!answer.has_body).then_some(answer.latency_ms) };
        self.batcher.record(&observing.observation, observing.observed, answered, &measure, || answer.network);
        if answer.is_broken {
            self.batcher.record_broken_body(&observing.observation, observing.observed, || answer.network);
        }
    }
}

// === impl Observing ===

impl Observing {
    pub(crate) fn observation(&self) -> &Observation {
        &self.observation
    }

    pub(crate) fn variant(&self) -> Variant {
        self.observed.variant
    }
}

// === impl Mirrored ===

impl Mirrored {
    pub(crate) fn observation(&self) -> &Observation {
        &self.observation
    }

    /// The share of such requests that are copied, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        f64::from(self.order.percentage.thousandths()) / f64::from(Percentage::FULL.thousandths())
    }
}

// === impl Request ===

/// A visitor with a cookie, of a service without rules. A decision reads no other attribute.
impl RequestAttributes for Request<'_> {
    fn method(&self) -> Rc<str> {
        "GET".into()
    }
    fn host(&self) -> &'static str {
        "service.example"
    }
    fn path(&self) -> &'static str {
        "/"
    }
    fn cookie(&self, name: &str) -> Option<&str> {
        Some(self.0).filter(|_| name == COOKIE)
    }
    fn header(&self, _: &str) -> Option<Rc<str>> {
        None
    }
    fn country(&self) -> Option<Rc<str>> {
        None
    }
    fn continent(&self) -> Option<Rc<str>> {
        None
    }
    fn colo(&self) -> Option<Rc<str>> {
        None
    }
    fn asn(&self) -> Option<u64> {
        None
    }
    fn draw_visitor(&self) -> Option<VisitorId> {
        None
    }
}
