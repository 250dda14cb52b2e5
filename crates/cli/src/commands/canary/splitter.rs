//! Which Worker the splitter's binding `CANARY` leads to. A canary of another name would be deployed, gated and given a share, while
//! visitors get the Worker that is bound. The splitter's wrangler configuration names the bound Worker; for a splitter on Cloudflare the
//! version that answers at --url is asked too, because a configuration may not be deployed yet.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use ureq::http::Method;

use super::worker::{FILES, environment, parse};
use crate::client::Client;
use crate::commands::health::{self, HealthView};
use crate::exit::Failure;
use crate::wrangler::{Invocation, Wrangler};

/// The binding of the canary.
const BINDING: &str = "CANARY";

/// The splitter's wrangler configuration.
pub(super) struct Splitter {
    file: PathBuf,
    env: Option<String>,
    /// Name of the Worker that it binds as the canary.
    bound: String,
}

/// The splitter's version that answers.
pub(super) struct Deployed {
    /// The version's id and address, for messages.
    version: String,
    /// Name of the Worker that it binds as the canary, if there is one.
    bound: Option<String>,
}

// === impl Splitter ===

impl Splitter {
    /// Reads the configuration: `given`, or else the one in the current folder if it binds a canary.
    ///
    /// # Errors
    /// The given configuration is missing, is not valid, or binds no canary.
    pub(super) fn read(given: Option<&Path>, env: Option<&str>) -> Result<Option<Self>, Failure> {
        let here = || FILES.into_iter().map(PathBuf::from).find(|file| file.is_file());
        let Some(file) = given.map(Path::to_owned).or_else(here) else { return Ok(None) };
        match Self::of(&file, env) {
            Ok(bound) => Ok(Some(Self { file, env: env.map(str::to_owned), bound })),
            Err(why) if given.is_some() => Err(Failure::Usage(format!("{}: {why}", file.display()))),
            // The configuration in the current folder may be another Worker's.
            Err(_) => Ok(None),
        }
    }

    fn of(file: &Path, env: Option<&str>) -> Result<String, String> {
        let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
        let config = parse(file, &text)?;
        let own: &Map<String, Value> = match env {
            None => &config,
            // Environments do not inherit bindings.
            Some(env) => environment(&config, env).ok_or_else(|| format!("there is no env.{env}"))?,
        };
        let missing = || {
            let place = env.map(|env| format!(" in env.{env}")).unwrap_or_default();
            format!(
                "no service is bound as {BINDING}{place}; is it the splitter's, and does --splitter-env name its environment?"
            )
        };
        bound_in(own.get("services"), "binding").ok_or_else(missing)
    }

    /// Refuses to deploy `canary` if another Worker is bound. Returns what was checked.
    ///
    /// # Errors
    /// Another Worker is bound.
    pub(super) fn check(&self, canary: &str) -> Result<String, Failure> {
        let file = self.file.display();
        self.compare(canary, &self.bound, &format!("{file} binds {}", self.bound))?;
        Ok(format!("{BINDING} in {file}"))
    }

    /// Reads what the version that answers at `client` is bound to. Returns `None` if the splitter does not say its version's id.
    ///
    /// # Errors
    /// The splitter cannot be reached, or wrangler cannot read the version.
    pub(super) fn deployed(&self, client: &Client, wrangler: &Wrangler) -> Result<Option<Deployed>, Failure> {
        let reply = client.send(&Method::GET, health::path(true), &[], None)?;
        let health: HealthView = serde_json::from_str(&reply.text).unwrap_or_default();
        let build = health.components.unwrap_or_default().remove("build").unwrap_or_default();
        let Some(version) = build.get("deployment").and_then(Value::as_str) else { return Ok(None) };
        let call = Invocation::new(&["versions", "view", version, "--json"])
            .option("--config", Some(&self.file.to_string_lossy()))
            .option("--env", self.env.as_deref());
        let outcome = wrangler.output(&call)?;
        let view = serde_json::from_str::<Value>(&outcome.stdout).ok().filter(|_| outcome.is_good);
        let Some(view) = view else { return Err(wrangler.failure(&call, &outcome)) };
        let bound = bound_in(view.pointer("/resources/bindings"), "name");
        Ok(Some(Deployed { version: format!("version {version} at {}", client.origin()), bound }))
    }

    /// The same check as [`Splitter::check`] for the deployed version.
    ///
    /// # Errors
    /// Another Worker is bound, or none.
    pub(super) fn check_deployed(
        &self,
        canary: &str,
        Deployed { version, bound }: &Deployed,
    ) -> Result<String, Failure> {
        let bound = bound.as_deref().unwrap_or("no Worker");
        self.compare(canary, bound, &format!("{version} binds {bound}"))?;
        Ok(format!("{BINDING} of {version}"))
    }

    fn compare(&self, canary: &str, bound: &str, found: &str) -> Result<(), Failure> {
        if bound == canary {
            return Ok(());
        }
        let file = self.file.display();
        Err(Failure::Failed(format!(
            "the splitter's {BINDING} is not {canary}, nothing was deployed: {found}. Bind {canary} as {BINDING} in {file} and deploy the \
             splitter, name the bound Worker with --canary-name, or name the splitter's configuration with --splitter-config and \
             --splitter-env"
        )))
    }
}

/// The Worker that a list of bindings has as the canary. `key` is the field that holds a binding's name.
fn bound_in(bindings: Option<&Value>, key: &str) -> Option<String> {
    let mut bindings = bindings?.as_array()?.iter();
    let canary = bindings.find(|binding| binding.get(key).is_some_and(|name| name == BINDING))?;
    Some(canary.get("service")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
name = "serin"
[[services]]
binding = "STABLE"
service = "shop"
[[services]]
binding = "CANARY"
service = "shop-canary"
[env.staging]
[[env.staging.services]]
binding = "CANARY"
service = "shop-staging-canary"
[env.bare]
"#;

    fn splitter(env: Option<&str>) -> Result<Option<Splitter>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wrangler.toml");
        std::fs::write(&file, CONFIG).unwrap();
        Splitter::read(Some(&file), env)
    }

    #[test]
    fn the_bound_worker_is_accepted_and_another_is_refused_with_both_names() {
        let checked = |env, canary: &str| splitter(env).unwrap().unwrap().check(canary);
        assert!(checked(None, "shop-canary").is_ok());
        assert!(checked(Some("staging"), "shop-staging-canary").is_ok());
        let error = checked(Some("staging"), "shop-canary").unwrap_err().to_string();
        assert!(error.contains("is not shop-canary") && error.contains("binds shop-staging-canary"), "{error}");
    }

    #[test]
    fn a_given_configuration_without_a_canary_is_wrong_usage() {
        let error = |env| splitter(Some(env)).err().unwrap().to_string();
        assert!(error("bare").contains("no service is bound as CANARY in env.bare"), "{}", error("bare"));
        assert!(error("none").contains("there is no env.none"), "{}", error("none"));
        assert!(Splitter::read(Some(Path::new("/no/wrangler.toml")), None).is_err());
    }

    #[test]
    fn the_bindings_of_a_deployed_version_are_read() {
        let bindings = serde_json::json!([
            {"type": "kv_namespace", "name": "CANARY_STATE", "namespace_id": "1"},
            {"type": "service", "name": "CANARY", "service": "shop-canary", "environment": "production"},
        ]);
        assert_eq!(bound_in(Some(&bindings), "name").as_deref(), Some("shop-canary"));
        assert_eq!(bound_in(Some(&serde_json::json!([])), "name"), None);
    }
}
