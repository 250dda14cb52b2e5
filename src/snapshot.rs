//! The isolate's copy of the policy: read once before the first answer, then refreshed behind requests.

use core::time::Duration;
use std::rc::Rc;

use serin_logic::Timestamp;
use serin_logic::health::{Component, Status};
use serin_logic::policy::Snapshot;
use serin_logic::policy::snapshot::Documents;

use crate::isolate::Isolate;
use serin_runtime::javascript::Context;
use serin_runtime::{clock, deadline, kv, log, respond};

/// How long the first request of an isolate waits for KV.
const FIRST_READ: Duration = Duration::from_millis(250);
/// How long a read may take before it counts as failed.
const READ_DEADLINE: Duration = Duration::from_secs(5);

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
    let answer = match deadline::within(READ_DEADLINE, kv::read_policy(&isolate.bindings)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", READ_DEADLINE.as_secs())),
    };
    absorb(isolate, answer, clock::now());
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
