//! `/health`: JavaScript makes the checks, and what it found is put together here.

use core::time::Duration;

use serin_logic::bearer::is_authorized;
use serin_logic::health::{BuildDetail, Component, Report, STABLE, Status};
use serin_logic::problem::Problem;
use serin_logic::routing::Facts as _;
use serin_runtime::bindings::CONTROLLER;
use serin_runtime::{clock, randomness, respond};
use wasm_bindgen::prelude::*;

use crate::facts::RequestFacts;
use crate::isolate::Isolate;
use crate::route::{Also, Who};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const COMMIT: &str = env!("SERIN_COMMIT");

/// What JavaScript checks.
#[wasm_bindgen]
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Part {
    /// A read of the policy.
    Kv,
    /// The variant without which nobody is served.
    Stable,
    /// The other one.
    Canary,
    /// What it says of itself.
    Controller,
    /// The location's shard.
    Metrics,
}

/// What was found, by [`Part`].
pub(crate) type Checks = [Component; 5];

/// The name of the one controller's object.
#[wasm_bindgen]
#[must_use]
pub fn controller_name() -> String {
    CONTROLLER.to_owned()
}

#[wasm_bindgen]
impl Isolate {
    /// What a check found: the HTTP `status` of the part's answer (0: there is no such part), or what `trouble` it has; and how long that
    /// took.
    pub fn checked(&self, part: Part, status: u16, trouble: Option<String>, ms: f64) {
        let component = match (part, status, trouble) {
            // It works, and says that something else does not.
            (Part::Controller, 200, Some(trouble)) => Component::wrong(Status::Degraded, trouble),
            (_, _, Some(trouble)) => Component::wrong(Status::Down, trouble),
            (Part::Controller, 0 | 200, None) => Component::ok(),
            (Part::Controller, _, None) => Component::wrong(Status::Down, format!("answered {status}")),
            (Part::Canary, 0, None) => Component::unbound(),
            (_, _, None) => Component::variant(status),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let component = component.took(Duration::from_millis(ms as u64));
        if let Some(check) = self.checks.borrow_mut().get_mut(part as usize) {
            *check = component;
        }
    }

    /// The answer, of what was `checked` just now.
    #[must_use]
    pub fn report(&self, detailed: bool) -> JsValue {
        let now = clock::now();
        let settings = &self.settings;
        // The check of KV has just read the policy: what it found is what counts.
        let snapshot = self.snapshot.borrow().clone().unwrap_or_default();
        let [kv, stable, canary, controller, metrics] = self.checks.take();
        // By name, as they always were.
        let components = vec![
            ("build", Component::build(BuildDetail { commit: COMMIT, deployment: settings.deployment.clone() })),
            ("canary", canary),
            ("controller", controller),
            ("kv", kv),
            ("metrics", metrics),
            ("policy", Component::policy(&snapshot, settings.setup.max_stale, now)),
            ("randomness", check_randomness()),
            (STABLE, stable),
            ("switches", Component::switches(&snapshot, now)),
        ];
        let report = Report::detailed(VERSION, components);
        let report = if detailed { report } else { report.without_detail() };
        respond::json(report.http_status(), "application/json", &report.to_json())
    }
}

impl Isolate {
    pub(crate) fn health_route(&self, facts: &RequestFacts<'_>) -> u32 {
        if !matches!(&*facts.method(), "GET" | "HEAD") {
            return self.answered(&Problem::method_not_allowed("GET, HEAD"));
        }
        let detailed = facts.query_value("detailed").as_deref() == Some("true") && self.may_see_detail(facts);
        Who::Health as u32 | if detailed { Also::Detail as u32 } else { 0 }
    }

    fn may_see_detail(&self, facts: &RequestFacts<'_>) -> bool {
        let is_admin = || {
            let token = self.settings.admin_token.as_deref().unwrap_or_default();
            is_authorized(facts.header("authorization").as_deref(), token)
        };
        !self.settings.detail_for_admin || is_admin()
    }
}

fn check_randomness() -> Component {
    match randomness::bits() {
        Some(_) => Component::ok(),
        None => Component::wrong(Status::Degraded, "no random numbers: new visitors are told by their address"),
    }
}
