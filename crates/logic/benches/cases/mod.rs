//! The cases of both benchmarks: one measures nanoseconds, the other instructions, which the machine's noise does not affect.
#![allow(clippy::unwrap_used, reason = "what is measured is known to work")]

pub(crate) mod policy;
pub(crate) mod request;

use std::hint::black_box;

use serin_logic::bucket::Bucket;
use serin_logic::policy::CanaryState;
use serin_logic::routing::{Outcome, decide};

use policy::{NOW, document, for_visitors, list_rule, path_rules, setup, snapshot_of};
use request::Request;

/// One case, which is one line of the results.
pub(crate) struct Case {
    /// Name and size of the case.
    pub(crate) name: String,
    /// Prepares the case and returns the work to measure. Preparation is separate because ten thousand rules take a while to parse.
    pub(crate) prepare: Box<dyn Fn() -> Work>,
}

/// The measured work of a case.
pub(crate) type Work = Box<dyn Fn()>;

const SIZES: [usize; 5] = [0, 10, 100, 1_000, 10_000];
const MANY: usize = 10_000;
const PAGE: &str = "/articles/1234";
const LAST: &str = "/section-9999/x";

/// All cases, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = vec![
        case("part: bucket of a key", || {
            Box::new(|| {
                black_box(Bucket::of(black_box("bench"), black_box("0123456789abcdef0123456789abcdef")));
            })
        }),
        sticky_key("visitor's cookie", r#"["visitor"]"#, || Request::of_known_visitor(PAGE)),
        sticky_key("header", r#"["header:x-api-key"]"#, client),
        sticky_key("address", r#"["ip"]"#, client),
    ];
    for size in SIZES {
        cases.push(decision(&format!("{size} path rules, none matches"), PAGE, move || path_rules(size)));
    }
    cases.push(decision(&format!("{MANY} path rules, the last matches"), LAST, || path_rules(MANY)));
    cases.push(decision(&format!("a rule with {MANY} paths, the last matches"), LAST, || paths(MANY)));
    for (name, rules) in LISTS {
        cases.push(decision(&format!("a rule with {MANY} {name}, none matches"), PAGE, move || rules(MANY)));
    }
    for size in SIZES {
        cases.push(parse(&format!("{size} path rules"), move || path_rules(size)));
    }
    for (name, rules) in LISTS {
        cases.push(parse(&format!("a rule with {MANY} {name}"), move || rules(MANY)));
    }
    cases
}

/// The JSON text of the given number of rules.
pub(crate) type Rules = fn(usize) -> String;

/// Lists that do not contain the attributes of a known visitor's request, so that each list is searched to its end.
pub(crate) const LISTS: [(&str, Rules); 4] =
    [("paths", paths), ("hosts", hosts), ("networks", networks), ("cookie values", cookie_values)];

fn paths(count: usize) -> String {
    list_rule(r#"{"path": LIST}"#, count, |number| format!(r#""/section-{number}/*""#))
}

fn hosts(count: usize) -> String {
    list_rule(r#"{"host": LIST}"#, count, |number| format!(r#""shop-{number}.example""#))
}

fn networks(count: usize) -> String {
    list_rule(r#"{"asn": LIST}"#, count, |number| number.to_string())
}

fn cookie_values(count: usize) -> String {
    list_rule(r#"{"cookie": {"session": LIST}}"#, count, |number| format!(r#""{number:032x}""#))
}

fn client() -> Request {
    Request::of_client(PAGE, "x-api-key", "key-0017")
}

fn case(name: impl Into<String>, prepare: impl Fn() -> Work + 'static) -> Case {
    Case { name: name.into(), prepare: Box::new(prepare) }
}

fn sticky_key(name: &str, stickiness: &'static str, request: fn() -> Request) -> Case {
    case(format!("part: sticky key, {name}"), move || {
        let state = CanaryState::parse("canary-state", &document(stickiness, "[]")).unwrap();
        let request = request();
        Box::new(move || {
            black_box(state.stickiness.key_of(black_box(&request)));
        })
    })
}

fn decision(name: &str, url: &'static str, rules: impl Fn() -> String + 'static) -> Case {
    case(format!("decision: {name}"), move || {
        let (snapshot, setup) = (snapshot_of(for_visitors(&rules())), setup());
        let request = Request::of_known_visitor(url);
        Box::new(move || {
            let decision = decide(&snapshot, &setup, black_box(&request), black_box(NOW));
            assert!(matches!(black_box(decision).outcome, Outcome::Serve(_)));
        })
    })
}

fn parse(name: &str, rules: impl Fn() -> String + 'static) -> Case {
    case(format!("parse: {name}"), move || {
        let document = for_visitors(&rules());
        Box::new(move || {
            assert!(black_box(CanaryState::parse("canary-state", black_box(&document))).is_ok());
        })
    })
}
