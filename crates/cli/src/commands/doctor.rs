//! `serin doctor`: checks an installation from outside, and names the next step for each fault.

use core::time::Duration;
use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;
use serin_logic::Timestamp;
use serin_logic::api::StatusView;
use ureq::http::Method;

use super::health::{HealthView, coloured, path, summary};
use crate::client::{Client, Reply};
use crate::clock;
use crate::connection::Connection;
use crate::exit::Failure;
use crate::output;

/// `doctor`.
#[derive(Args, Debug)]
pub(crate) struct Doctor {}

/// Largest accepted difference between the Worker's clock and this machine's. An answer takes part of it.
const CLOCKS_APART: Duration = Duration::from_secs(10);

/// The components of `/health`, and the next step if one has a fault.
const PARTS: [(&str, &str); 7] = [
    ("stable", "bind the stable Worker as STABLE, and see its own log: `npx wrangler tail`"),
    ("canary", "bind the canary as CANARY, or switch it off: `serin state set --disable --why TEXT`"),
    ("kv", "bind a KV namespace as CANARY_STATE"),
    ("policy", "`serin state get` shows the document, `serin state set` writes a valid one"),
    (CONTROLLER, "bind the class RolloutController as ROLLOUT, and deploy with its migration"),
    ("metrics", "bind the class MetricsShard as METRICS, and deploy with its migration"),
    ("randomness", "deploy again: the runtime gives no random numbers"),
];

/// The part that carries rollouts out.
const CONTROLLER: &str = "controller";

/// Result of one check.
struct Finding {
    check: &'static str,
    /// `ok`, `degraded` or `down`, as in `/health`.
    word: &'static str,
    sentence: String,
    /// The next step; empty without a fault.
    next: String,
}

// === impl Doctor ===

impl Doctor {
    #[expect(clippy::unused_self, reason = "every command is run in the same way")]
    pub(crate) fn run(&self, connection: &Connection) -> Result<(), Failure> {
        let client = Client::new(connection)?;
        let reply = client.send(&Method::GET, path(true), &[], None)?;
        let mut findings = Vec::new();
        match serde_json::from_str::<HealthView>(&reply.text).ok().filter(HealthView::is_serins) {
            None => findings.push(Finding::bad(
                "route",
                format!("{} is not Serin: it answered {}", client.origin(), summary(&reply)),
                "give Serin the route, or name its address with --url",
            )),
            Some(health) => {
                findings.push(Finding::ok("route", format!("Serin answers at {}", client.origin())));
                findings.push(versions(&health));
                findings.extend(control_api(&client)?);
                // Without a controller, `/health` has nothing to say against it.
                let is_unbound = findings.iter().any(|finding| finding.check == CONTROLLER);
                findings.extend(parts(&health).into_iter().filter(|part| !(is_unbound && part.check == CONTROLLER)));
                findings.extend(openness(&client, connection)?);
            }
        }
        report(&findings, connection.json);
        let bad = findings.iter().filter(|finding| finding.word == "down").count();
        match bad {
            0 => Ok(()),
            _ => Err(Failure::Unhealthy(format!("{bad} of {} checks failed", findings.len()))),
        }
    }
}

// === impl Finding ===

impl Finding {
    fn ok(check: &'static str, sentence: String) -> Self {
        Self { check, word: "ok", sentence, next: String::new() }
    }

    fn warning(check: &'static str, sentence: String, next: &str) -> Self {
        Self { check, word: "degraded", sentence, next: next.to_owned() }
    }

    fn bad(check: &'static str, sentence: String, next: &str) -> Self {
        Self { check, word: "down", sentence, next: next.to_owned() }
    }
}

/// The versions of the Worker and of this command line.
fn versions(health: &HealthView) -> Finding {
    let (worker, own) = (health.version.as_deref().unwrap_or_default(), env!("CARGO_PKG_VERSION"));
    if worker == own {
        return Finding::ok("version", format!("the Worker and this command line are {own}"));
    }
    let sentence = format!("the Worker is {worker}, this command line is {own}");
    Finding::warning("version", sentence, "install the command line of the Worker's version")
}

/// Whether the token opens the control API, and whether the clocks agree.
fn control_api(client: &Client) -> Result<Vec<Finding>, Failure> {
    let status: StatusView = match client.get("status").and_then(|answer| answer.read()) {
        Ok(status) => status,
        Err(Failure::Refused(refusal)) if refusal.is("unbound") => {
            let next = "bind the class RolloutController as ROLLOUT, and deploy with its migration; until then KV alone steers";
            let token = Finding::ok("token", "opens the control API".to_owned());
            return Ok(vec![token, Finding::warning(CONTROLLER, refusal.title.clone(), next)]);
        }
        Err(Failure::Refused(refusal)) => {
            let next = refusal.hint().unwrap_or("run `serin status` for the details");
            return Ok(vec![Finding::bad("token", refusal.title.clone(), next)]);
        }
        Err(other) => return Err(other),
    };
    let token = Finding::ok("token", "opens the control API".to_owned());
    let Some(time) = Timestamp::parse(&status.time) else { return Ok(vec![token]) };
    let now = clock::now();
    let apart = now.since(time).max(time.since(now));
    let clock = if apart <= CLOCKS_APART {
        Finding::ok("clock", "the Worker's clock and this machine's agree".to_owned())
    } else {
        let sentence = format!("the Worker's clock and this machine's are {} s apart", apart.as_secs());
        Finding::warning("clock", sentence, "set this machine's clock: `--until` and signed overrides depend on it")
    };
    Ok(vec![token, clock])
}

/// The components that `/health` reports.
fn parts(health: &HealthView) -> Vec<Finding> {
    let Some(components) = &health.components else {
        let sentence = "/health gives no details to this token".to_owned();
        let next = "set SERIN_TOKEN to the value of the secret ADMIN_TOKEN or VIEWER_TOKEN";
        return vec![Finding::bad("parts", sentence, next)];
    };
    let part = |(name, next): (&'static str, &str)| {
        let fields: &BTreeMap<String, Value> = components.get(name)?;
        let text = |field: &str| fields.get(field).and_then(Value::as_str);
        let latency = fields.get("latencyMs").map(|ms| format!("answers in {ms} ms"));
        let said = text("message").map(str::to_owned).or(latency);
        Some(match text("status") {
            Some("ok") => Finding::ok(name, said.unwrap_or_else(|| "works".to_owned())),
            Some("degraded") => Finding::warning(name, said.unwrap_or_default(), next),
            _ => Finding::bad(name, said.unwrap_or_default(), next),
        })
    };
    PARTS.into_iter().filter_map(part).collect()
}

/// Whether strangers see the details of `/health`. On this machine they may.
fn openness(client: &Client, connection: &Connection) -> Result<Option<Finding>, Failure> {
    if client.is_here() {
        return Ok(None);
    }
    let reply: Reply = Client::anonymous(connection)?.send(&Method::GET, path(true), &[], None)?;
    let health = serde_json::from_str::<HealthView>(&reply.text).unwrap_or_default();
    Ok(Some(match health.components {
        None => Finding::ok("privacy", "strangers see no details of /health".to_owned()),
        Some(_) => Finding::warning(
            "privacy",
            "strangers see the details of /health".to_owned(),
            "set the variable HEALTH_DETAIL to token, and deploy",
        ),
    }))
}

fn report(findings: &[Finding], json: bool) {
    if json {
        let rows = findings.iter().map(|finding| {
            let Finding { check, word, sentence, next } = finding;
            serde_json::json!({"check": check, "status": word, "sentence": sentence, "next": next})
        });
        return output::line(&Value::Array(rows.collect()).to_string());
    }
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    for Finding { check, word, sentence, next } in findings {
        let mark = format!("{}{}", coloured(word), " ".repeat(8_usize.saturating_sub(word.len())));
        output::line(&format!("{mark}  {check:width$}  {sentence}"));
        if !next.is_empty() {
            output::line(&format!("{:10}{:width$}  → {next}", "", ""));
        }
    }
}
