//! `serin health`: requests `/health`. The result is also the exit code.

use std::collections::BTreeMap;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::Method;

use crate::client::{Client, Reply};
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output::{self, BAD, CAUTION, GOOD, styled, table};

/// `health`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Show each component: KV, the policy, switches, both variants, the controller.
    #[arg(long)]
    detailed: bool,
    /// Count degraded as unhealthy.
    #[arg(long)]
    strict: bool,
}

/// Response of `/health`, from Serin or from another server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HealthView {
    pub(super) status: Option<String>,
    pub(super) version: Option<String>,
    pub(super) components: Option<BTreeMap<String, BTreeMap<String, Value>>>,
}

/// Condition of a server according to its `/health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Ok,
    Degraded,
    Down,
}

// === impl Check ===

impl Check {
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = Client::new(connection)?;
        let reply = client.send(&Method::GET, path(self.detailed), &[], None)?;
        let condition = Condition::of(&reply);
        let health = serde_json::from_str::<HealthView>(&reply.text).ok().filter(HealthView::is_serins);
        if connection.json {
            output::line(reply.text.trim_end());
        }
        let Some(health) = health else {
            let content_type = reply.header("content-type").unwrap_or("no content type");
            let found = format!("it answered {}, {content_type}", summary(&reply));
            return Err(Failure::NotSerin(format!("{} is not Serin: {found}", client.origin())));
        };
        if !connection.json {
            output::line(&text(&health, client.origin(), condition));
        }
        match condition {
            Condition::Ok => Ok(()),
            Condition::Degraded if !self.strict => Ok(()),
            _ => Err(Failure::Unhealthy(format!("{} is unhealthy: it answered {}", client.origin(), summary(&reply)))),
        }
    }
}

// === impl HealthView ===

impl HealthView {
    /// Whether Serin answered: with one of its three words, and its version.
    pub(super) fn is_serins(&self) -> bool {
        matches!(self.status.as_deref(), Some("ok" | "degraded" | "down")) && self.version.is_some()
    }
}

// === impl Condition ===

impl Condition {
    /// Derives the condition from the HTTP status and from the status word if the body has one. Only a 2xx is healthy.
    pub(super) fn of(reply: &Reply) -> Self {
        let health = serde_json::from_str::<HealthView>(&reply.text).unwrap_or_default();
        match health.status.as_deref() {
            _ if !(200..300).contains(&reply.status) => Self::Down,
            Some("down" | "unhealthy" | "error" | "fail") => Self::Down,
            Some("degraded" | "warn") => Self::Degraded,
            _ => Self::Ok,
        }
    }
}

/// The path of a health check.
pub(super) const fn path(detailed: bool) -> &'static str {
    if detailed { "/health?detailed=true" } else { "/health" }
}

/// `503 down`: the HTTP status, and the status word if the body has one.
pub(super) fn summary(reply: &Reply) -> String {
    let word = serde_json::from_str::<HealthView>(&reply.text).ok().and_then(|health| health.status);
    [Some(reply.status.to_string()), word].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A status word in its colour.
pub(super) fn coloured(word: &str) -> String {
    let style = match word {
        "ok" => GOOD,
        "degraded" => CAUTION,
        _ => BAD,
    };
    styled(style, word)
}

fn text(health: &HealthView, origin: &str, condition: Condition) -> String {
    let word = health.status.as_deref().unwrap_or(if condition == Condition::Ok { "ok" } else { "down" });
    let version = health.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    let head = format!("{origin} is {}{version}", coloured(word));
    let Some(components) = &health.components else { return head };
    let rows = components.iter().map(|(name, fields)| {
        let word = fields.get("status").and_then(Value::as_str).unwrap_or("-");
        let latency = fields.get("latencyMs").map(|ms| format!("{ms} ms")).unwrap_or_default();
        vec![name.clone(), word.to_owned(), latency, detail(fields)]
    });
    format!("{head}\n\n{}", components_table(rows.collect()))
}

/// The words are coloured after the table is laid out, because an escape sequence has no width.
fn components_table(rows: Vec<Vec<String>>) -> String {
    let words: Vec<String> = rows.iter().filter_map(|row| row.get(1).cloned()).collect();
    let text = table(&["part", "status", "latency", "detail"], rows);
    let lines =
        text.lines().enumerate().map(|(number, line)| match number.checked_sub(1).and_then(|row| words.get(row)) {
            Some(word) => line.replacen(&format!("  {word}"), &format!("  {}", coloured(word)), 1),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// The message first, then the other fields in order of their names.
fn detail(fields: &BTreeMap<String, Value>) -> String {
    let message = fields.get("message").and_then(Value::as_str).map(str::to_owned);
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty) || value == "";
    let rest = fields
        .iter()
        .filter(|(name, value)| !["status", "latencyMs", "message"].contains(&name.as_str()) && !is_empty(value))
        .map(|(name, value)| format!("{name} {}", shown(value)));
    message.into_iter().chain(rest).collect::<Vec<_>>().join(", ")
}
