//! JSON, written and read in one way each: each way that a type is written or read adds its code to every isolate's start.

use serde::Serialize;
use serde_json::{Map, Value};

/// Values of a type from parsed JSON.
mod read;
#[cfg(test)]
mod tests;
/// A type's text.
mod write;

pub use read::{Unreadable, read};

/// Of what is made of texts, numbers, flags, lists and objects with texts as names: writing that cannot fail.
#[must_use]
pub fn text(value: &(impl Serialize + ?Sized)) -> String {
    write::write(value).unwrap_or_default()
}

/// A type as a value, by way of its text. Not for fractions, which `serde_json` reads a little beside what it wrote.
#[must_use]
pub fn value(value: &(impl Serialize + ?Sized)) -> Value {
    serde_json::from_str(&text(value)).unwrap_or_default()
}

/// Sets a field.
#[inline(never)]
pub fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

/// An object of what can be made into a [`Value`](serde_json::Value): `object!({"name": value, …})`. The macro of `serde_json` has code for
/// each type that it meets.
#[macro_export]
macro_rules! object {
    ({$($name:literal: $value:expr),* $(,)?}) => {{
        let mut object = ::serde_json::Map::new();
        $($crate::json::put(&mut object, $name, ::serde_json::Value::from($value));)*
        ::serde_json::Value::Object(object)
    }};
}
