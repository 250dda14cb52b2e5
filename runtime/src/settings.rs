//! What wrangler.toml says in words and numbers, checked once per isolate.

use core::time::Duration;

use serin_logic::fallback::CANARY_DEADLINE_SECONDS;
use serin_logic::notice::Notice;
use serin_logic::routing::decision::Setup;
use serin_logic::routing::override_token::OverrideKey;

use crate::bindings::{CANARY, binding};
use crate::javascript::{Env, VersionMetadata, to_number, to_text};

/// The Worker's variables and secrets.
pub struct Settings {
    /// The key of the canary state in KV.
    pub state_key: String,
    /// What every decision needs of it.
    pub setup: Setup,
    /// How often a busy isolate reads the policy again, and tells what it has counted.
    pub refresh: Duration,
    /// How long the canary may take to the head of its response, in ms; 0: as long as it likes.
    pub deadline_ms: f64,
    /// Who may use the control API.
    pub admin_token: Option<String>,
    /// Whether `/health` shows details to the admin alone.
    pub detail_for_admin: bool,
    /// The platform's id of this deployment.
    pub deployment: Option<String>,
}

// === impl Settings ===

impl Settings {
    /// Reads the environment. What is missing or wrong gets its default and a notice: traffic comes first.
    pub fn read(env: &Env) -> (Self, Vec<Notice>) {
        let mut misconfigured = Vec::new();
        let mut seconds = |name, default, least| {
            let default_duration = Duration::from_secs(default);
            let Some(text) = text(env, name) else { return default_duration };
            millis_of(&text).filter(|millis| *millis >= least).map_or_else(
                || {
                    let from = if least == 0 { "from 0, which is off" } else { "above 0" };
                    let message =
                        format!("{text} is not accepted, accepted: a number of seconds {from}; {default} is used");
                    misconfigured.push(Notice::Misconfigured { name, message });
                    default_duration
                },
                Duration::from_millis,
            )
        };
        let refresh = seconds("REFRESH_SECONDS", 5, 1);
        let max_stale = seconds("MAX_STALE_SECONDS", 300, 1);
        let deadline = seconds("CANARY_DEADLINE_SECONDS", CANARY_DEADLINE_SECONDS, 0);
        let detail_for_admin = match text(env, "HEALTH_DETAIL").as_deref() {
            None | Some("public") => false,
            Some("token") => true,
            Some(other) => {
                let message = format!("{other} is not accepted, accepted: public or token; token is used");
                misconfigured.push(Notice::Misconfigured { name: "HEALTH_DETAIL", message });
                true
            }
        };
        let settings = Self {
            setup: Setup {
                canary_bound: binding::<wasm_bindgen::JsValue>(env, CANARY).is_some(),
                override_key: text(env, "OVERRIDE_TOKEN").as_deref().and_then(OverrideKey::new),
                max_stale,
            },
            state_key: text(env, "CANARY_STATE_KEY")
                .filter(|key| !key.is_empty())
                .unwrap_or_else(|| "canary-state".into()),
            refresh,
            // A timer takes no more.
            deadline_ms: (deadline.as_secs_f64() * 1000.0).min(f64::from(i32::MAX)),
            admin_token: text(env, "ADMIN_TOKEN").filter(|token| !token.is_empty()),
            detail_for_admin,
            deployment: binding::<VersionMetadata>(env, "VERSION").and_then(|version| version.id().as_string()),
        };
        (settings, misconfigured)
    }
}

/// A variable or secret. wrangler.toml may hold a number where text is meant.
pub fn text(env: &Env, name: &str) -> Option<String> {
    let value = env.get(name);
    let is_set = value.is_string() || value.as_f64().is_some();
    if is_set { to_text(&value).ok() } else { None }
}

/// A time in seconds, as JavaScript reads numbers; it is kept to the millisecond.
fn millis_of(text: &str) -> Option<u64> {
    let seconds = Some(to_number(text)).filter(|seconds| *seconds >= 0.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    Some((seconds * 1000.0) as u64)
}
