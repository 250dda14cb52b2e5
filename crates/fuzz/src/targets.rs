//! One file for each parser. This file has the shared parts: the text of an input, requests to decide, a controller to report to.

use core::time::Duration;
use std::borrow::Cow;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serin_logic::Timestamp;
use serin_logic::api::{ApiRequest, ExplainQuery, IncomingRequest};
use serin_logic::controller::{Controller, KnownVisitors};
use serin_logic::document::InvalidDocument;
use serin_logic::log_event::LogEvent;
use serin_logic::policy::Switch;
use serin_logic::rollout::{Command, CommandRequest, Plan, Start};
use serin_logic::routing::decision::RoutingConfig;
use serin_logic::snapshot::{KvValues, Snapshot};

pub mod batch;
pub mod canary_state;
pub mod check_answer;
pub mod control_api;
pub mod cookies;
pub mod health_query;
pub mod numbers;
pub mod overlay;
pub mod override_token;
pub mod pattern;
pub mod plan;
pub mod rules;
pub mod sticky_key;
pub mod stored;
pub mod switches;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const KEY: &str = "canary-state";
const GOOD: &str =
    r#"{"enabled":true,"percentage":25,"rolloutId":"good","rules":[{"match":{"path":"/a"},"serve":"canary"}]}"#;
const SETUP: RoutingConfig =
    RoutingConfig { canary_bound: true, has_versions: false, override_key: None, max_stale: Duration::from_mins(5) };

/// Decodes the bytes as JavaScript does.
fn text(input: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(input)
}

/// The first line and the rest.
fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// A request described by a query string, in the form that `explain` accepts.
fn request(query: &str) -> Option<ExplainQuery> {
    let incoming = IncomingRequest {
        method: "GET",
        path: "/__serin/explain",
        query,
        content_type: None,
        identity: None,
        body: "",
    };
    match ApiRequest::parse(&incoming, NOW) {
        Ok(ApiRequest::Explain(query)) => Some(*query),
        _ => None,
    }
}

thread_local! {
    // Made once, because every input needs them.
    static VISITORS: Rc<[ExplainQuery]> = {
        let keys = ["path=/", "key=ada&path=/a", "key=grace&method=POST", "header.cf-connecting-ip=192.0.2.1&path=/b"];
        keys.into_iter().filter_map(request).collect()
    };
    static STARTED: Controller = started();
    static GOOD_SNAPSHOT: Snapshot = Snapshot::default().apply_kv_values(KEY, document(Some(GOOD)), NOW).0;
}

/// Requests from visitors in different buckets, with safe and unsafe methods, on the paths of the rules of [`GOOD`] and on others.
fn visitors() -> Rc<[ExplainQuery]> {
    VISITORS.with(Rc::clone)
}

/// A controller in the first step of rollout `r1`.
fn controller() -> Controller {
    STARTED.with(Controller::clone)
}

fn started() -> Controller {
    let plan =
        r#"{"steps":[{"percentage":50,"where":{"country":["NZ"]}},10,100],"hold":"10m","settle":0,"lookEvery":5}"#;
    let start = Start { id: "r1".into(), plan: Plan::parse(plan).unwrap(), found: None, reassign: false };
    let command = Command::Start(Box::new(start));
    let request =
        CommandRequest { command, actor: "ada".into(), claimed: false, reason: "release".into(), epoch: None };
    let mut controller = Controller::default();
    controller.execute(&request, NOW).unwrap();
    controller
}

/// The controller after a restart from its stored documents alone.
fn restarted(controller: &Controller) -> Controller {
    let Controller { state, analysis, metrics, switches, outbox, known } = controller;
    Controller {
        state: reloaded(state),
        analysis: reloaded(analysis),
        metrics: reloaded(metrics),
        switches: reloaded(switches),
        outbox: reloaded(outbox),
        known: KnownVisitors {
            scope: reloaded(&known.scope),
            failed: reloaded(&known.failed),
            slow: reloaded(&known.slow),
            seen: reloaded(&known.seen),
            worse: reloaded(&known.worse),
            slower: reloaded(&known.slower),
        },
    }
}

/// Parses a stored document or a message as the control plane does.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Writes and re-reads the value, and checks that it stays equal.
fn reloaded<T: Serialize + DeserializeOwned>(stored: &T) -> T {
    let written = serde_json::to_string(stored).unwrap();
    let row: T = read(&written).unwrap_or_else(|error| unreadable(&written, &error));
    assert_eq!(serde_json::to_string(&row).unwrap(), written, "a row reads back as it was");
    row
}

#[expect(clippy::panic, reason = "a finding is a panic")]
fn unreadable(written: &str, error: &str) -> ! {
    panic!("{written} cannot be read again: {error}")
}

fn document(canary_state: Option<&str>) -> KvValues {
    KvValues { canary_state: canary_state.map(str::to_owned), ..KvValues::default() }
}

fn switched(switch: Switch, value: &str) -> KvValues {
    let mut documents = document(Some(GOOD));
    for (known, slot) in Switch::ALL.into_iter().zip(&mut documents.switches) {
        if known == switch {
            *slot = Some(value.to_owned());
        }
    }
    documents
}

/// An isolate with a good policy.
fn good() -> Snapshot {
    GOOD_SNAPSHOT.with(Snapshot::clone)
}

/// Checks that an error names the place and the fault in one log line.
fn check_error(error: &InvalidDocument) {
    assert!(!error.field.is_empty() && !error.message.is_empty(), "{error:?} names nothing");
    assert!(error.field.len() + error.message.len() < 2_000, "{error:?} is no line for a log");
}

/// Checks that each event is one log line.
fn are_lines(notices: &[LogEvent]) {
    for notice in notices {
        let line = notice.to_line();
        assert!(!line.contains(['\n', '\r', '\0', '\u{85}', '\u{2028}', '\u{2029}']), "{line:?} is more than a line");
    }
}

/// Checks that a value is valid in a header.
fn is_a_value(value: &str) {
    assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{value:?} is no value of a header");
}
