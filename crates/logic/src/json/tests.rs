use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{read, text};
use crate::Span;
use crate::Timestamp;
use crate::analysis::{AnalysisConfig, Histogram, Unit};
use crate::rollout::Action;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Everything {
    count: u32,
    signed_number: i64,
    share: f64,
    name: String,
    flag: bool,
    optional: Option<Timestamp>,
    #[serde(default)]
    late_comer: u64,
    pairs: Vec<(String, u8)>,
    by_name: BTreeMap<String, Option<bool>>,
    what: Action,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Defaults {
    unit: Unit,
    histogram: Histogram,
    span: Option<Span>,
}

fn everything() -> serde_json::Value {
    json!({"count": 1, "signedNumber": -2, "share": 3, "name": "ß", "flag": true, "optional": 4, "lateComer": 5,
        "pairs": [["a", 6], ["b", 7]], "byName": {"x": null, "y": false}, "what": "rolled-back"})
}

fn said(value: &serde_json::Value) -> String {
    read::<Everything>(value).unwrap_err().to_string()
}

#[test]
fn a_type_is_read_as_serde_json_reads_it() {
    let value = everything();
    assert_eq!(read::<Everything>(&value).unwrap(), serde_json::from_value(value).unwrap());
    let value = json!({"unit": "request", "histogram": {"12": 3, "7": 1, "9": 0}, "span": "15m", "unknown": {"is": ["let", "be"]}});
    assert_eq!(read::<Defaults>(&value).unwrap(), serde_json::from_value(value).unwrap());
}

#[test]
fn what_is_missing_is_the_default_or_none_or_named() {
    let mut value = everything();
    let fields = value.as_object_mut().unwrap();
    let _ = (fields.remove("optional"), fields.remove("lateComer"));
    let read_back: Everything = read(&value).unwrap();
    assert_eq!((read_back.optional, read_back.late_comer), (None, 0));
    assert_eq!(read_back, serde_json::from_value(value.clone()).unwrap());
    assert_eq!(read::<Defaults>(&json!({})).unwrap(), Defaults::default());
    assert_eq!(
        read::<AnalysisConfig>(&json!({"alpha": 0.02})).unwrap(),
        AnalysisConfig { alpha: 0.02, ..AnalysisConfig::default() }
    );
    for name in ["count", "signedNumber", "share", "name", "flag", "pairs", "byName", "what"] {
        let mut value = value.clone();
        value.as_object_mut().unwrap().remove(name);
        assert_eq!(said(&value), format!("missing field `{name}`"));
        assert_eq!(said(&value), serde_json::from_value::<Everything>(value).unwrap_err().to_string());
    }
}

#[test]
fn what_is_wrong_is_said_as_serde_json_says_it() {
    for (name, wrong) in [
        ("count", json!(-1)),
        ("count", json!(4_294_967_296_u64)),
        ("count", json!("1")),
        ("signedNumber", json!(1.5)),
        ("share", json!(null)),
        ("name", json!(1)),
        ("flag", json!({})),
        ("optional", json!([])),
        ("lateComer", json!(null)),
        ("pairs", json!([["a"]])),
        ("pairs", json!([["a", 256]])),
        ("pairs", json!({"a": 1})),
        ("byName", json!({"x": 1})),
        ("what", json!("exploded")),
    ] {
        let mut value = everything();
        value.as_object_mut().unwrap().insert(name.into(), wrong);
        assert_eq!(said(&value), serde_json::from_value::<Everything>(value).unwrap_err().to_string());
    }
    assert_eq!(said(&json!([1])), "invalid type: sequence, expected struct Everything");
    assert_eq!(read::<Histogram>(&json!({"480": 1})).unwrap_err().to_string(), "latency bucket 480, should be 0..=479");
    assert!(read::<Histogram>(&json!({"x": 1})).is_err());
    assert!(read::<Span>(&json!("soon")).is_err() && read::<Span>(&json!(null)).is_err());
}

#[test]
fn more_than_a_tuple_holds_is_no_tuple() {
    assert!(read::<(u64, u64)>(&json!([1, 2, 3])).is_err());
    assert_eq!(read::<(u64, u64)>(&json!([1, 2])).unwrap(), (1, 2));
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Shape {
    Unit,
    Newtype(Option<u8>),
    Tuple(bool, char),
    Fields { first_name: &'static str, list: Vec<()> },
}

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Tagged {
    Empty,
    Full { size: i64 },
}

#[derive(Serialize)]
struct Outer {
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<u8>,
    empty: BTreeMap<u16, u8>,
    numbers: BTreeMap<i32, f64>,
    shapes: Vec<Shape>,
    tagged: [Tagged; 2],
    #[serde(flatten)]
    inner: BTreeMap<&'static str, Span>,
    what: Action,
    tuple: (u64, i8, f64),
    bytes: &'static [u8],
}

#[test]
fn a_type_is_written_as_serde_json_writes_it() {
    let fields = Shape::Fields { first_name: "{\"[\\\u{7}\u{1f600}\n", list: vec![(), ()] };
    let outer = Outer {
        absent: None,
        empty: BTreeMap::new(),
        numbers: [(-1, 0.1), (2, f64::NAN)].into(),
        shapes: vec![Shape::Unit, Shape::Newtype(None), Shape::Newtype(Some(3)), Shape::Tuple(true, '['), fields],
        tagged: [Tagged::Empty, Tagged::Full { size: i64::MIN }],
        inner: [("span", Span::from_secs(90)), ("[", Span::default())].into(),
        what: Action::RolledBack,
        tuple: (u64::MAX, -1, 1.0),
        bytes: b"ab",
    };
    assert_eq!(text(&outer), serde_json::to_string(&outer).unwrap());
    assert_eq!(text("["), r#""[""#);
    assert_eq!(text(&[[""; 0]; 2]), "[[],[]]");
}

proptest! {
    #[test]
    fn any_value_is_written_as_serde_json_writes_it(number in any::<f64>(), whole in any::<i64>(), string in any::<String>()) {
        let value = json!({&string: [number, whole, null, [], {}, {"": &string}], "x": {"y": [[whole], [string]]}});
        prop_assert_eq!(text(&value), serde_json::to_string(&value).unwrap());
        prop_assert_eq!(text(&number), serde_json::to_string(&number).unwrap());
    }
}
