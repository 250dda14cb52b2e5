//! The control API: asks for the token and, where Access is in front, for the identity; and forwards to the controller. Without a
//! controller, KV alone can do some of it. A switch or a halt that the controller cannot take goes to KV instead.

use core::time::Duration;
use std::rc::Rc;

use js_sys::Promise;
use serin_logic::access::{IDENTITY_HEADER, identity_from_header, identity_to_header};
use serin_logic::api::{
    ApiRequest, ChangeAnswer, CommandAnswer, FailedWays, IncomingRequest, MAX_BODY, PREFIX, Role, SwitchView,
};
use serin_logic::policy::Switch;
use serin_logic::problem::Problem;
use serin_logic::rollout::Overlay;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{Headers, Request, RequestInit, Response};

use crate::config::Config;
use crate::console;
use crate::controller::commands::switch_in;
use crate::controller::{queries, rpc};
use crate::isolate::Isolate;
use crate::platform::url::{self, Url};
use crate::platform::{body, clock, exception, log, response, timeout};
use crate::policy_store::PolicyStore;

/// More than the controller takes for anything.
const LIMIT: Duration = Duration::from_secs(15);
/// More than the controller takes for a switch or a halt, which waits for KV and nothing else.
const ORDER_LIMIT: Duration = Duration::from_secs(4);
/// After this time the answer is given up: it is longer than all deadlines on the way to it.
const LONGEST: Duration = Duration::from_secs(20);
const KV_LIMIT: Duration = Duration::from_secs(4);
/// Timeout for reading the value that a switch replaces, which only its answer names.
const BEFORE_LIMIT: Duration = Duration::from_secs(1);

/// Whether a path belongs to Serin. No variant ever sees it.
pub(crate) fn owns(path: &str) -> bool {
    path.starts_with(PREFIX) || path == PREFIX.trim_end_matches('/')
}

/// Answers a request to the control API.
pub(crate) fn respond(isolate: Rc<Isolate>, request: Request) -> Promise {
    let Some(url) = url::of(&request) else { return response::promise(response::problem(&Problem::not_found())) };
    if let Some(answer) = console::respond(&isolate, &request, &url) {
        return answer;
    }
    if let Err(problem) = authorize(&request, &url, &isolate.config) {
        return response::promise(response::problem(&problem));
    }
    let answer = future_to_promise(async move {
        let answer = answer(&isolate, &request).await;
        Ok(answer.unwrap_or_else(|problem| response::problem(&problem)).into())
    });
    // A panic of another request would leave the client waiting.
    timeout::or_problem(LONGEST, &answer, &Problem::unreachable("the control API", "no answer in time"))
}

/// Reads a request to the control API.
pub(crate) async fn parse(request: &Request) -> Result<ApiRequest, Problem> {
    Received::read(request).await?.parse()
}

/// The token decides what a request may do. Where there is none, the console's cookie does.
fn authorize(request: &Request, url: &Url, config: &Config) -> Result<(), Problem> {
    let given = request.headers().get("authorization").ok().flatten();
    let by_cookie = if given.is_none() { console::role(request, url, config)? } else { None };
    let by_token = || Role::of(given.as_deref(), config.admin_token.as_deref(), config.viewer_token.as_deref());
    let role = by_cookie.map_or_else(by_token, Ok)?;
    role.check(&request.method(), &url.pathname(), &url.query())
}

/// Access decides whose the request is, where it is configured.
async fn answer(isolate: &Isolate, request: &Request) -> Result<Response, Problem> {
    let config = &isolate.config;
    let identity = isolate.access.identify(request).await?;
    let request = with_identity(request, identity.as_deref())
        .map_err(|error| Problem::unreachable("the request", &exception::text(&error)))?;
    let received = Received::read(&request).await?;
    let call = received.parse()?;
    if config.rollout.is_none() {
        return without_controller(&call, isolate.policy.store(), config).await;
    }
    let Some((switch, value)) = call.by_kv_alone() else {
        let forwarded = timeout::attempt(LIMIT, received.forward(config)).await;
        return forwarded.map(Response::from).map_err(|error| Problem::unreachable("the controller", &error));
    };
    let why = match timeout::attempt(ORDER_LIMIT, received.forward(config)).await {
        Ok(answer) if answer.status_code() < 500 => return Ok(answer.into()),
        Ok(answer) => format!("answered {}", answer.status_code()),
        Err(error) => error,
    };
    log::control_trouble("the controller", why.clone());
    let store = isolate.policy.store();
    let before = switch_before(store, switch).await;
    let written = store.write(switch.key(), value.as_deref(), KV_LIMIT).await;
    written.map_err(|error| Problem::unreachable("the controller", &format!("{why}; KV: {error}")))?;
    let failed = |why| FailedWays { controller: Some(why), kv: None };
    Ok(if matches!(call, ApiRequest::Command { .. }) {
        let failed = failed(format!("{why}; {} is on in KV instead, until resume-canary", switch.key()));
        response::json(&CommandAnswer { failed, ..CommandAnswer::default() })
    } else {
        let answer = ChangeAnswer::of_switch(before, value.as_deref());
        response::json(&ChangeAnswer { failed: failed(why), ..answer })
    })
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

async fn without_controller(call: &ApiRequest, store: &PolicyStore, config: &Config) -> Result<Response, Problem> {
    match call {
        ApiRequest::PutState { document, .. } => {
            let before = store.read(KV_LIMIT).await.ok();
            put(store, store.state_key(), Some(document)).await?;
            let before = before.as_ref().map(|values| values.canary_state.as_deref());
            Ok(response::json(&ChangeAnswer::of_state(before, document)))
        }
        ApiRequest::State => Ok(queries::state(store).await),
        ApiRequest::PutSwitch { switch, value, .. } => {
            let before = switch_before(store, *switch).await;
            put(store, switch.key(), value.as_deref()).await?;
            Ok(response::json(&ChangeAnswer::of_switch(before, value.as_deref())))
        }
        query if query.is_query() => Ok(queries::respond(query, &queries::policy(store).await, None, config)),
        _ => Err(Problem::unbound()),
    }
}

/// A switch as KV has it; none where KV does not answer.
async fn switch_before(store: &PolicyStore, switch: Switch) -> Option<SwitchView> {
    let values = store.read(BEFORE_LIMIT).await.ok()?;
    Some(switch_in(values, Overlay::default(), switch, store))
}

async fn put(store: &PolicyStore, key: &str, value: Option<&str>) -> Result<(), Problem> {
    store.write(key, value, KV_LIMIT).await.map_err(|error| Problem::unreachable("KV", &error))
}

/// A request with its body.
struct Received<'a> {
    request: &'a Request,
    url: Url,
    content_type: Option<String>,
    /// The header that has the identity, as Serin has set it.
    identity: Option<String>,
    body: String,
}

// === impl Received ===

impl<'a> Received<'a> {
    async fn read(request: &'a Request) -> Result<Self, Problem> {
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
        Ok(Self { request, url, content_type: header("content-type"), identity: header(IDENTITY_HEADER), body })
    }

    fn parse(&self) -> Result<ApiRequest, Problem> {
        let identity = self.identity.as_deref().and_then(identity_from_header);
        let incoming = IncomingRequest {
            method: &self.request.method(),
            path: &self.url.pathname(),
            query: &self.url.query(),
            content_type: self.content_type.as_deref(),
            identity: identity.as_deref(),
            body: &self.body,
        };
        ApiRequest::parse(&incoming, clock::now())
    }

    async fn forward(&self, config: &Config) -> Result<worker::Response, String> {
        let request = self.with_body().map_err(|error| exception::text(&error))?;
        rpc::forward(config, request).await
    }

    /// The request as the controller gets it: with a body that is still to be read.
    fn with_body(&self) -> Result<Request, JsValue> {
        let (headers, init) = (Headers::new()?, RequestInit::new());
        for (name, value) in [("content-type", &self.content_type), (IDENTITY_HEADER, &self.identity)] {
            if let Some(value) = value {
                headers.set(name, value)?;
            }
        }
        init.set_method(&self.request.method());
        init.set_headers(&headers);
        if !self.body.is_empty() {
            init.set_body(&self.body.as_str().into());
        }
        Request::new_with_str_and_init(&self.request.url(), &init)
    }
}
