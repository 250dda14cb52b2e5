//! JSON in which no object has a key twice. `serde_json` keeps the last of two values, other readers the first, and a person who reviews the
//! document sees either.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::shown;

/// A value whose objects have each key once.
pub(super) struct UniqueKeys(pub(super) Value);

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueKeysVisitor).map(Self)
    }
}

struct UniqueKeysVisitor;

// === impl UniqueKeysVisitor ===

impl<'de> Visitor<'de> for UniqueKeysVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(UniqueKeys(element)) = list.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(A::Error::custom(format_args!("{} is there twice, accepted: once", shown(&key))));
            }
            let UniqueKeys(value) = map.next_value()?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::parse_object;
    use super::*;

    #[test]
    fn a_key_that_is_there_twice_is_refused_and_named() {
        for (text, message) in [
            (
                r#"{"enabled":false,"percentage":5,"enabled":true}"#,
                "not JSON: enabled is there twice, accepted: once at line 1 column 41",
            ),
            (r#"{"a":null,"a":1}"#, "not JSON: a is there twice, accepted: once at line 1 column 13"),
            (
                r#"{"rules":[{"match":{"path":"/a","p\u0061th":"/b"}}]}"#,
                "not JSON: path is there twice, accepted: once at line 1 column 43",
            ),
        ] {
            assert_eq!(parse_object("canary-state", text).unwrap_err().message, message, "{text}");
        }
        assert!(parse_object("canary-state", r#"{"a":{"b":1},"c":{"b":1},"A":2}"#).is_ok());
    }

    #[test]
    fn a_document_that_is_too_deep_is_refused() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
        assert!(parse_object("plan", &deep).unwrap_err().message.contains("recursion limit"));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(|number| json!(number)),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,3}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_other_document_is_read_as_serde_json_reads_it(value in value()) {
            let text = value.to_string();
            prop_assert_eq!(serde_json::from_str::<UniqueKeys>(&text).unwrap().0, serde_json::from_str::<Value>(&text).unwrap());
        }
    }
}
