//! `/health`: the checks run side by side, each with a timeout, and are put together into one report.

use core::time::Duration;
use std::rc::Rc;

use futures_util::future::{FutureExt as _, join5};
use js_sys::Promise;
use serin_logic::Variant;
use serin_logic::api::Role;
use serin_logic::health::{BuildDetail, Component, Report, STABLE, Status, is_detailed};
use serin_logic::problem::Problem;
use serin_logic::request_attributes::RequestAttributes as _;
use wasm_bindgen_futures::future_to_promise;
use worker::worker_sys;

use crate::config::{Config, VERSION};
use crate::console;
use crate::controller::rpc;
use crate::isolate::Isolate;
use crate::platform::{clock, random, response, timeout};
use crate::request::IncomingRequest;
use crate::versions::{self, Probe};

pub(crate) const PATH: &str = "/health";

/// The timeout of each check. The whole answers within a second.
const LIMIT: Duration = Duration::from_millis(800);

/// After this time the answer is given up.
const LONGEST: Duration = Duration::from_secs(2);

const COMMIT: &str = env!("SERIN_COMMIT");

/// Answers `/health`.
pub(crate) fn respond(isolate: Rc<Isolate>, attributes: &IncomingRequest<'_>) -> Promise {
    if !matches!(&*attributes.method(), "GET" | "HEAD") {
        return response::promise(response::problem(&Problem::method_not_allowed("GET, HEAD")));
    }
    let is_detailed = is_detailed(&attributes.query()) && may_see_detail(&isolate, attributes);
    let url = format!("https://{}/health", attributes.host());
    let answer = future_to_promise(async move {
        let report = check(&isolate, &url).await;
        let report = if is_detailed { report } else { report.without_detail() };
        Ok(response::text(report.http_status(), "application/json", &report.to_json()).into())
    });
    // A panic of another request would leave the client waiting.
    timeout::or_problem(LONGEST, &answer, &Problem::unreachable("/health", "no answer in time"))
}

fn may_see_detail(isolate: &Isolate, attributes: &IncomingRequest<'_>) -> bool {
    let Config { admin_token, viewer_token, detail_needs_token, .. } = &isolate.config;
    let authorization = attributes.header("authorization");
    let has_token = || Role::of(authorization.as_deref(), admin_token.as_deref(), viewer_token.as_deref()).is_ok();
    let has_session = || console::session(attributes.cookies(), attributes.host(), &isolate.config).is_some();
    !detail_needs_token || has_token() || has_session()
}

async fn check(isolate: &Isolate, url: &str) -> Report {
    let config = &isolate.config;
    let read = isolate.read_policy().shared();
    let canary = async {
        // The policy says which version is the canary.
        if config.routing.has_versions {
            let _ = timeout::within(LIMIT / 2, read.clone()).await;
        }
        canary(isolate, url).await
    };
    let (kv, stable, canary, controller, metrics) = join5(
        timed(async { working(read.clone().await) }),
        timed(stable(isolate, url)),
        timed(canary),
        timed(controller(isolate)),
        timed(async { working(isolate.flush().await) }),
    )
    .await;
    let now = clock::now();
    // The check of KV has just read the policy: what it found is what counts.
    let snapshot = isolate.policy.known();
    Report::detailed(
        VERSION,
        vec![
            ("build", Component::build(BuildDetail { commit: COMMIT, deployment: config.deployment.clone() })),
            ("canary", canary),
            ("controller", controller),
            ("halt", Component::halt(&snapshot)),
            ("kv", kv),
            ("metrics", metrics),
            ("policy", Component::policy(&snapshot, config.routing.max_stale, now)),
            ("randomness", randomness()),
            (STABLE, stable),
            ("switches", Component::switches(&snapshot, now)),
        ],
    )
}

/// A check with its timeout, and how long it took.
async fn timed(check: impl Future<Output = Component>) -> Component {
    let begun = clock::now();
    let component = timeout::within(LIMIT, check).await;
    let component = component.unwrap_or_else(|late| Component::wrong(Status::Down, late.to_string()));
    component.took(clock::now().since(begun))
}

fn working(result: Result<(), String>) -> Component {
    result.map_or_else(|trouble| Component::wrong(Status::Down, trouble), |()| Component::ok())
}

async fn stable(isolate: &Isolate, url: &str) -> Component {
    match isolate.proxy.stable() {
        Some(binding) => variant(isolate, binding, Variant::Stable, url).await,
        None => Component::wrong(Status::Down, "the service binding STABLE is missing"),
    }
}

/// The canary's check. A policy that names a version needs the name of its Worker, and any other a binding.
async fn canary(isolate: &Isolate, url: &str) -> Component {
    let names_version = isolate.policy.known().last_good().is_some_and(|state| state.versions.is_some());
    let binding = match (isolate.policy.overrides(), names_version) {
        (Some(_), _) => isolate.proxy.stable(),
        (None, true) => return Component::unnamed(),
        (None, false) => isolate.proxy.canary(),
    };
    match binding {
        Some(binding) => variant(isolate, binding, Variant::Canary, url).await,
        None if isolate.config.routing.has_versions => Component::without_version(),
        None => Component::unbound(),
    }
}

async fn variant(isolate: &Isolate, binding: &worker_sys::Fetcher, variant: Variant, url: &str) -> Component {
    let overrides = isolate.policy.overrides();
    let header = &isolate.config.version_header;
    match versions::probe(binding, url, variant, overrides.as_deref(), header).await {
        Ok(Probe { status, stated, .. }) => {
            let component = Component::variant(status);
            match overrides {
                Some(overrides) => component.of_version(&overrides, variant, stated),
                None => component,
            }
        }
        // The exception's text may hold the variant's secrets; it is in the variant's own log.
        Err(_) => Component::wrong(Status::Down, "threw an exception"),
    }
}

async fn controller(isolate: &Isolate) -> Component {
    if isolate.config.rollout.is_none() {
        return Component::ok();
    }
    match rpc::trouble(&isolate.config).await {
        Ok(None) => Component::ok(),
        // The controller works, and reports that something else does not.
        Ok(Some(trouble)) => Component::wrong(Status::Degraded, trouble),
        Err(error) => Component::wrong(Status::Down, error),
    }
}

fn randomness() -> Component {
    match random::bits() {
        Some(_) => Component::ok(),
        None => Component::wrong(Status::Degraded, "no random numbers: new visitors are identified by their address"),
    }
}
