//! `RolloutController`, one object for the whole service: where the rollout stands, the analysis, the audit log. Each event is a
//! transaction on what is stored (`controller/transaction.rs`), and nothing is kept in memory.

use core::time::Duration;
use std::rc::Rc;

use futures_util::future::join;
use serin_logic::Variant;
use serin_logic::analysis::Health;
use serin_logic::controller::{AlarmInputs, WantedInputs};
use serin_logic::policy::CanaryState;
use serin_logic::problem::Problem;
use serin_logic::rollout::{Overlay, PublishedState};
use serin_logic::telemetry::Batch;
use serin_logic::version::{VersionCheck, VersionOverrides};
use worker::{DurableObject, Env, Request, Response, Result, State, durable_object};

use crate::config::Config;
use crate::control_api;
use crate::controller::transaction::{self, Claimed, ControllerContext};
use crate::controller::{ControllerError, commands, outbox, rpc};
use crate::platform::{clock, log, response, time_zone, timeout, url};
use crate::policy_store::PolicyStore;
use crate::versions::{self, Probe};

/// How long an alarm waits for what it wants to know.
const LIMIT: Duration = Duration::from_secs(2);
/// Should an alarm die, the next one comes after so long. The platform's own retries end after six.
const REARM: Duration = Duration::from_secs(10);

/// The Durable Object class.
#[durable_object(alarm)]
pub struct RolloutController {
    context: Rc<ControllerContext>,
}

impl DurableObject for RolloutController {
    fn new(state: State, env: Env) -> Self {
        // The request path has logged what is wrong with the configuration.
        let (config, _) = Config::read(&env);
        let policy = PolicyStore::new(config.canary_state.clone(), config.state_key.clone());
        Self { context: Rc::new(ControllerContext { state, config, policy }) }
    }

    /// Answers a shard, an isolate's `/health`, or the control API, whose callers have shown their token.
    async fn fetch(&self, request: Request) -> Result<Response> {
        let request = request.inner();
        let path = url::of(request).map(|url| url.pathname()).unwrap_or_default();
        let response = match path.as_str() {
            rpc::REPORT => self.report(request).await,
            rpc::TROUBLE => self.trouble(),
            _ => match control_api::parse(request).await {
                Ok(call) => {
                    if !call.is_query() {
                        self.remember_origin(request);
                    }
                    commands::respond(&self.context, call).await
                }
                Err(problem) => Ok(response::problem(&problem)),
            },
        };
        Ok(response.unwrap_or_else(|error| unavailable(&error)).into())
    }

    /// Handles an alarm. Alarms may be late, duplicated or spurious; handling is idempotent. An error is logged and not returned, because
    /// the next alarm is set before anything else.
    async fn alarm(&self) -> Result<Response> {
        transaction::set_alarm(self.context.state.storage(), Some(clock::now().after(REARM)));
        match self.tick().await {
            Ok(claimed) => outbox::deliver(&self.context, claimed),
            Err(error) => log::control_trouble("the controller", error.to_string()),
        }
        Response::empty()
    }
}

// === impl RolloutController ===

impl RolloutController {
    async fn tick(&self) -> Result<Claimed, ControllerError> {
        let wants = transaction::load(&self.context)?.wants(clock::now());
        let inputs = self.gather_inputs(wants).await;
        let claimed = transaction::run_alarm(&self.context, |controller, now| {
            let _ = controller.alarm(inputs, now);
        })?;
        // The transaction sets the alarm only where the time of the next one changes; here there is the one that was set first.
        let next = transaction::load(&self.context)?.next_alarm(clock::now());
        transaction::set_alarm(self.context.state.storage(), next);
        Ok(claimed)
    }

    /// Finds out what the analysis wants to know, side by side. What does not answer is not known.
    async fn gather_inputs(&self, wants: WantedInputs) -> AlarmInputs {
        let ControllerContext { config, policy, .. } = &*self.context;
        let document = async {
            if !wants.document {
                return None;
            }
            let values = policy.read(LIMIT).await;
            let text = values.inspect_err(|error| log::control_trouble("KV", error.clone())).ok()?.canary_state;
            // A document that is not valid is not in force.
            text.map(|text| CanaryState::parse(policy.state_key(), &text)).transpose().ok()
        };
        let (document, (health, version)) = if config.routing.has_versions {
            // The policy says which version is the canary.
            let document = document.await;
            let state = document.as_ref().and_then(Option::as_ref);
            let health = self.probe(state, wants).await;
            (document, health)
        } else {
            join(document, self.probe(None, wants)).await
        };
        let document = document.map(|state| state.as_ref().map(PublishedState::from));
        AlarmInputs { document, health, version, utc_offset: time_zone::utc_offset }
    }

    /// The canary's health, and the version that it states where the policy names one. An answer of another version says nothing about the
    /// canary's health.
    async fn probe(&self, state: Option<&CanaryState>, wants: WantedInputs) -> (Health, Option<VersionCheck>) {
        let config = &self.context.config;
        let versions = config.service_worker.as_ref().zip(state.and_then(|state| state.versions.clone()));
        let overrides = versions.map(|(worker, versions)| VersionOverrides::new(worker, versions));
        let binding = if overrides.is_some() { &config.stable } else { &config.canary };
        let Some(binding) = binding.as_ref().filter(|_| wants.health) else { return (Health::Unknown, None) };
        let url = "https://canary/health";
        let probe = versions::probe(binding, url, Variant::Canary, overrides.as_ref(), &config.version_header);
        match timeout::within(LIMIT, probe).await {
            Ok(Ok(Probe { check: Some(VersionCheck::Wrong), .. })) => (Health::Unknown, Some(VersionCheck::Wrong)),
            Ok(Ok(Probe { status, check, .. })) if status < 500 => (Health::Healthy, check),
            Ok(Ok(Probe { check, .. })) => (Health::Unhealthy, check),
            Ok(Err(_)) | Err(_) => (Health::Unhealthy, None),
        }
    }

    /// Takes a shard's report. Returns the overlay.
    async fn report(&self, request: &web_sys::Request) -> Result<web_sys::Response, ControllerError> {
        let report: Batch = rpc::body(request).await.map_err(ControllerError::Message)?;
        let (overlay, claimed): (Overlay, _) = transaction::run(&self.context, |controller, store, now| {
            let (overlay, counted) = controller.receive(&report, now);
            store.history()?.count(controller, &report.from, counted, now)?;
            Ok(overlay)
        })?;
        outbox::deliver(&self.context, claimed);
        Ok(response::json(&overlay))
    }

    /// Remembers where the splitter is, for links in messages to the webhook. Such a link is not worth to fail a command.
    fn remember_origin(&self, request: &web_sys::Request) {
        let Some(origin) = url::of(request).map(|url| url.origin()) else { return };
        let remembered = transaction::run(&self.context, |controller, _, _| {
            controller.outbox.origin = Some(origin);
            Ok(())
        });
        match remembered {
            Ok(((), claimed)) => outbox::deliver(&self.context, claimed),
            Err(error) => log::control_trouble("the controller", error.to_string()),
        }
    }

    /// For `/health`: what is wrong, or `null`.
    fn trouble(&self) -> Result<web_sys::Response, ControllerError> {
        Ok(response::json(&transaction::load(&self.context)?.trouble(clock::now())))
    }
}

fn unavailable(error: &ControllerError) -> web_sys::Response {
    log::control_trouble("the controller", error.to_string());
    response::problem(&Problem::unreachable("the controller", &error.to_string()))
}
