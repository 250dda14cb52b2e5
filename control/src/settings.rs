//! What only the control plane needs of wrangler.toml, beside the bindings.

use serin_logic::controller::Format;
use serin_logic::notice::Notice;
use serin_runtime::bindings::Bindings;
use serin_runtime::javascript::Env;
use serin_runtime::{log, settings};

/// The bindings, and where notices go.
pub(crate) struct Settings {
    pub(crate) bindings: Bindings,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_format: Format,
}

// === impl Settings ===

impl Settings {
    pub(crate) fn read(env: &Env) -> Self {
        let format = settings::text(env, "WEBHOOK_FORMAT").filter(|name| !name.is_empty());
        let webhook_format = format.map_or(Some(Format::default()), |name| Format::named(&name));
        if webhook_format.is_none() {
            let message = "is not known, accepted: json, text or content; json is used".to_owned();
            log::notice(&Notice::Misconfigured { name: "WEBHOOK_FORMAT", message });
        }
        Self {
            bindings: Bindings::read(env),
            webhook_url: settings::text(env, "WEBHOOK_URL").filter(|url| !url.is_empty()),
            webhook_format: webhook_format.unwrap_or_default(),
        }
    }
}
