//! The path of a request: snapshot → decide → dispatch.
//!
//! Synchronous while it can be: the variant's own promise is what the runtime gets back, and no Rust future waits for a
//! variant. Only the first request of an isolate, `/health` and the control API are `async`.

use js_sys::Array;
use serin_logic::Timestamp;
use serin_logic::policy::Snapshot;
use serin_logic::problem::Problem;
use serin_logic::routing::{Facts as _, Outcome, decide};
use wasm_bindgen::prelude::*;
use web_sys::Request;

use crate::facts::RequestFacts;
use crate::isolate::Isolate;
use crate::{dispatch, health, snapshot};
use serin_runtime::javascript::Env;
use serin_runtime::{clock, respond};

/// Answers one request, or leaves it to the control API (`undefined`). What every decision needs of it comes along, read by JavaScript:
/// `url` without the query, `cookies` as far as they are Serin's own, whether it `has_reserved` headers, and the time. A list holds the
/// promise of an answer that Rust itself is at work on: it is gone when the instance is.
#[wasm_bindgen]
#[must_use]
pub fn fetch(request: &Request, env: &Env, url: &str, cookies: &str, has_reserved: bool, now: f64) -> JsValue {
    let isolate = Isolate::get(env);
    let now = clock::at(now);
    let facts = RequestFacts::new(request, url, cookies, has_reserved);
    match facts.path() {
        "/health" => return health::answer(isolate, &facts, now),
        path if is_reserved(path) => return JsValue::UNDEFINED,
        _ => {}
    }
    if let Some(snapshot) = snapshot::current(isolate, request, now) {
        return answer(isolate, &snapshot, request, &facts, now);
    }
    first_answer(isolate, &facts, now)
}

/// Serin's own namespace, which no variant ever sees.
fn is_reserved(path: &str) -> bool {
    path.strip_prefix("/__serin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn answer(
    isolate: &'static Isolate,
    snapshot: &Snapshot,
    request: &Request,
    facts: &RequestFacts<'_>,
    now: Timestamp,
) -> JsValue {
    let decision = decide(snapshot, &isolate.bindings.setup, facts, now);
    match decision.outcome {
        Outcome::Unavailable(switch) => {
            respond::problem(&Problem::unavailable(switch, snapshot.switches().get(switch), now))
        }
        Outcome::Serve(variant) => dispatch::send(isolate, &decision, variant, request, facts, now),
    }
}

/// A request of an isolate that knows no policy yet: it reads for itself, because a read that another request owns dies
/// with that request.
fn first_answer(isolate: &'static Isolate, facts: &RequestFacts<'_>, now: Timestamp) -> JsValue {
    let read = snapshot::first(isolate, now);
    let (request, url, cookies, has_reserved) = facts.to_owned();
    let later = respond::later(async move {
        let snapshot = read.await;
        answer(isolate, &snapshot, &request, &RequestFacts::new(&request, &url, &cookies, has_reserved), now)
    });
    Array::of1(&later).into()
}
