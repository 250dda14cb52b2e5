//! The control API: asks for the token and, where Access is in front, for the identity; and forwards to the controller. Without a controller, KV alone can do some of it.

use core::time::Duration;
use std::rc::Rc;

use js_sys::Promise;
use serin_logic::access::{IDENTITY_HEADER, identity_from_header, identity_to_header};
use serin_logic::api::{ApiRequest, ChangeAnswer, IncomingRequest, MAX_BODY, PREFIX, Role};
use serin_logic::problem::Problem;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{Headers, Request, RequestInit, Response};

use crate::config::Config;
use crate::controller::{queries, rpc};
use crate::isolate::Isolate;
use crate::platform::{body, clock, exception, response, timeout, url};
use crate::policy_store::PolicyStore;

/// More than the controller takes for anything.
const LIMIT: Duration = Duration::from_secs(15);
/// After this time the answer is given up: it is longer than all deadlines on the way to it.
const LONGEST: Duration = Duration::from_secs(20);
const KV_LIMIT: Duration = Duration::from_secs(4);

/// Whether a path belongs to Serin. No variant ever sees it.
pub(crate) fn owns(path: &str) -> bool {
    path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/')
}

/// Answers a request to the control API.
pub(crate) fn respond(isolate: Rc<Isolate>, request: Request) -> Promise {
    if let Err(problem) = authorize(&request, &isolate.config) {
        return response::promise(response::problem(&problem));
    }
    let answer = future_to_promise(async move {
        let answer = answer(&isolate, &request).await;
        Ok(answer.unwrap_or_else(|problem| response::problem(&problem)).into())
    });
    // A panic of another request would leave the client waiting.
    timeout::or_problem(LONGEST, &answer, &Problem::unreachable("the control API", "no end in sight"))
}

/// Reads a request to the control API.
pub(crate) async fn parse(request: &Request) -> Result<ApiRequest, Problem> {
    let url = url::of(request).ok_or_else(Problem::not_found)?;
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let announced = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
    if announced > MAX_BODY {
        return Err(Problem::too_large(MAX_BODY));
    }
    let body = body::read(request.body(), MAX_BODY).await.map_err(|error| match error {
        body::ReadError::TooLong => Problem::too_large(MAX_BODY),
        body::ReadError::Broken(cause) => Problem::unreachable("the request", &cause),
    })?;
    let content_type = header("content-type");
    let identity = header(IDENTITY_HEADER).and_then(|header| identity_from_header(&header));
    let incoming = IncomingRequest {
        method: &request.method(),
        path: &url.pathname(),
        query: &url.query(),
        content_type: content_type.as_deref(),
        identity: identity.as_deref(),
        body: &body,
    };
    ApiRequest::parse(&incoming, clock::now())
}

/// The token decides what a request may do.
fn authorize(request: &Request, config: &Config) -> Result<(), Problem> {
    let given = request.headers().get("authorization").ok().flatten();
    let role = Role::of(given.as_deref(), config.admin_token.as_deref(), config.viewer_token.as_deref())?;
    let url = url::of(request).ok_or_else(Problem::not_found)?;
    role.check(&request.method(), &url.pathname(), &url.query())
}

/// Access decides whose the request is, where it is configured.
async fn answer(isolate: &Isolate, request: &Request) -> Result<Response, Problem> {
    let config = &isolate.config;
    let identity = isolate.access.identify(request).await?;
    let request = with_identity(request, identity.as_deref())
        .map_err(|error| Problem::unreachable("the request", &exception::text(&error)))?;
    if config.rollout.is_none() {
        return without_controller(&request, isolate.policy.store(), config).await;
    }
    let forwarded = timeout::attempt(LIMIT, rpc::forward(config, request)).await;
    forwarded.map(Response::from).map_err(|error| Problem::unreachable("the controller", &error))
}

/// The request with this identity, and with none that its client claims.
fn with_identity(request: &Request, identity: Option<&str>) -> Result<Request, JsValue> {
    let headers = Headers::new_with_headers(&request.headers())?;
    match identity {
        Some(identity) => headers.set(IDENTITY_HEADER, &identity_to_header(identity))?,
        None => headers.delete(IDENTITY_HEADER)?,
    }
    let init = RequestInit::new();
    init.set_headers(&headers);
    Request::new_with_request_and_init(request, &init)
}

async fn without_controller(request: &Request, store: &PolicyStore, config: &Config) -> Result<Response, Problem> {
    match parse(request).await? {
        ApiRequest::PutState { document, .. } => put(store, store.state_key(), Some(&document)).await,
        ApiRequest::State => Ok(queries::state(store).await),
        ApiRequest::PutSwitch { switch, value, .. } => put(store, switch.key(), value.as_deref()).await,
        query if query.is_query() => Ok(queries::respond(&query, &queries::policy(store).await, None, config)),
        _ => Err(Problem::unbound()),
    }
}

async fn put(store: &PolicyStore, key: &str, value: Option<&str>) -> Result<Response, Problem> {
    let written = store.write(key, value, KV_LIMIT).await;
    written.map_err(|error| Problem::unreachable("KV", &error))?;
    Ok(response::json(&ChangeAnswer { already: false }))
}
