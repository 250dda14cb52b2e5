//! The isolate's copy of the policy: read once before the first answer, then refreshed behind requests.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::health::{Component, Status};
use serin_logic::notice::Notice;
use serin_logic::policy::snapshot::Documents;
use serin_logic::policy::{Overlay, Snapshot};
use web_sys::Request;

use crate::isolate::Isolate;
use crate::observation;
use serin_runtime::{clock, deadline, kv, log, respond};

/// How long the first request of an isolate waits for KV.
const FIRST_READ: Duration = Duration::from_millis(250);
/// How long a read may take before it counts as failed.
const READ_DEADLINE: Duration = Duration::from_secs(5);

/// The snapshot, refreshed behind this request when it is due; `None` in an isolate that has none yet.
pub(crate) fn current(isolate: &'static Isolate, request: &Request, now: Timestamp) -> Option<Rc<Snapshot>> {
    let snapshot = isolate.snapshot.borrow().clone()?;
    if now.since(*isolate.read_begun_at.borrow()) >= isolate.bindings.refresh {
        *isolate.read_begun_at.borrow_mut() = now;
        respond::behind(refresh(isolate));
        observation::exchange(isolate, request);
    }
    Some(snapshot)
}

/// The first snapshot: what a read says within the deadline, or that nothing is known. A read that takes longer goes on
/// behind the request.
pub(crate) fn first(isolate: &'static Isolate, now: Timestamp) -> impl Future<Output = Rc<Snapshot>> + use<> {
    *isolate.read_begun_at.borrow_mut() = now;
    async move {
        if let Err(read) = deadline::within(FIRST_READ, Box::pin(refresh(isolate))).await {
            respond::behind(read);
        }
        isolate.snapshot.borrow_mut().get_or_insert_default().clone()
    }
}

/// The health of KV: a read of the policy itself.
pub(crate) async fn check(isolate: &'static Isolate) -> Component {
    let answer = kv::read_policy(&isolate.bindings).await;
    let component = match &answer {
        Ok(_) => Component::ok(),
        Err(error) => Component::wrong(Status::Down, error.clone()),
    };
    absorb(isolate, answer, clock::now());
    component
}

/// Reads KV into the isolate's snapshot.
async fn refresh(isolate: &'static Isolate) {
    let answer = match deadline::within(READ_DEADLINE, Box::pin(kv::read_policy(&isolate.bindings))).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", READ_DEADLINE.as_secs())),
    };
    absorb(isolate, answer, clock::now());
}

fn absorb(isolate: &Isolate, answer: Result<Documents, String>, now: Timestamp) {
    replace(isolate, |before| match answer {
        Ok(documents) => before.read(&isolate.bindings.state_key, documents, now),
        Err(error) => {
            let (next, notice) = before.unread(error);
            (next, notice.into_iter().collect())
        }
    });
}

/// What the controller says, by way of the location's shard.
pub(crate) fn hear(isolate: &Isolate, overlay: Overlay) {
    replace(isolate, |before| before.heard(&isolate.bindings.state_key, overlay, clock::now()));
}

fn replace(isolate: &Isolate, next: impl FnOnce(&Snapshot) -> (Snapshot, Vec<Notice>)) {
    let before = isolate.snapshot.borrow().clone().unwrap_or_default();
    let (next, notices) = next(&before);
    log::notices(&notices);
    if !next.continues(&before) {
        isolate.breaker.borrow_mut().reset();
    }
    if next.watch() != before.watch() {
        isolate.observer.begin_watch();
    }
    *isolate.snapshot.borrow_mut() = Some(Rc::new(next));
}
