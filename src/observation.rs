//! What becomes of observed requests: counted here, and handed to the location's shard with every refresh. The shard's answer is what
//! holds by the controller's word.

use core::cell::{Cell, OnceCell, RefCell};
use core::time::Duration;

use js_sys::{Array, Object, Reflect};
use serin_logic::health::{Component, Status};
use serin_logic::observation::{Batch, Observed, Tally};
use serin_logic::policy::Overlay;
use serin_logic::rollout::Observation;
use serin_logic::{Timestamp, Variant};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

use crate::isolate::Isolate;
use crate::snapshot;
use serin_runtime::javascript::{AnalyticsEngine, IncomingRequest, ObjectNamespace};
use serin_runtime::{clock, deadline, exception, javascript, log, randomness, respond};

/// How long a shard may take.
const DEADLINE: Duration = Duration::from_secs(3);
/// The shard of requests without a location, as on a developer's machine.
const NOWHERE: &str = "local";

/// An isolate's observer.
#[derive(Default)]
pub(crate) struct Observer {
    tally: OnceCell<RefCell<Tally>>,
    colo: OnceCell<String>,
    /// Grows with each change of who is observed: an answer to a request from before says nothing about what is observed now.
    watch: Cell<u32>,
    /// When counts are handed over at the latest.
    flush_at: Cell<Timestamp>,
    is_unreachable: Cell<bool>,
}

/// An observed request on its way, as JavaScript carries it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ticket {
    /// 0: the request is not observed.
    pub(crate) watch: u32,
    pub(crate) unit: u32,
    pub(crate) begun: f64,
}

// === impl Observer ===

impl Observer {
    pub(crate) fn begin_watch(&self) {
        self.watch.set(self.watch.get().wrapping_add(1).max(1));
    }

    /// For a request that is sent on now.
    pub(crate) fn ticket(&self, observed: Observed, now: Timestamp) -> Ticket {
        Ticket { watch: self.watch.get(), unit: observed.unit, begun: now.as_millis() as f64 }
    }

    fn tally(&self) -> &RefCell<Tally> {
        self.tally.get_or_init(|| {
            // Without randomness two isolates may share an id, and one's counts are dropped as sent twice.
            RefCell::new(Tally::of_random(randomness::bits().unwrap_or_default()))
        })
    }
}

/// Counts how an observed request ended.
pub(crate) fn record(isolate: &'static Isolate, ticket: Ticket, arm: Variant, failed: bool) {
    if ticket.watch != isolate.observer.watch.get() {
        return;
    }
    let observed = Observed { arm, unit: ticket.unit };
    #[expect(clippy::cast_precision_loss, reason = "a time of day in ms is far below 2^53")]
    let latency_ms = clock::now().as_millis() as f64 - ticket.begun;
    with_watch(isolate, |tally, observation| {
        tally.record(observation, observed, failed, latency_ms);
        if let Some(analytics) = &isolate.bindings.analytics {
            write_point(analytics, observation, arm, failed, latency_ms);
        }
    });
    flush_in_time(isolate);
}

/// One data point, for those who have a dataset: index rollout; blobs variant, step; doubles failed, latency in ms.
fn write_point(analytics: &AnalyticsEngine, observation: &Observation, arm: Variant, failed: bool, latency_ms: f64) {
    let point = Object::new();
    let list = |values: &[JsValue]| values.iter().collect::<Array>();
    let step = (observation.step + 1).to_string();
    for (name, values) in [
        ("indexes", list(&[observation.rollout_id.as_str().into()])),
        ("blobs", list(&[arm.as_str().into(), step.into()])),
        ("doubles", list(&[u8::from(failed).into(), latency_ms.into()])),
    ] {
        // Setting a field of a fresh object cannot fail.
        let _ = Reflect::set(&point, &name.into(), &values);
    }
    // A dataset that takes no more points is no reason to fail a request.
    let _ = analytics.write_data_point(&point);
}

/// Counts a request that the breaker sent to stable: it is in neither arm.
pub(crate) fn divert(isolate: &'static Isolate) {
    with_watch(isolate, Tally::divert);
}

/// The breaker opened: that cannot wait.
pub(crate) fn open_breaker(isolate: &'static Isolate) {
    if with_watch(isolate, Tally::open_breaker) {
        respond::behind(try_flush(isolate));
    }
}

fn with_watch(isolate: &Isolate, act: impl FnOnce(&mut Tally, &Observation)) -> bool {
    let snapshot = isolate.snapshot.borrow().clone();
    let watch = snapshot.as_ref().and_then(|snapshot| snapshot.watch());
    if let Some(watch) = watch {
        act(&mut isolate.observer.tally().borrow_mut(), &watch.observation);
    }
    watch.is_some()
}

/// Hands over what was counted, and hears what holds; behind a request, with each refresh of the policy.
pub(crate) fn exchange(isolate: &'static Isolate, request: &Request) {
    if isolate.bindings.metrics.is_some() {
        isolate.observer.colo.get_or_init(|| {
            let colo = || request.unchecked_ref::<IncomingRequest>().cf()?.colo().as_string();
            colo().unwrap_or_else(|| NOWHERE.to_owned())
        });
        respond::behind(try_flush(isolate));
    }
}

/// Counts are handed over within a refresh interval, also when no further request comes.
fn flush_in_time(isolate: &'static Isolate) {
    let (now, refresh) = (clock::now(), isolate.bindings.refresh);
    let flush_at = &isolate.observer.flush_at;
    if isolate.bindings.metrics.is_none() || now < flush_at.get() {
        return;
    }
    flush_at.set(now.after(refresh));
    respond::behind(async move {
        javascript::wait(refresh.as_secs_f64() * 1000.0).await;
        if !isolate.observer.tally().borrow().is_empty() {
            try_flush(isolate).await;
        }
    });
}

/// The health of the location's shard: it takes what was counted.
pub(crate) async fn check(isolate: &'static Isolate) -> Component {
    match flush(isolate).await {
        Ok(()) => Component::ok(),
        Err(why) => Component::wrong(Status::Down, why),
    }
}

async fn flush(isolate: &'static Isolate) -> Result<(), String> {
    let Some(metrics) = &isolate.bindings.metrics else { return Ok(()) };
    let colo = isolate.observer.colo.get().map_or(NOWHERE, String::as_str);
    let batch = isolate.observer.tally().borrow_mut().flush();
    let answer = match deadline::within(DEADLINE, Box::pin(send(metrics, colo, &batch))).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", DEADLINE.as_secs())),
    };
    // Once, until it works again; what was counted is sent again.
    let was_unreachable = isolate.observer.is_unreachable.replace(answer.is_err());
    if let (Err(why), false) = (&answer, was_unreachable) {
        log::trouble("metrics", why.clone());
    }
    let overlay = answer?;
    isolate.observer.tally().borrow_mut().delivered(batch.seq);
    if let Some(overlay) = overlay {
        snapshot::hear(isolate, overlay);
    }
    Ok(())
}

/// As [`flush`]; what does not arrive is sent again with the next one.
async fn try_flush(isolate: &'static Isolate) {
    let _ = flush(isolate).await;
}

async fn send(metrics: &ObjectNamespace, colo: &str, batch: &Batch) -> Result<Option<Overlay>, String> {
    let init = Object::new();
    // Setting a field of a fresh object cannot fail.
    let _ = Reflect::set(&init, &"method".into(), &"POST".into());
    let _ = Reflect::set(&init, &"body".into(), &batch.to_json().into());
    let call = async {
        let shard = metrics.stub(&metrics.id_from_name(colo)?)?;
        let response: Response = shard.fetch_with(&format!("https://shard/{colo}"), &init).await?.unchecked_into();
        Ok((response.status(), JsFuture::from(response.text()?).await?.as_string().unwrap_or_default()))
    };
    match call.await.map_err(|error: JsValue| exception::text(&error))? {
        (200, text) => Overlay::parse(&text).map_err(|error| error.to_string()),
        (status, text) => Err(format!("answered {status}: {text}")),
    }
}
