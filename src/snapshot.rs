//! The isolate's copy of the policy: read once before the first answer, then refreshed behind requests.

use core::time::Duration;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect};
use serin_logic::Timestamp;
use serin_logic::health::{Component, Status};
use serin_logic::policy::snapshot::Documents;
use serin_logic::policy::{Snapshot, Switch};
use wasm_bindgen::prelude::*;

use crate::isolate::Isolate;
use serin_runtime::javascript::Context;
use serin_runtime::{clock, deadline, exception, log, respond};

/// How long the first request of an isolate waits for KV.
const FIRST_READ: Duration = Duration::from_millis(250);
/// How long a read may take before it counts as failed.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// The shortest that KV accepts; the longest that a location may answer with an old value.
const KV_CACHE_SECONDS: u32 = 30;

/// The snapshot, refreshed behind this request when it is due; `None` in an isolate that has none yet.
pub(crate) fn current(isolate: &'static Isolate, context: &Context, now: Timestamp) -> Option<Rc<Snapshot>> {
    let snapshot = isolate.snapshot.borrow().clone()?;
    if now.since(*isolate.read_begun_at.borrow()) >= isolate.bindings.refresh {
        *isolate.read_begun_at.borrow_mut() = now;
        respond::behind(context, refresh(isolate));
    }
    Some(snapshot)
}

/// The first snapshot: what a read says within the deadline, or that nothing is known. A read that takes longer goes on
/// behind the request.
pub(crate) fn first(
    isolate: &'static Isolate,
    context: &Context,
    now: Timestamp,
) -> impl Future<Output = Rc<Snapshot>> + use<> {
    *isolate.read_begun_at.borrow_mut() = now;
    let context = context.clone();
    async move {
        if let Err(read) = deadline::within(FIRST_READ, refresh(isolate)).await {
            respond::behind(&context, read);
        }
        isolate.snapshot.borrow_mut().get_or_insert_default().clone()
    }
}

/// The health of KV: a read of the policy itself.
pub(crate) async fn check(isolate: &'static Isolate) -> Component {
    let answer = read(isolate).await;
    let component = match &answer {
        Ok(_) => Component::ok(),
        Err(error) => Component::wrong(Status::Down, error.clone()),
    };
    absorb(isolate, answer, clock::now());
    component
}

/// Reads KV into the isolate's snapshot.
async fn refresh(isolate: &'static Isolate) {
    let answer = match deadline::within(READ_DEADLINE, read(isolate)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", READ_DEADLINE.as_secs())),
    };
    absorb(isolate, answer, clock::now());
}

/// Every document in one KV operation.
async fn read(isolate: &'static Isolate) -> Result<Documents, String> {
    let bindings = &isolate.bindings;
    let kv = bindings.kv.as_ref().map_err(Clone::clone)?;
    let keys: Array = core::iter::once(bindings.state_key.as_str())
        .chain(Switch::ALL.iter().map(|switch| switch.key()))
        .map(JsValue::from_str)
        .collect();
    let options = Object::new();
    // Setting a field of a fresh object cannot fail.
    let _ = Reflect::set(&options, &"cacheTtl".into(), &KV_CACHE_SECONDS.into());
    let values = kv.get_bulk(&keys, &options).await.map_err(|error| exception::text(&error))?;
    let value = |key: &str| values.get(&key.into()).as_string();
    Ok(Documents { canary_state: value(&bindings.state_key), switches: Switch::ALL.map(|switch| value(switch.key())) })
}

fn absorb(isolate: &Isolate, answer: Result<Documents, String>, now: Timestamp) {
    let before = isolate.snapshot.borrow().clone().unwrap_or_default();
    let next = match answer {
        Ok(documents) => {
            let (next, notices) = before.read(&isolate.bindings.state_key, documents, now);
            log::notices(&notices);
            next
        }
        Err(error) => {
            let (next, notice) = before.unread(error);
            log::notices(notice.as_slice());
            next
        }
    };
    if !next.continues(&before) {
        isolate.breaker.borrow_mut().reset();
    }
    *isolate.snapshot.borrow_mut() = Some(Rc::new(next));
}
