//! Values as JSON text, in one way: each way that a type is written adds the code of writing it to every isolate's start.

use serde::Serialize;

/// Of what is made of texts, numbers, flags, lists and objects with texts as names: writing that cannot fail.
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
