//! What wrangler.toml binds, by its name. Handles may be kept across requests; objects of one request may not.

use wasm_bindgen::prelude::*;

use crate::javascript::{Env, Fetcher, KvNamespace, ObjectNamespace};
use crate::settings::Settings;

pub(crate) const CANARY: &str = "CANARY";
const CANARY_STATE: &str = "CANARY_STATE";
const ROLLOUT: &str = "ROLLOUT";

/// The one controller's name.
pub const CONTROLLER: &str = "controller";

/// What the Worker was deployed with.
pub struct Bindings {
    /// Its variables and secrets. What is wrong with them, the request path has said.
    pub settings: Settings,
    /// None: stable gets all.
    pub canary: Option<Fetcher>,
    /// Or why there is none.
    pub kv: Result<KvNamespace, String>,
    /// The rollout controller; none: KV alone steers.
    pub rollout: Option<ObjectNamespace>,
}

// === impl Bindings ===

impl Bindings {
    /// Reads the environment.
    pub fn read(env: &Env) -> Self {
        Self {
            settings: Settings::read(env).0,
            canary: binding(env, CANARY),
            kv: binding(env, CANARY_STATE).ok_or_else(|| format!("there is no KV binding {CANARY_STATE}")),
            rollout: binding(env, ROLLOUT),
        }
    }
}

pub(crate) fn binding<T: JsCast>(env: &Env, name: &str) -> Option<T> {
    Some(env.get(name)).filter(JsValue::is_object).map(JsCast::unchecked_into)
}
