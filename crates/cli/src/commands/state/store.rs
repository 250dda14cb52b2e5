//! Access to the stored document: through the control API where it is reachable, or else directly in KV with wrangler. A failed read is
//! never treated as a missing document.

use serin_logic::api::{ChangeAnswer, StateAnswer};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::Checked;
use crate::client::Client;
use crate::connection::{Connection, Why};
use crate::exit::Failure;
use crate::output;
use crate::wrangler::{Document, Invocation, Wrangler};

/// Store of the document.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Policy document")]
pub(crate) struct Place {
    /// Way to the document; `auto` uses the control API if it can be reached with the token, else KV.
    #[arg(long, value_enum, default_value = "auto")]
    via: Via,
    /// Binding of the KV namespace in the splitter's configuration.
    #[arg(long, value_name = "NAME", default_value = "CANARY_STATE")]
    kv_binding: String,
    /// Key of the document: the splitter's `CANARY_STATE_KEY`.
    #[arg(long, value_name = "KEY", default_value = "canary-state")]
    pub(super) key: String,
    /// Use wrangler's local KV; the default if --url is on this machine.
    #[arg(long, conflicts_with = "remote")]
    local: bool,
    /// Use Cloudflare's KV; the default if --url is not on this machine.
    #[arg(long)]
    remote: bool,
    /// Folder of the local KV, as for `npm start -- --persist-to`.
    #[arg(long, value_name = "DIR")]
    persist_to: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::commands) wrangler: Wrangler,
}

/// The splitter's own configuration, which names the KV namespace.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Policy document")]
pub(crate) struct Configuration {
    /// Wrangler configuration of the splitter; default: the one that wrangler finds here.
    #[arg(long, value_name = "FILE")]
    pub(in crate::commands) config: Option<PathBuf>,
    /// Environment in the splitter's configuration.
    #[arg(long, value_name = "NAME")]
    pub(in crate::commands) env: Option<String>,
}

/// Ways to access the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Via {
    Auto,
    Api,
    Kv,
}

/// Access to the document in its store.
pub(crate) struct Store {
    /// The control API, or `None` if only KV is reachable.
    api: Option<Client>,
    place: Place,
    configuration: Configuration,
    is_local: bool,
}

// === impl Store ===

impl Store {
    /// Finds out whether the control API is reachable.
    ///
    /// # Errors
    /// The token is wrong. A fallback to KV would hide the mistake.
    pub(crate) fn open(connection: &Connection, place: &Place, configuration: &Configuration) -> Result<Self, Failure> {
        let client = Client::new(connection)?;
        let is_local = place.local || (client.is_here() && !place.remote);
        let is_open = match place.via {
            Via::Api => true,
            Via::Kv => false,
            Via::Auto if !client.has_token() => {
                output::error_line("using KV, because the control API needs SERIN_TOKEN");
                false
            }
            Via::Auto => match client.get("status") {
                Ok(_) => true,
                Err(failure @ Failure::Unreachable(_)) => Self::goes_round(&failure),
                Err(Failure::Refused(refusal)) if refusal.status != 401 => Self::goes_round(&Failure::Refused(refusal)),
                Err(failure) => return Err(failure),
            },
        };
        let (place, configuration) = (place.clone(), configuration.clone());
        Ok(Self { api: is_open.then_some(client), place, configuration, is_local })
    }

    /// The control API, or `None` if only KV is reachable.
    pub(in crate::commands) const fn api(&self) -> Option<&Client> {
        self.api.as_ref()
    }

    /// Whether the splitter and its KV are on this machine.
    pub(in crate::commands) const fn is_local(&self) -> bool {
        self.is_local
    }

    fn goes_round(failure: &Failure) -> bool {
        output::error_line(&format!("using KV: {failure}"));
        false
    }

    /// The stored text, or `None` if there is none.
    ///
    /// # Errors
    /// The document is not readable.
    pub(crate) fn read(&self) -> Result<Option<String>, Failure> {
        match self.api.as_ref().map(|client| client.get("state")) {
            None => self.read_kv(),
            // A Worker of an older version can write the document but not return it.
            Some(Err(Failure::Refused(refusal))) if matches!(refusal.status, 404 | 405 | 501) => self.read_kv(),
            Some(Err(failure)) => Err(failure),
            Some(Ok(answer)) => match answer.read::<Value>()?.get("state") {
                None => Err(Failure::Failed("the server's response is not valid: it has no `state`".into())),
                Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(state) => Ok(Some(state.to_string())),
            },
        }
    }

    fn read_kv(&self) -> Result<Option<String>, Failure> {
        let mut call = self.kv("get");
        call.args.push("--text".to_owned());
        let outcome = self.place.wrangler.output(&call)?;
        // wrangler reports a missing key with exit code 0 locally and with an error remotely, so the text of its output decides.
        let is_absent =
            outcome.stdout.trim() == "Value not found" || (!outcome.is_good && outcome.says("key not found"));
        match () {
            () if is_absent => Ok(None),
            () if outcome.is_good => Ok(Some(outcome.stdout.trim_end().to_owned()).filter(|text| !text.is_empty())),
            () => Err(self.place.wrangler.failure(&call, &outcome)),
        }
    }

    /// Description of the write, for a dry run.
    pub(crate) fn describe_write(&self, document: &Checked) -> String {
        match &self.api {
            Some(client) => format!("PUT {}/__serin/state", client.origin()),
            None => self.place.wrangler.describe(&self.put(document)),
        }
    }

    /// Writes the document. Returns whether the store already had it and which it had, as far as that is known.
    ///
    /// # Errors
    /// The write was refused, or it failed.
    pub(crate) fn write(
        &self,
        document: &Checked,
        connection: &Connection,
        why: &Why,
    ) -> Result<ChangeAnswer<StateAnswer>, Failure> {
        if let Some(client) = &self.api {
            let mut body = super::super::rollout::actor_and_reason(connection, why);
            body.insert("state".into(), document.value());
            return client.put("state", &json!(body))?.read();
        }
        let call = self.put(document);
        let outcome = self.place.wrangler.output(&call)?;
        if outcome.is_good { Ok(ChangeAnswer::default()) } else { Err(self.place.wrangler.failure(&call, &outcome)) }
    }

    fn put(&self, document: &Checked) -> Invocation {
        let text = document.text.clone();
        Invocation { document: Some(Document { flag: "--path", is_there: false, text }), ..self.kv("put") }
    }

    fn kv(&self, verb: &str) -> Invocation {
        let Place { kv_binding, key, persist_to, .. } = &self.place;
        let Configuration { config, env } = &self.configuration;
        let where_to = if self.is_local { "--local" } else { "--remote" };
        Invocation::new(&["kv", "key", verb, key, "--binding", kv_binding, where_to])
            .option("--config", config.as_ref().map(|path| path.to_string_lossy()).as_deref())
            .option("--env", env.as_deref())
            .option("--persist-to", persist_to.as_ref().map(|path| path.to_string_lossy()).as_deref())
    }
}
