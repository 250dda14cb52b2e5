//! One file a parser. What they have in common: the text of an input, requests to decide, a controller to report to.

use core::time::Duration;
use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serin_logic::Timestamp;
use serin_logic::api::{Call, Incoming, Question};
use serin_logic::controller::Controller;
use serin_logic::policy::snapshot::{Documents, Snapshot};
use serin_logic::policy::{InvalidDocument, Switch};
use serin_logic::rollout::{Command, Order, Plan, Start};
use serin_logic::routing::decision::Setup;

pub mod batch;
pub mod canary_state;
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
const SETUP: Setup = Setup { canary_bound: true, override_key: None, max_stale: Duration::from_mins(5) };

/// What JavaScript would have made of the bytes.
fn text(input: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(input)
}

/// The first line and the rest.
fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// A request whose facts stand in a query string, as `explain` takes them.
fn request(query: &str) -> Option<Question> {
    let incoming = Incoming { method: "GET", path: "/__serin/explain", query, content_type: None, body: "" };
    match Call::parse(&incoming) {
        Ok(Call::Explain(question)) => Some(*question),
        _ => None,
    }
}

/// Requests of visitors in different buckets, on the paths of [`GOOD`]'s rules and others, reading and writing.
fn visitors() -> impl Iterator<Item = Question> {
    let keys = ["path=/", "key=ada&path=/a", "key=grace&method=POST", "header.cf-connecting-ip=192.0.2.1&path=/b"];
    keys.into_iter().filter_map(request)
}

/// A controller in the first step of rollout `r1`.
fn controller() -> Controller {
    let plan =
        r#"{"steps":[{"percentage":50,"where":{"country":["NZ"]}},10,100],"hold":"10m","settle":0,"lookEvery":5}"#;
    let start = Start { id: "r1".into(), plan: Plan::parse(plan).unwrap(), found: None };
    let command = Command::Start(Box::new(start));
    let order = Order { command, who: "ada".into(), why: "release".into(), epoch: None };
    let mut controller = Controller::default();
    controller.order(&order, NOW).unwrap();
    controller
}

/// The controller after a restart: what it stored is all there is.
fn restarted(controller: &Controller) -> Controller {
    let Controller { state, desk, inbox, switches, deliveries } = controller;
    let state = reloaded(state);
    assert_eq!(state, controller.state);
    Controller {
        state,
        desk: reloaded(desk),
        inbox: reloaded(inbox),
        switches: reloaded(switches),
        deliveries: reloaded(deliveries),
    }
}

/// What reads back of what is written.
fn reloaded<T: Serialize + DeserializeOwned>(stored: &T) -> T {
    let written = serde_json::to_string(stored).unwrap();
    serde_json::from_str(&written).unwrap_or_else(|error| unreadable(&written, &error))
}

#[expect(clippy::panic, reason = "a finding is a panic")]
fn unreadable(written: &str, error: &serde_json::Error) -> ! {
    panic!("{written} cannot be read again: {error}")
}

fn document(canary_state: Option<&str>) -> Documents {
    Documents { canary_state: canary_state.map(str::to_owned), ..Documents::default() }
}

fn switched(switch: Switch, value: &str) -> Documents {
    let mut documents = document(Some(GOOD));
    for (known, slot) in Switch::ALL.into_iter().zip(&mut documents.switches) {
        if known == switch {
            *slot = Some(value.to_owned());
        }
    }
    documents
}

/// An isolate that has read a good policy.
fn good() -> Snapshot {
    Snapshot::default().read(KEY, document(Some(GOOD)), NOW).0
}

/// An error says where and what, in one line of the log.
fn is_told(error: &InvalidDocument) {
    assert!(!error.field.is_empty() && !error.message.is_empty(), "{error:?} names nothing");
    assert!(error.field.len() + error.message.len() < 2_000, "{error:?} is no line for a log");
}

/// A line of the log, or the value of a header, is one line.
fn is_one_line(line: &str) {
    assert!(!line.contains(['\n', '\r', '\0']), "{line:?} is more than a line");
}
