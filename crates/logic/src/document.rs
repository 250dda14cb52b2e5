//! JSON documents that operators write. A document that breaks its schema is refused with the path of the field, the value found there
//! and the values that are accepted: `rules[2].match.asn[0]: "x" is not accepted, accepted: a whole number from 0`.

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use self::unique_keys::UniqueKeys;

mod unique_keys;

/// The largest document that is parsed, in bytes. Ten thousand rules fit.
pub const MAX_BYTES: usize = 2 << 20;

/// Longest quote of an offending value or name in an error, in characters.
const QUOTED_CHARS: usize = 80;

/// Longest explanation taken from the deserializer, in characters.
const MESSAGE_CHARS: usize = 300;

/// A document that breaks its schema. Nothing of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidDocument {
    /// The path of the offending field, such as `rules[2].match.asn[0]`; the document's name for the document as a whole.
    pub field: String,
    /// The value found and what is accepted.
    pub message: String,
}

// === impl InvalidDocument ===

impl InvalidDocument {
    /// The error that `value` at `field` is not one of the `accepted` values.
    pub fn new(field: impl Into<String>, value: &impl Serialize, accepted: &str) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        Self { field: field.into(), message: format!("{} is not accepted, accepted: {accepted}", quote(&value)) }
    }
}

/// Parses a document; `name` is its name in errors about the document as a whole. Fields that are `null` count as absent, because scripts
/// write `null` for "not set".
///
/// # Errors
/// The text is too large, is not JSON, or breaks the schema of `T`.
pub fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, InvalidDocument> {
    read(name, parse_json(name, text)?)
}

/// Parses what Serin wrote itself: a stored document, or a message between its parts. `name` is its name in errors.
///
/// # Errors
/// The text is not JSON, or not what `T` is written as.
pub fn parse_own<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, InvalidDocument> {
    let value = serde_json::from_str::<Value>(text).and_then(|value| T::deserialize(&value));
    value.map_err(|error| InvalidDocument { field: name.to_owned(), message: error.to_string() })
}

/// Parses a JSON object as it is, for a document that is written back. `name` is its name in errors.
///
/// # Errors
/// The text is too large, is not JSON, or is not an object.
pub fn parse_object(name: &str, text: &str) -> Result<Map<String, Value>, InvalidDocument> {
    match parse_json(name, text)? {
        Value::Object(object) => Ok(object),
        other => Err(InvalidDocument::new(name, &other, "a JSON object")),
    }
}

/// The same for a document that is part of another one.
///
/// # Errors
/// The document breaks the schema of `T`.
pub fn read<T: DeserializeOwned>(name: &str, mut document: Value) -> Result<T, InvalidDocument> {
    // A derived implementation also accepts a list of the fields' values, which no operator means.
    if !document.is_object() {
        return Err(InvalidDocument::new(name, &document, "a JSON object"));
    }
    remove_nulls(&mut document);
    serde_path_to_error::deserialize(&document).map_err(|error| {
        let message = error.inner().to_string();
        if let Some(missing) = missing_field::<T>(&mut document, error.path(), &message) {
            return missing;
        }
        let field = Some(path(error.path())).filter(|path| !path.is_empty()).unwrap_or_else(|| name.to_owned());
        InvalidDocument { field, message: explain(find(&document, error.path()), &message) }
    })
}

/// A name in one line: as it is, or quoted and cut where it is empty, long, or has control characters.
pub fn shown(name: &str) -> String {
    let is_plain = !name.is_empty() && name.len() <= QUOTED_CHARS && !name.contains(char::is_control);
    if is_plain { name.to_owned() } else { quote(&Value::from(name)) }
}

/// A value as JSON, cut to a length that fits a log line. Characters without a glyph are escaped, because they can steer a terminal or make
/// a text look like another one.
pub fn quote(value: &Value) -> String {
    let mut visible = String::new();
    // The rest would be cut: a value may be as long as the document.
    for character in value.to_string().chars().take(QUOTED_CHARS + 1) {
        if character.is_ascii() { visible.push(character) } else { visible.extend(character.escape_debug()) }
    }
    cut(visible, QUOTED_CHARS)
}

/// Parses any JSON in which no object has a key twice. `name` is its name in errors.
///
/// # Errors
/// The text is too large, or is not such JSON.
pub(crate) fn parse_json(name: &str, text: &str) -> Result<Value, InvalidDocument> {
    let invalid = |message: String| InvalidDocument { field: name.to_owned(), message };
    if text.len() > MAX_BYTES {
        return Err(invalid(format!("{} bytes are too many, accepted: up to {MAX_BYTES}", text.len())));
    }
    let value = serde_json::from_str(text).map(|UniqueKeys(value)| value);
    value.map_err(|error| invalid(format!("not JSON: {error}")))
}

/// The error of a missing field. The field's type says what it accepts when it is deserialized from `null`.
fn missing_field<T: DeserializeOwned>(document: &mut Value, at: &Path, message: &str) -> Option<InvalidDocument> {
    let name = message.strip_prefix("missing field `")?.strip_suffix('`')?;
    let parent = at.iter().try_fold(&mut *document, |value, segment| match segment {
        Segment::Seq { index } => value.get_mut(index),
        Segment::Map { key } => value.get_mut(key),
        Segment::Enum { .. } | Segment::Unknown => Some(value),
    });
    parent?.as_object_mut()?.insert(name.to_owned(), Value::Null);
    let error = serde_path_to_error::deserialize::<_, T>(&*document).err()?;
    let message = error.inner().to_string();
    let (_, accepted) = message.rsplit_once(", expected ")?;
    Some(InvalidDocument { field: path(error.path()), message: format!("missing, needed: {}", in_words(accepted)) })
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

fn path(path: &Path) -> String {
    let mut text = String::new();
    for segment in path {
        let _ = match segment {
            Segment::Seq { index } => write!(text, "[{index}]"),
            Segment::Map { key } if text.is_empty() => write!(text, "{}", shown(key)),
            Segment::Map { key } => write!(text, ".{}", shown(key)),
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
    }
    text
}

fn find<'a>(document: &'a Value, path: &Path) -> Option<&'a Value> {
    path.iter().try_fold(document, |value, segment| match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        Segment::Enum { .. } | Segment::Unknown => Some(value),
    })
}

/// The deserializer's message ends in what it expected; the rest of it describes the value in Rust's terms, so the value itself replaces
/// it.
fn explain(value: Option<&Value>, message: &str) -> String {
    match (message.rsplit_once(", expected "), value) {
        (Some((problem, accepted)), _) if problem.starts_with("unknown field") => {
            format!("is not known, accepted: {}", accepted.replace('`', ""))
        }
        (Some((_, accepted)), Some(value)) => {
            format!("{} is not accepted, accepted: {}", quote(value), in_words(accepted))
        }
        _ => cut(message.to_owned(), MESSAGE_CHARS),
    }
}

/// The deserializer's names of types in JSON's terms.
fn in_words(accepted: &str) -> String {
    match accepted {
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0".to_owned(),
        other => other.replace('`', ""),
    }
}

fn cut(text: String, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        asn: Vec<u32>,
        #[serde(default)]
        color: Option<Color>,
        #[serde(default)]
        header: BTreeMap<String, String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Color {
        Red,
        DeepBlue,
    }

    #[derive(Debug, Deserialize)]
    struct Samples {
        list: Vec<Sample>,
    }

    fn said(text: &str) -> String {
        parse::<Samples>("samples", text).unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_path_the_value_and_what_is_accepted() {
        for (text, expected) in [
            (
                r#"{"list": [{"asn": [1, "x"]}]}"#,
                r#"list[0].asn[1]: "x" is not accepted, accepted: a whole number from 0"#,
            ),
            (
                r#"{"list": [{"color": "green"}]}"#,
                r#"list[0].color: "green" is not accepted, accepted: red or deep-blue"#,
            ),
            (r#"{"list": [{"colour": "red"}]}"#, "list[0].colour: is not known, accepted: one of asn, color, header"),
            ("[1]", "samples: [1] is not accepted, accepted: a JSON object"),
            ("{}", "list: missing, needed: a list"),
            ("", "samples: not JSON: EOF while parsing a value at line 1 column 0"),
        ] {
            assert_eq!(said(text), expected);
        }
        assert!(said(&"[".repeat(100_000)).starts_with("samples: not JSON: recursion limit"));
        assert!(said(&" ".repeat(MAX_BYTES + 1)).contains("bytes are too many"));
    }

    #[test]
    fn null_counts_as_absent() {
        let text = r#"{"list": [{"asn": null, "header": {"a": null}, "colour": null}]}"#;
        let samples: Samples = parse("samples", text).unwrap();
        let sample = &samples.list[0];
        assert!(sample.asn.is_empty() && sample.color.is_none() && sample.header.is_empty());
    }

    #[test]
    fn long_values_and_names_are_quoted_in_part() {
        for text in [
            format!(r#"{{"list": [{{"color": "{}"}}]}}"#, "é".repeat(5_000)),
            format!(r#"{{"list": [{{"{}": 1}}]}}"#, "é".repeat(5_000)),
            format!(r#"{{"list": [{{"header": {{"{}": 1}}}}]}}"#, "é".repeat(5_000)),
        ] {
            assert!(said(&text).chars().count() < 200, "{}", said(&text));
        }
        assert!(
            said(r#"{"list": [{"header": {"a\nb": 1}}]}"#).starts_with(r#"list[0].header."a\nb": 1 is not accepted"#)
        );
        assert!(said(r#"{"list": [{"header": {"": 1}}]}"#).starts_with(r#"list[0].header."": 1 is not accepted"#));
    }

    #[test]
    fn a_quoted_text_cannot_end_its_quotation_nor_steer_a_terminal() {
        let text = Value::from("Grüße \"a\\b\" it's 日\u{1b}[2J\u{9b}\n\u{202e}");
        assert_eq!(quote(&text), "\"Grüße \\\"a\\\\b\\\" it's 日\\u001b[2J\\u{9b}\\n\\u{202e}\"");
    }
}
