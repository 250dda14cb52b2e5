//! The Worker under test: its name from its wrangler configuration, and the configuration of its canary.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};

use super::deployment::Share;
use crate::exit::Failure;
use crate::wrangler::{Document, Invocation};

/// Names of configuration files, in the order in which wrangler looks for them.
pub(super) const FILES: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// File in which build tools name the wrangler configuration that they generated.
const REDIRECT: &str = ".wrangler/deploy/config.json";

/// Options that name the Worker.
#[derive(Args, Clone, Debug)]
pub(crate) struct WorkerOptions {
    /// Folder of the Worker, or its wrangler configuration.
    #[arg(value_name = "DIR", default_value = ".")]
    at: PathBuf,
    /// Environment in the Worker's configuration.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// Name of the canary's Worker; default: the Worker's name with `-canary`.
    #[arg(long, value_name = "NAME")]
    canary_name: Option<String>,
}

/// A Worker and its canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Worker {
    /// Name of the stable Worker.
    pub(super) name: String,
    /// Name of the canary's Worker.
    pub(super) canary: String,
    /// Warnings for the operator before the canary is deployed.
    pub(super) warnings: Vec<String>,
    env: Option<String>,
    folder: PathBuf,
    file: String,
    /// The configuration of the canary, as JSON.
    for_canary: String,
}

// === impl WorkerOptions ===

impl WorkerOptions {
    /// Reads the configuration.
    ///
    /// # Errors
    /// The configuration is missing, is not valid, or has no name.
    pub(super) fn read(&self) -> Result<Worker, Failure> {
        let file = self.file()?;
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", file.display()));
        let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let config = parse(&file, &text).map_err(wrong)?;
        let (env, canary) = (self.env.as_deref(), self.canary_name.as_deref());
        let (name, canary) = names(&config, env, canary).map_err(wrong)?;
        let warnings = of_its_own(&config, env, &name);
        let for_canary = format!("{:#}", Value::Object(of_canary(config, env, &name, &canary)));
        let file = std::path::absolute(&file).map_err(|error| wrong(error.to_string()))?;
        Ok(Worker {
            name,
            canary,
            warnings,
            env: self.env.clone(),
            folder: file.parent().unwrap_or(&file).to_owned(),
            file: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            for_canary,
        })
    }

    fn file(&self) -> Result<PathBuf, Failure> {
        if self.at.is_file() {
            return Ok(self.at.clone());
        }
        let at = self.at.display();
        if self.at.join(REDIRECT).is_file() {
            return Err(Failure::Usage(format!(
                "{at}: {REDIRECT} names another configuration; give that file instead of the folder"
            )));
        }
        let found = FILES.into_iter().map(|name| self.at.join(name)).find(|file| file.is_file());
        found.ok_or_else(|| Failure::Usage(format!("{at}: there is no {}", FILES.join(", no "))))
    }
}

// === impl Worker ===

impl Worker {
    /// Deploys the folder's code as the stable Worker.
    pub(super) fn deploy(&self) -> Invocation {
        self.own(&["deploy"])
    }

    /// Uploads the folder's code as a version of the stable Worker, which serves nobody yet.
    pub(super) fn upload_version(&self) -> Invocation {
        self.own(&["versions", "upload"])
    }

    /// Shows the Worker's present deployment.
    pub(super) fn deployment(&self) -> Invocation {
        let mut call = self.own(&["deployments", "status"]);
        call.args.push("--json".to_owned());
        call
    }

    /// Deploys versions of the Worker.
    pub(super) fn deploy_versions(&self, shares: &[Share]) -> Invocation {
        let specs: Vec<_> = shares.iter().map(Share::spec).collect();
        let words: Vec<_> = ["versions", "deploy"].into_iter().chain(specs.iter().map(String::as_str)).collect();
        let mut call = self.own(&words);
        call.args.push("--yes".to_owned());
        call
    }

    fn own(&self, words: &[&str]) -> Invocation {
        self.named(words, &self.name).option("--config", Some(&self.file))
    }

    /// Deploys the folder's code as the canary.
    pub(super) fn deploy_canary(&self) -> Invocation {
        Invocation { document: Some(self.document()), ..self.named(&["deploy"], &self.canary) }
    }

    /// Deletes the canary although the splitter is bound to it.
    pub(super) fn delete_canary(&self) -> Invocation {
        let mut call = Invocation { document: Some(self.document()), ..self.named(&["delete"], &self.canary) };
        call.args.push("--force".to_owned());
        call
    }

    /// Older versions of wrangler append the environment to a name argument, so with an environment the configuration names the Worker.
    fn named(&self, words: &[&str], name: &str) -> Invocation {
        let name = Some(name).filter(|_| self.env.is_none());
        Invocation::new(words).option("--name", name).option("--env", self.env.as_deref()).inside(&self.folder)
    }

    fn document(&self) -> Document {
        Document { flag: "--config", is_there: true, text: self.for_canary.clone() }
    }
}

/// Reads a wrangler configuration in either of its languages.
pub(super) fn parse(file: &Path, text: &str) -> Result<Map<String, Value>, String> {
    let is_toml = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
    let value = if is_toml {
        toml::from_str(text).map(json).map_err(|error| error.to_string())?
    } else {
        jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default())
            .map_err(|error| error.to_string())?
    };
    match value {
        Value::Object(config) => Ok(config),
        other => Err(format!("is {other}, accepted: an object")),
    }
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::Table(table) => table.into_iter().map(|(name, value)| (name, json(value))).collect(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::String(text) => text.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
    }
}

/// The names of the Worker and of its canary, formed as wrangler forms them.
fn names(config: &Map<String, Value>, env: Option<&str>, canary: Option<&str>) -> Result<(String, String), String> {
    let text = |config: &Map<String, Value>| config.get("name").and_then(Value::as_str).map(str::to_owned);
    let name = match env {
        None => text(config),
        Some(env) => match environment(config, env) {
            None => return Err(format!("there is no env.{env}")),
            Some(own) => text(own).or_else(|| Some(format!("{}-{env}", text(config)?))),
        },
    };
    let name = name.filter(|name| !name.is_empty()).ok_or("it has no name")?;
    let canary = canary.map_or_else(|| format!("{name}-canary"), str::to_owned);
    if canary == name {
        return Err(format!("the canary cannot have the Worker's own name, {name}: give another --canary-name"));
    }
    Ok((name, canary))
}

pub(super) fn environment<'a>(config: &'a Map<String, Value>, env: &str) -> Option<&'a Map<String, Value>> {
    config.get("env")?.get(env)?.as_object()
}

/// The Worker's configuration without settings that only one Worker can have, such as routes, which would lead traffic around the splitter.
fn of_canary(mut config: Map<String, Value>, env: Option<&str>, name: &str, canary: &str) -> Map<String, Value> {
    let own = env.and_then(|env| config.get_mut("env")?.get_mut(env)?.as_object_mut().map(std::mem::take));
    let is_routed = [Some(&config), own.as_ref()].into_iter().flatten().any(has_routes);
    let part = |mut config: Map<String, Value>| {
        for name in ["route", "routes", "triggers"] {
            config.remove(name);
        }
        if let Some(queues) = config.get_mut("queues").and_then(Value::as_object_mut) {
            queues.remove("consumers");
        }
        // Workflow names are unique in an account: deploying the workflow again would move it to the canary.
        for workflow in config.get_mut("workflows").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(workflow) = workflow.as_object_mut() {
                workflow.entry("script_name").or_insert_with(|| name.into());
            }
        }
        config
    };
    let own = own.map(part);
    config = part(config);
    // Without routes wrangler would enable a public address, which the Worker itself does not have.
    if is_routed && !config.contains_key("workers_dev") {
        config.insert("workers_dev".to_owned(), false.into());
    }
    if let (Some(env), Some(mut own)) = (env, own) {
        own.insert("name".to_owned(), canary.into());
        config.insert("env".to_owned(), Value::Object(Map::from_iter([(env.to_owned(), own.into())])));
    } else {
        config.remove("env");
        config.insert("name".to_owned(), canary.into());
    }
    config
}

fn has_routes(config: &Map<String, Value>) -> bool {
    let has_some = |name| match config.get(name) {
        Some(Value::Array(routes)) => !routes.is_empty(),
        other => other.is_some(),
    };
    has_some("route") || has_some("routes")
}

/// Bindings that the canary appears to share with its Worker but does not.
fn of_its_own(config: &Map<String, Value>, env: Option<&str>, name: &str) -> Vec<String> {
    let own = match env {
        // Environments do not inherit bindings.
        Some(env) => environment(config, env),
        None => Some(config),
    };
    let objects = own.and_then(|own| own.get("durable_objects")?.get("bindings")?.as_array());
    let objects = objects.into_iter().flatten().filter(|binding| binding.get("script_name").is_none());
    let objects = objects.filter_map(|binding| binding.get("name")?.as_str()).map(|binding| {
        format!("{binding}: the canary gets its own, empty Durable Objects; set script_name = \"{name}\" to share the Worker's")
    });
    let has_no_id = |binding: &&Value| binding.get("id").is_none();
    let namespaces = own.and_then(|own| own.get("kv_namespaces")?.as_array()).into_iter().flatten().filter(has_no_id);
    let namespaces = namespaces
        .filter_map(|binding| binding.get("binding")?.as_str())
        .map(|binding| format!("{binding}: without an id the canary gets its own, empty KV namespace"));
    objects.chain(namespaces).collect()
}

#[cfg(test)]
impl Worker {
    /// A Worker of this name.
    pub(super) fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            canary: format!("{name}-canary"),
            warnings: vec![],
            env: None,
            folder: "/".into(),
            file: "wrangler.toml".into(),
            for_canary: "{}".into(),
        }
    }
}

#[cfg(test)]
mod tests;
