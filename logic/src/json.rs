//! JSON, written and read in one way each: each way that a type is written or read adds its code to every isolate's start.

use serde::Serialize;

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
