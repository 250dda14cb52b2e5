//! What both benchmarks run: one in nanoseconds, the other in instructions, which the machine's noise does not reach.

pub(crate) mod policy;
pub(crate) mod request;

use std::hint::black_box;

use serin_logic::policy::CanaryState;
use serin_logic::routing::bucket::Bucket;
use serin_logic::routing::target::Target;
use serin_logic::routing::{Outcome, decide};

use policy::{NOW, document, for_visitors, list_rule, path_rules, setup, snapshot_of};
use request::Request;

/// One line of the results.
pub(crate) struct Case {
    /// What is measured.
    pub(crate) group: &'static str,
    /// How much of it.
    pub(crate) name: String,
    /// Does it once.
    pub(crate) run: Box<dyn Fn()>,
}

const SIZES: [usize; 5] = [0, 10, 100, 1_000, 10_000];
const MANY: usize = 10_000;
const PAGE: &str = "https://shop.example/articles/1234?from=mail";

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = vec![
        case("parts", "URL taken apart", || {
            let target = Target::of(black_box(PAGE));
            black_box(target.is_normal());
        }),
        case("parts", "bucket of a key", || {
            black_box(Bucket::of(black_box("bench"), black_box("0123456789abcdef0123456789abcdef")));
        }),
        sticky_key("sticky key, visitor's cookie", r#"["visitor"]"#, Request::of_known_visitor(PAGE)),
        sticky_key("sticky key, header", r#"["header:x-api-key"]"#, Request::of_client(PAGE, "x-api-key", "key-0017")),
        sticky_key("sticky key, address", r#"["ip"]"#, Request::of_client(PAGE, "x-api-key", "key-0017")),
    ];
    for size in SIZES {
        cases.push(decision(format!("{size} path rules, none matches"), &path_rules(size), PAGE));
    }
    let last = "https://shop.example/section-9999/x";
    cases.push(decision(format!("{MANY} path rules, the last matches"), &path_rules(MANY), last));
    let paths = list_rule(r#"{"path": LIST}"#, MANY, |number| format!(r#""/section-{number}/*""#));
    cases.push(decision(format!("a rule with {MANY} paths, the last matches"), &paths, last));
    for (name, rules) in lists(MANY) {
        cases.push(decision(format!("a rule with {MANY} {name}"), &rules, PAGE));
    }
    for size in SIZES {
        cases.push(parse(format!("{size} path rules"), for_visitors(&path_rules(size))));
    }
    for (name, rules) in lists(MANY) {
        cases.push(parse(format!("a rule with {MANY} {name}"), for_visitors(&rules)));
    }
    cases
}

/// Lists that a request of a known visitor is not on: each is searched to its end.
pub(crate) fn lists(count: usize) -> [(&'static str, String); 4] {
    [
        ("paths", list_rule(r#"{"path": LIST}"#, count, |number| format!(r#""/section-{number}/*""#))),
        ("hosts", list_rule(r#"{"host": LIST}"#, count, |number| format!(r#""shop-{number}.example""#))),
        ("networks", list_rule(r#"{"asn": LIST}"#, count, |number| number.to_string())),
        ("cookie values", list_rule(r#"{"cookie": {"session": LIST}}"#, count, |number| format!(r#""{number:032x}""#))),
    ]
}

fn case(group: &'static str, name: impl Into<String>, run: impl Fn() + 'static) -> Case {
    Case { group, name: name.into(), run: Box::new(run) }
}

fn sticky_key(name: &str, stickiness: &str, request: Request) -> Case {
    let state = CanaryState::parse("canary-state", &document(stickiness, "[]")).unwrap();
    case("parts", name, move || {
        black_box(state.stickiness.key_of(black_box(&request)));
    })
}

fn decision(name: String, rules: &str, url: &'static str) -> Case {
    let (snapshot, setup, request) = (snapshot_of(for_visitors(rules)), setup(), Request::of_known_visitor(url));
    case("decision", name, move || {
        let decision = decide(&snapshot, &setup, black_box(&request), black_box(NOW));
        assert!(matches!(black_box(decision).outcome, Outcome::Serve(_)));
    })
}

fn parse(name: String, document: String) -> Case {
    case("parse", name, move || {
        assert!(black_box(CanaryState::parse("canary-state", black_box(&document))).is_ok());
    })
}
