//! `RolloutController`: the one that knows where the rollout stands. Each event is a turn on what is stored; nothing is kept in memory.

use core::time::Duration;
use std::rc::Rc;

use futures_util::future::join;
use serin_logic::analysis::Health;
use serin_logic::api::{Call, Incoming};
use serin_logic::controller::{Seen, Wants};
use serin_logic::json;
use serin_logic::observation::Batch;
use serin_logic::policy::CanaryState;
use serin_logic::problem::Problem;
use serin_logic::rollout::Document;
use serin_runtime::javascript::{Env, ObjectState, Url};
use serin_runtime::{clock, kv, log, respond};
use wasm_bindgen::prelude::*;
use web_sys::Request;

use crate::settings::Settings;
use crate::storage::{Fault, read_json};
use crate::{call, errands, orders, turn, zone};

/// What others of this Worker ask of it; the host is of no meaning.
pub(crate) const REPORT: &str = "https://controller/report";
/// See [`REPORT`].
pub(crate) const STANDING: &str = "https://controller/standing";

/// How long an alarm waits for what it wants to know.
const DEADLINE: Duration = Duration::from_secs(2);
/// Should an alarm die, the next one comes after so long. The platform's own retries end after six.
const REARM: Duration = Duration::from_secs(10);

/// Answers a shard, an isolate's `/health`, or the control API, whose callers have shown their token.
#[wasm_bindgen(js_name = controllerFetch)]
#[must_use]
pub fn controller_fetch(object: ObjectState, env: &Env, request: Request) -> JsValue {
    let settings = Rc::new(Settings::read(env));
    respond::later(async move {
        let Ok(url) = Url::new(&request.url()) else { return respond::problem(&Problem::not_found()) };
        let path = url.pathname();
        let asked = format!("https://controller{path}");
        let answer = if asked == REPORT {
            report(&object, &settings, &request).await
        } else if asked == STANDING {
            standing(&object)
        } else {
            // Whatever else comes in was sent by somebody with a token, and is no message of a shard.
            api_call(&object, &settings, &request, &url).await
        };
        answer.unwrap_or_else(|Fault(why)| {
            log::trouble("the controller", why.clone());
            respond::problem(&Problem::unreachable("the controller", &why))
        })
    })
}

/// Ticks, looks, steps, and tries again what did not work.
#[wasm_bindgen(js_name = controllerAlarm)]
#[must_use]
pub fn controller_alarm(object: ObjectState, env: &Env) -> JsValue {
    let settings = Rc::new(Settings::read(env));
    respond::later(async move {
        // First of all, so that whatever happens below is tried again.
        turn::set_alarm(&object, Some(clock::now().after(REARM)));
        match ring(&object, &settings).await {
            Ok(errands) => errands::run(&object, &settings, errands),
            Err(Fault(why)) => log::trouble("the controller", why),
        }
        JsValue::UNDEFINED
    })
}

async fn ring(object: &ObjectState, settings: &Settings) -> Result<turn::Errands, Fault> {
    let wants = turn::load(object)?.wants(clock::now());
    let seen = look_around(settings, wants).await;
    let ((), errands) = turn::take(object, settings, |controller, _, now| {
        let _ = controller.alarm(seen, now);
        Ok(())
    })?;
    // The turn sets the alarm only where it moved one; here there is the one that was set first.
    turn::set_alarm(object, turn::load(object)?.next_alarm(clock::now()));
    Ok(errands)
}

/// What the rollout wants to know, found out side by side. What does not answer is not known.
async fn look_around(settings: &Settings, wants: Wants) -> Seen {
    let bindings = &settings.bindings;
    let document = async {
        let documents =
            if wants.document { call::within(DEADLINE, kv::read_policy(bindings)).await } else { return None };
        let text = documents.inspect_err(|why| log::trouble("KV", why.clone())).ok()?.canary_state;
        // What is not valid is not in force, so nobody is served by it.
        let parsed = text.map(|text| CanaryState::parse(&bindings.settings.state_key, &text)).transpose().ok()?;
        Some(parsed.as_ref().map(Document::from))
    };
    let health = async {
        let Some(canary) = bindings.canary.as_ref().filter(|_| wants.health) else { return Health::Unknown };
        match call::status_of(canary, "https://canary/health", DEADLINE).await {
            Ok(status) if status < 500 => Health::Healthy,
            Ok(_) | Err(_) => Health::Unhealthy,
        }
    };
    let (document, health) = join(document, health).await;
    Seen { document, health, utc_offset: zone::utc_offset }
}

async fn report(object: &ObjectState, settings: &Rc<Settings>, request: &Request) -> Result<JsValue, Fault> {
    let body = call::text(request.text()).await.map_err(Fault)?;
    let batch: Batch = read_json(&body).map_err(|error| Fault(format!("report: {error}")))?;
    let (overlay, errands) = turn::take(object, settings, |controller, _, now| Ok(controller.report(&batch, now)))?;
    errands::run(object, settings, errands);
    let overlay = json::text(&overlay);
    Ok(respond::json(200, "application/json", &overlay))
}

/// For `/health`: what is wrong, or `null`.
fn standing(object: &ObjectState) -> Result<JsValue, Fault> {
    let trouble = turn::load(object)?.trouble(clock::now());
    let body = json::text(&trouble);
    Ok(respond::json(200, "application/json", &body))
}

async fn api_call(
    object: &ObjectState,
    settings: &Rc<Settings>,
    request: &Request,
    url: &Url,
) -> Result<JsValue, Fault> {
    match parse(request, url).await? {
        Ok(call) => orders::carry_out(object, settings, call).await,
        Err(problem) => Ok(respond::problem(&problem)),
    }
}

/// Reads a request to the control API.
pub(crate) async fn parse(request: &Request, url: &Url) -> Result<Result<Call, Problem>, Fault> {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let announced = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
    if announced > serin_logic::api::MAX_BODY {
        return Ok(Err(Problem::too_large(serin_logic::api::MAX_BODY)));
    }
    let body = call::text(request.text()).await.map_err(Fault)?;
    let (path, query, content_type) = (url.pathname(), url.search(), header("content-type"));
    Ok(Call::parse(&Incoming {
        method: &request.method(),
        path: &path,
        query: query.trim_start_matches('?'),
        content_type: content_type.as_deref(),
        body: &body,
    }))
}
