//! Reading a JSON document field by field, so that every error names the field, the value and what would be accepted.
//!
//! Serde's derive would stop at the first mismatch with a line and column; an operator at three in the morning needs
//! `rules[2].match.asn[0]`.

use core::fmt;
use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::json;

mod reader;

pub use crate::document::InvalidDocument;
pub(crate) use reader::{Fault, Members, Reader};

/// The largest document that is read, in bytes: ten thousand rules fit, and parsing stays in the tens of milliseconds.
pub const MAX_BYTES: usize = 2 << 20;

/// How much of an offending value an error quotes, in characters.
const QUOTED_CHARS: usize = 60;

/// A value and where it stands in its document.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    value: Option<&'a Value>,
    place: Place<'a>,
}

#[derive(Clone, Copy)]
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

/// Parses `text` as a JSON object; `name` is what errors about the whole document call it.
///
/// # Errors
/// When the text is too large, is not JSON, or is not an object.
pub(crate) fn parse_object(name: &str, text: &str) -> Result<Map<String, Value>, InvalidDocument> {
    let invalid = |message: String| InvalidDocument { field: name.to_owned(), message };
    if text.len() > MAX_BYTES {
        return Err(invalid(format!("{} bytes are too many, accepted: up to {MAX_BYTES}", text.len())));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(invalid(format!("{} is not accepted, accepted: a JSON object", quote(&other)))),
        Err(error) => Err(invalid(format!("not JSON: {error}"))),
    }
}

// === impl Field ===

#[allow(dead_code, reason = "readers by hand give way to serde")]
impl<'a> Field<'a> {
    /// The document's own field `name`. `null` counts as absent: scripts write it for "not set".
    pub(crate) fn of(object: &'a Map<String, Value>, name: &'a str) -> Self {
        Self::at(object.get(name), Place { parent: None, step: Step::Name(name) })
    }

    fn at(value: Option<&'a Value>, place: Place<'a>) -> Self {
        Self { value: value.filter(|value| !value.is_null()), place }
    }

    pub(crate) fn bool(&self, accepted: &str) -> Result<Option<bool>, InvalidDocument> {
        self.typed(Value::as_bool, accepted)
    }

    pub(crate) fn string(&self, accepted: &str) -> Result<Option<&'a str>, InvalidDocument> {
        self.typed(Value::as_str, accepted)
    }

    pub(crate) fn whole_number(&self, accepted: &str) -> Result<Option<u64>, InvalidDocument> {
        self.typed(Value::as_u64, accepted)
    }

    pub(crate) fn object(&self, accepted: &str) -> Result<Option<&'a Map<String, Value>>, InvalidDocument> {
        self.typed(Value::as_object, accepted)
    }

    /// The error that this field's value is not what is accepted.
    pub(crate) fn invalid(&self, accepted: &str) -> InvalidDocument {
        let message = match self.value {
            None => format!("missing, needed: {accepted}"),
            Some(value) => format!("{} is not accepted, accepted: {accepted}", quote(value)),
        };
        InvalidDocument { field: self.place.to_string(), message }
    }

    fn typed<T>(&self, read: impl Fn(&'a Value) -> Option<T>, accepted: &str) -> Result<Option<T>, InvalidDocument> {
        self.value.map(|value| read(value).ok_or_else(|| self.invalid(accepted))).transpose()
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Name(name) if self.parent.is_some() => write!(f, ".{}", shown(name)),
            Step::Name(name) => f.write_str(&shown(name)),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A field's name for a path: as it is, or in quotes and cut where it is empty, long, or more than a line.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    let is_plain = !name.is_empty() && name.len() <= QUOTED_CHARS && !name.contains(char::is_control);
    if is_plain { name.into() } else { quote(&Value::from(name)).into() }
}

/// The value as JSON, cut to a length that fits a log line.
fn quote(value: &Value) -> String {
    let text = json::text(value);
    match text.char_indices().nth(QUOTED_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_path_the_value_and_what_is_accepted() {
        let object = parse_object("canary-state", r#"{"rules": [{"match": {"asn": [1, "x"]}}]}"#).unwrap();
        let fault = Fault::default();
        fault.members(&object).get("rules").each("a list", |rule| {
            let matcher = rule.object("an object").unwrap();
            matcher
                .get("match")
                .object("an object")
                .unwrap()
                .get("asn")
                .each("a list", |asn| asn.whole_number("a whole number"))
        });
        let error = fault.or(()).unwrap_err();
        assert_eq!(error.to_string(), r#"rules[0].match.asn[1]: "x" is not accepted, accepted: a whole number"#);
    }

    #[test]
    fn a_long_value_is_quoted_in_part() {
        let object = parse_object("d", &format!(r#"{{"a": "{}"}}"#, "é".repeat(500))).unwrap();
        let error = Field::of(&object, "a").bool("true or false").unwrap_err();
        assert!(error.message.chars().count() < 120, "{error}");
    }

    #[test]
    fn a_name_that_is_empty_long_or_more_than_a_line_is_quoted() {
        let text = format!(r#"{{"header": {{"": 1, "a\nb": 1, "{}": 1}}}}"#, "x".repeat(100_000));
        let object = parse_object("d", &text).unwrap();
        let names = object["header"].as_object().unwrap();
        let field_of = |name| {
            let fault = Fault::default();
            fault.members(&object).get("header").object("an object").unwrap().get(name).string("a string");
            fault.or(()).unwrap_err().field
        };
        let fields = names.keys().map(|name| field_of(name));
        let long = format!(r#"header."{}…"#, "x".repeat(QUOTED_CHARS - 1));
        assert_eq!(fields.collect::<Vec<_>>(), [r#"header."""#, r#"header."a\nb""#, &long]);
    }

    #[test]
    fn what_is_not_an_object_is_said_so() {
        for (text, message) in [
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("[1]", "[1] is not accepted, accepted: a JSON object"),
        ] {
            assert_eq!(parse_object("canary-state", text).unwrap_err().message, message);
        }
        let deep = "[".repeat(100_000);
        assert!(parse_object("canary-state", &deep).unwrap_err().message.starts_with("not JSON: recursion limit"));
    }
}
