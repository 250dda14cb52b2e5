//! The configuration from wrangler.toml: variables, secrets and bindings, read once per isolate. A value that is missing or wrong gets its
//! default, and a line in the log: traffic comes first.

use core::time::Duration;

use js_sys::Reflect;
use serin_logic::access::AccessApplication;
use serin_logic::controller::WebhookFormat;
use serin_logic::fallback::CANARY_DEADLINE_SECONDS;
use serin_logic::headers;
use serin_logic::log_event::LogEvent;
use serin_logic::routing::decision::RoutingConfig;
use serin_logic::routing::override_token::OverrideKey;
use serin_logic::version::{VERSION_HEADER, WorkerName};
use wasm_bindgen::JsValue;
use worker::{AnalyticsEngineDataset, Env, Fetcher, KvStore, ObjectNamespace, worker_sys};

use crate::platform::url;

/// The version of Serin.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The name of the one controller's object.
const CONTROLLER: &str = "controller";

/// Bindings, variables and secrets of the Worker. Handles of bindings may be kept across requests; objects of one request may not.
pub(crate) struct Config {
    /// `STABLE`: the variant that answers by default.
    pub(crate) stable: Option<worker_sys::Fetcher>,
    /// `CANARY`: the variant on trial. Without it stable gets all requests.
    pub(crate) canary: Option<worker_sys::Fetcher>,
    /// `CANARY_STATE`: the KV namespace of the policy.
    pub(crate) canary_state: Option<KvStore>,
    /// `ROLLOUT`: the controller. Without it KV alone steers.
    pub(crate) rollout: Option<ObjectNamespace>,
    /// `METRICS`: the locations' shards.
    pub(crate) metrics: Option<ObjectNamespace>,
    /// `ANALYTICS`: a data point for each observed request.
    pub(crate) analytics: Option<AnalyticsEngineDataset>,
    /// `ASSETS`: the files of the console's page. No other request ever gets there.
    pub(crate) assets: Option<worker_sys::Fetcher>,
    /// `VERSION`: the platform's id of this deployment, shown by `/health`.
    pub(crate) deployment: Option<String>,
    /// `CANARY_STATE_KEY`: the key of the policy document, by default `canary-state`.
    pub(crate) state_key: String,
    /// `REFRESH_SECONDS`, by default 5: how often a busy isolate reads the policy and sends what it has counted.
    pub(crate) refresh: Duration,
    /// `MAX_SWITCH_AGE_SECONDS`, by default 30: how old the switches may be for a request that writes.
    pub(crate) max_switch_age: Duration,
    /// `CANARY_DEADLINE_SECONDS`, by default 15: how long the canary may take to the head of its response; zero is without limit.
    pub(crate) canary_deadline: Duration,
    /// Inputs of every decision: whether there is a canary, `OVERRIDE_TOKEN`, and `MAX_STALE_SECONDS`, by default 300.
    pub(crate) routing: RoutingConfig,
    /// `ADMIN_TOKEN`: the bearer token of the control API.
    pub(crate) admin_token: Option<String>,
    /// `VIEWER_TOKEN`: the bearer token that reads the control API and changes nothing.
    pub(crate) viewer_token: Option<String>,
    /// `ACCESS_TEAM_DOMAIN`, `ACCESS_AUD`: the application of Cloudflare Access in front of the control API, or why it is none.
    pub(crate) access: Result<Option<AccessApplication>, String>,
    /// `HEALTH_DETAIL`: whether `/health?detailed=true` needs the token.
    pub(crate) detail_needs_token: bool,
    /// `SERVICE_WORKER`: the Worker behind `STABLE`, whose versions are the variants where the policy names versions.
    pub(crate) service_worker: Option<WorkerName>,
    /// `VERSION_HEADER`, by default `serin-version`: the response header in which that Worker states its version.
    pub(crate) version_header: String,
    /// `SERVICE_NAME`: the service's name in messages to the webhook.
    pub(crate) service_name: Option<String>,
    /// `WEBHOOK_URL`: receives a POST on every change of a rollout, a halt, a switch or the document.
    pub(crate) webhook_url: Option<String>,
    /// `CHECK_TOKEN`: the bearer token that plans' checks get.
    pub(crate) check_token: Option<String>,
    /// `WEBHOOK_FORMAT`: the shape of that POST, by default `json`.
    pub(crate) webhook_format: WebhookFormat,
}

// === impl Config ===

impl Config {
    /// Reads the environment, and what is wrong with it.
    pub(crate) fn read(env: &Env) -> (Self, Vec<LogEvent>) {
        let mut misconfigured = Vec::new();
        let mut seconds = |name, default, least_ms| {
            parse_seconds(variable(env, name).as_deref(), default, least_ms).unwrap_or_else(|message| {
                misconfigured.push(LogEvent::Misconfigured { name, message });
                Duration::from_secs(default)
            })
        };
        let refresh = seconds("REFRESH_SECONDS", 5, 1);
        let max_stale = seconds("MAX_STALE_SECONDS", 300, 1);
        let max_switch_age = seconds("MAX_SWITCH_AGE_SECONDS", 30, 1);
        let canary_deadline = seconds("CANARY_DEADLINE_SECONDS", CANARY_DEADLINE_SECONDS, 0);
        let detail_needs_token = match text(env, "HEALTH_DETAIL").as_deref() {
            None | Some("public") => false,
            Some("token") => true,
            Some(other) => {
                let message = format!("{other} is not accepted, accepted: public or token; token is used");
                misconfigured.push(LogEvent::Misconfigured { name: "HEALTH_DETAIL", message });
                true
            }
        };
        let webhook_format = match variable(env, "WEBHOOK_FORMAT") {
            None => WebhookFormat::default(),
            Some(name) => WebhookFormat::named(&name).unwrap_or_else(|| {
                let message = format!("{name} is not accepted, accepted: json, text or content; json is used");
                misconfigured.push(LogEvent::Misconfigured { name: "WEBHOOK_FORMAT", message });
                WebhookFormat::default()
            }),
        };
        // A URL that the runtime refuses would be quoted in its exception, and so in the log: it is a secret.
        let webhook_url = variable(env, "WEBHOOK_URL").filter(|url| {
            let is_url = url::parse(url).is_some();
            if !is_url {
                let message = "it is not a URL; notifications are off".to_owned();
                misconfigured.push(LogEvent::Misconfigured { name: "WEBHOOK_URL", message });
            }
            is_url
        });
        let (team_domain, audience) = (variable(env, "ACCESS_TEAM_DOMAIN"), variable(env, "ACCESS_AUD"));
        let access = AccessApplication::new(team_domain.as_deref(), audience.as_deref());
        misconfigured.extend(access.as_ref().err().map(|message| {
            let message = format!("{message}; the control API is closed");
            LogEvent::Misconfigured { name: "ACCESS_TEAM_DOMAIN, ACCESS_AUD", message }
        }));
        let service_worker = variable(env, "SERVICE_WORKER").map(|name| WorkerName::new(&name)).transpose();
        let service_worker = service_worker.unwrap_or_else(|error| {
            let message = format!("{error}; no version of it can be the canary");
            misconfigured.push(LogEvent::Misconfigured { name: "SERVICE_WORKER", message });
            None
        });
        let version_header = variable(env, "VERSION_HEADER").unwrap_or_else(|| VERSION_HEADER.to_owned());
        let version_header = if headers::is_name(&version_header) {
            version_header
        } else {
            let message =
                format!("{version_header} is not accepted, accepted: a header's name; {VERSION_HEADER} is used");
            misconfigured.push(LogEvent::Misconfigured { name: "VERSION_HEADER", message });
            VERSION_HEADER.to_owned()
        };
        let (stable, canary) = (service(env, "STABLE"), service(env, "CANARY"));
        let config = Self {
            routing: RoutingConfig {
                canary_bound: canary.is_some(),
                has_versions: service_worker.is_some() && stable.is_some(),
                override_key: variable(env, "OVERRIDE_TOKEN").as_deref().and_then(OverrideKey::new),
                max_stale,
            },
            stable,
            canary,
            canary_state: is_object(env, "CANARY_STATE").then(|| env.kv("CANARY_STATE").ok()).flatten(),
            rollout: env.durable_object("ROLLOUT").ok(),
            metrics: env.durable_object("METRICS").ok(),
            analytics: env.analytics_engine("ANALYTICS").ok(),
            assets: service(env, "ASSETS"),
            deployment: version_id(env),
            state_key: variable(env, "CANARY_STATE_KEY").unwrap_or_else(|| "canary-state".to_owned()),
            refresh,
            max_switch_age,
            canary_deadline,
            admin_token: variable(env, "ADMIN_TOKEN"),
            viewer_token: variable(env, "VIEWER_TOKEN"),
            access,
            detail_needs_token,
            service_worker,
            version_header,
            service_name: variable(env, "SERVICE_NAME"),
            check_token: variable(env, "CHECK_TOKEN"),
            webhook_url,
            webhook_format,
        };
        if config.rollout.is_some() && config.admin_token.is_none() {
            let message = "it is not set; the control API is closed".to_owned();
            misconfigured.push(LogEvent::Misconfigured { name: "ADMIN_TOKEN", message });
        }
        (config, misconfigured)
    }

    /// Whether anybody can be signed in to the console.
    pub(crate) fn has_sessions(&self) -> bool {
        self.assets.is_some() && (self.admin_token.is_some() || self.viewer_token.is_some())
    }

    /// A stub of the controller. It belongs to one request and must not be kept.
    pub(crate) fn controller(&self) -> Result<worker::Stub, String> {
        let namespace = self.rollout.as_ref().ok_or("ROLLOUT is not bound")?;
        namespace.get_by_name(CONTROLLER).map_err(|error| error.to_string())
    }
}

/// A service binding as the runtime has it: `worker::Fetcher` gives no promise, and waiting for a variant in a Rust future is not wanted.
fn service(env: &Env, name: &str) -> Option<worker_sys::Fetcher> {
    env.service(name).ok().map(Fetcher::into_rpc)
}

fn is_object(env: &Env, name: &str) -> bool {
    Reflect::get(env, &name.into()).is_ok_and(|value| value.is_object())
}

/// The platform's id of this deployment. `worker::WorkerVersionMetadata` would panic on any other object bound as `VERSION`.
fn version_id(env: &Env) -> Option<String> {
    let version = Reflect::get(env, &"VERSION".into()).ok().filter(JsValue::is_object)?;
    Reflect::get(&version, &"id".into()).ok()?.as_string()
}

/// A variable or secret that is not empty. wrangler.toml may hold a number where `Env::var` would take a text only.
fn variable(env: &Env, name: &str) -> Option<String> {
    text(env, name).filter(|text| !text.is_empty())
}

fn text(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &name.into()).ok()?;
    value.as_string().or_else(|| value.as_f64().map(|number| number.to_string()))
}

/// A time in seconds, to the millisecond; `default` where there is none.
fn parse_seconds(text: Option<&str>, default: u64, least_ms: u64) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(Duration::from_secs(default)) };
    let seconds = text.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let millis = seconds.map(|seconds| (seconds * 1000.0) as u64).filter(|millis| *millis >= least_ms);
    millis.map(Duration::from_millis).ok_or_else(|| {
        let from = if least_ms == 0 { "from 0, which is off" } else { "above 0" };
        format!("{text} is not accepted, accepted: a number of seconds {from}; {default} is used")
    })
}
