//! `MetricsShard`, one object for each location: takes the batches of its isolates, and reports them to the controller at most once per
//! refresh interval.

use core::time::Duration;

use serin_logic::Timestamp;
use serin_logic::problem::Problem;
use serin_logic::rollout::Overlay;
use serin_logic::telemetry::{Batch, Shard};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::config::Config;
use crate::controller::store::{StorageError, Store};
use crate::controller::{ControllerError, rpc};
use crate::platform::{clock, log, response, timeout, url};

const SHARD: &str = "shard";
/// The location's name.
const NAME: &str = "name";
/// How long the controller may take; isolates wait for it.
const LIMIT: Duration = Duration::from_secs(2);

/// The Durable Object class.
#[durable_object(alarm)]
pub struct MetricsShard {
    state: State,
    config: Config,
}

impl DurableObject for MetricsShard {
    fn new(state: State, env: Env) -> Self {
        Self { state, config: Config::read(&env).0 }
    }

    /// Takes a batch. The answer is the overlay, or `null` while the controller has not been heard.
    async fn fetch(&self, request: Request) -> Result<Response> {
        let request = request.inner();
        let name = url::of(request).map(|url| url.pathname()).unwrap_or_default();
        let response = match self.ingest(request, name.trim_start_matches('/')).await {
            Ok(overlay) => response::json(&overlay),
            Err(error) => response::problem(&Problem::unreachable("metrics", &error.to_string())),
        };
        Ok(response.into())
    }

    /// Reports what came after the last report, also when traffic has stopped. A failure is logged by the call that meets it first, and the
    /// next batch tries again.
    async fn alarm(&self) -> Result<Response> {
        if let Ok(store) = Store::open(&self.state) {
            let _ = self.exchange(&store, None).await;
        }
        Response::empty()
    }
}

// === impl MetricsShard ===

impl MetricsShard {
    async fn ingest(&self, request: &web_sys::Request, name: &str) -> Result<Option<Overlay>, ControllerError> {
        let batch: Batch = rpc::body(request).await.map_err(ControllerError::Message)?;
        let store = Store::open(&self.state)?;
        let before = store.load::<String>(NAME)?;
        store.save(NAME, &name, before.text.as_deref())?;
        Ok(self.exchange(&store, Some(&batch)).await?)
    }

    /// Takes a batch in, if there is one, and reports to the controller where that is due.
    async fn exchange(&self, store: &Store, batch: Option<&Batch>) -> Result<Option<Overlay>, StorageError> {
        let now = clock::now();
        let loaded = store.load::<Shard>(SHARD)?;
        let mut shard = loaded.document;
        if let Some(batch) = batch {
            shard.ingest(batch, now);
        }
        let is_due = shard.is_due(self.config.refresh, now);
        let report = if is_due { Some(shard.report(&store.load::<String>(NAME)?.document, now)) } else { None };
        store.save(SHARD, &shard, loaded.text.as_deref())?;
        if let Some(report) = report {
            match timeout::attempt(LIMIT, rpc::send_report(&self.config, &report)).await {
                Ok(overlay) => {
                    // Other batches may have come in meanwhile.
                    let loaded = store.load::<Shard>(SHARD)?;
                    shard = loaded.document;
                    shard.acknowledge(report.seq, overlay);
                    store.save(SHARD, &shard, loaded.text.as_deref())?;
                }
                // The report stays in flight and is sent again.
                Err(error) => log::control_trouble("metrics", error),
            }
        }
        if shard.has_news() {
            self.wake(now.after(self.config.refresh)).await?;
        }
        Ok(shard.overlay())
    }

    /// Sets the alarm, unless there is an earlier one. A later one was set before the clock went back.
    async fn wake(&self, at: Timestamp) -> Result<(), StorageError> {
        let storage = self.state.storage();
        let set = storage.get_alarm().await.map_err(StorageError::Sql)?;
        if set.is_none_or(|set| set > at.as_millis()) {
            storage.set_alarm(clock::alarm_at(at)).await.map_err(StorageError::Sql)?;
        }
        Ok(())
    }
}
