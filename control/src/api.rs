//! The door of the control API: who may come in, and who answers. Orders go to the controller; without one, what KV alone can do is
//! done here.

use core::time::Duration;

use serin_logic::api::Call;
use serin_logic::bearer::is_authorized;
use serin_logic::object;
use serin_logic::problem::Problem;
use serin_runtime::bindings::Bindings;
use serin_runtime::javascript::{Env, Url};
use serin_runtime::{kv, log, respond};
use wasm_bindgen::prelude::*;
use web_sys::Request;

use crate::storage::Fault;
use crate::{call, controller_do, readings};

/// More than the controller takes for anything.
const DEADLINE: Duration = Duration::from_secs(15);
const KV_DEADLINE: Duration = Duration::from_secs(4);

/// Answers a request to the control API.
#[wasm_bindgen]
#[must_use]
pub fn api(request: Request, env: &Env) -> JsValue {
    log::panics();
    let bindings = Bindings::read(env);
    if let Err(problem) = admit(&request, &bindings) {
        return respond::problem(&problem);
    }
    respond::later(async move {
        let answer = match &bindings.rollout {
            Some(namespace) => {
                let forwarded = async { call::forward(&call::controller(namespace)?, &request, DEADLINE).await };
                forwarded.await.map_err(|why| Problem::unreachable("the controller", &why))
            }
            None => by_kv_alone(&request, &bindings).await,
        };
        answer.unwrap_or_else(|problem| respond::problem(&problem))
    })
}

fn admit(request: &Request, bindings: &Bindings) -> Result<(), Problem> {
    let Some(token) = &bindings.settings.admin_token else { return Err(Problem::forbidden()) };
    let given = request.headers().get("authorization").ok().flatten();
    if is_authorized(given.as_deref(), token) { Ok(()) } else { Err(Problem::unauthorized()) }
}

async fn by_kv_alone(request: &Request, bindings: &Bindings) -> Result<JsValue, Problem> {
    let url = Url::new(&request.url()).map_err(|_| Problem::not_found())?;
    let unavailable = |Fault(why): Fault| Problem::unreachable("the request", &why);
    match controller_do::parse(request, &url).await.map_err(unavailable)?? {
        Call::PutState { document, .. } => put(bindings, &bindings.settings.state_key, Some(&document)).await,
        Call::State => Ok(readings::state(bindings).await),
        Call::PutSwitch { switch, value, .. } => put(bindings, switch.key(), value.as_deref()).await,
        call if call.is_reading() => Ok(readings::answer(&call, &readings::policy(bindings).await, None, bindings)),
        _ => Err(Problem::unbound()),
    }
}

async fn put(bindings: &Bindings, key: &str, value: Option<&str>) -> Result<JsValue, Problem> {
    let written = call::within(KV_DEADLINE, kv::write(bindings, key, value)).await;
    written.map_err(|why| Problem::unreachable("KV", &why))?;
    Ok(readings::json(&object!({"already": false})))
}
