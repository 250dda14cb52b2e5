//! `MetricsShard`: one for each location. Load → take in → store; the controller is told at most once per refresh interval.

use core::time::Duration;

use serin_logic::json;
use serin_logic::observation::{Batch, Shard};
use serin_logic::policy::Overlay;
use serin_logic::problem::Problem;
use serin_runtime::bindings::Bindings;
use serin_runtime::javascript::{Env, ObjectState, Url};
use serin_runtime::{clock, exception, log, respond};
use wasm_bindgen::prelude::*;
use web_sys::Request;

use crate::storage::{Fault, Store, read_json};
use crate::{call, controller_do};

const SHARD: &str = "shard";
/// The location's name, which the object itself does not know.
const NAME: &str = "name";
/// How long the controller may take; isolates wait for it.
const DEADLINE: Duration = Duration::from_secs(2);

/// Takes a batch; the answer is the overlay, or `null` while the controller has not been heard.
#[wasm_bindgen(js_name = shardFetch)]
#[must_use]
pub fn shard_fetch(object: ObjectState, env: Env, request: Request) -> JsValue {
    respond::later(async move {
        match take(&object, &env, &request).await {
            Ok(overlay) => respond::json(200, "application/json", &overlay),
            Err(Fault(why)) => respond::problem(&Problem::unreachable("metrics", &why)),
        }
    })
}

/// Reports what came after the last report, also when traffic has stopped.
#[wasm_bindgen(js_name = shardAlarm)]
#[must_use]
pub fn shard_alarm(object: ObjectState, env: Env) -> JsValue {
    respond::later(async move {
        // A fault is in the log of the call that met it first; the next batch tries again.
        let _ = report_if_due(&object, &env).await;
        JsValue::UNDEFINED
    })
}

async fn take(object: &ObjectState, env: &Env, request: &Request) -> Result<String, Fault> {
    let name = Url::new(&request.url()).map(|url| url.pathname()).unwrap_or_default();
    let body = call::text(request.text()).await.map_err(Fault)?;
    let batch: Batch = read_json(&body).map_err(|error| Fault(format!("batch: {error}")))?;

    let store = Store::open(object)?;
    let mut shard: Shard = store.load(SHARD)?;
    shard.absorb(&batch, clock::now());
    store.save(SHARD, &shard)?;
    store.save(NAME, &name.trim_start_matches('/'))?;

    report_if_due(object, env).await?;
    let shard: Shard = store.load(SHARD)?;
    Ok(json::text(&shard.overlay()))
}

async fn report_if_due(object: &ObjectState, env: &Env) -> Result<(), Fault> {
    let bindings = Bindings::read(env);
    let store = Store::open(object)?;
    let mut shard: Shard = store.load(SHARD)?;
    let now = clock::now();
    if shard.is_due(bindings.settings.refresh, now) {
        let name: String = store.load(NAME)?;
        let report = shard.report(&name, now);
        store.save(SHARD, &shard)?;
        match tell(&bindings, &report).await {
            Ok(overlay) => {
                // Other batches may have come in meanwhile.
                let mut shard: Shard = store.load(SHARD)?;
                shard.answered(report.seq, overlay);
                store.save(SHARD, &shard)?;
            }
            // It stays under way and is sent again.
            Err(why) => log::trouble("metrics", why),
        }
    }
    let shard: Shard = store.load(SHARD)?;
    if shard.has_news() {
        wake(object, bindings.settings.refresh).await?;
    }
    Ok(())
}

async fn tell(bindings: &Bindings, report: &Batch) -> Result<Overlay, String> {
    let namespace = bindings.rollout.as_ref().ok_or("ROLLOUT is not bound")?;
    let body = json::text(report);
    let answer = call::post(&call::controller(namespace)?, controller_do::REPORT, &body, DEADLINE).await?;
    read_json(&answer).map_err(|error| format!("overlay: {error}"))
}

/// One alarm is enough: an earlier one stays.
async fn wake(object: &ObjectState, after: Duration) -> Result<(), Fault> {
    let storage = object.storage();
    let fault = |error: JsValue| Fault(exception::text(&error));
    if storage.get_alarm().await.map_err(fault)?.is_null() {
        let at = clock::now().after(after);
        #[expect(clippy::cast_precision_loss, reason = "a time of day in ms is far below 2^53")]
        storage.set_alarm(at.as_millis() as f64).await.map_err(fault)?;
    }
    Ok(())
}
