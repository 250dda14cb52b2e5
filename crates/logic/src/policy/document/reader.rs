//! Reading a document through to its end: the first thing that is wrong is kept aside, and reading goes on without it. Were reading to stop
//! there, each of a document's fields would need code for what to drop if it is the one.

use core::cell::OnceCell;

use serde_json::{Map, Value};

use crate::percentage::Percentage;

use super::{Field, InvalidDocument, Place, Step};

/// The first thing that is wrong with a document.
#[derive(Default)]
pub(crate) struct Fault(OnceCell<InvalidDocument>);

/// The members of an object.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    map: &'a Map<String, Value>,
    parent: Option<&'a Place<'a>>,
    fault: &'a Fault,
}

/// A [`Field`] whose value is no value if it is not what is accepted; the document's fault then tells.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    field: Field<'a>,
    fault: &'a Fault,
}

// === impl Fault ===

impl Fault {
    /// The document's own fields.
    pub(crate) fn members<'a>(&'a self, map: &'a Map<String, Value>) -> Members<'a> {
        Members { map, parent: None, fault: self }
    }

    /// What was read, if nothing was wrong.
    pub(crate) fn or<T>(self, read: T) -> Result<T, InvalidDocument> {
        self.0.into_inner().map_or(Ok(read), Err)
    }
}

// === impl Members ===

impl<'a> Members<'a> {
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &'a String> {
        self.map.keys()
    }

    #[inline(never)]
    pub(crate) fn get(&self, name: &'a str) -> Reader<'a> {
        let place = Place { parent: self.parent, step: Step::Name(name) };
        Reader { field: Field::at(self.map.get(name), place), fault: self.fault }
    }

    #[inline(never)]
    pub(crate) fn bool(&self, name: &'a str) -> Option<bool> {
        self.get(name).typed(Value::as_bool, "true or false")
    }

    #[inline(never)]
    pub(crate) fn string(&self, name: &'a str) -> Option<String> {
        self.get(name).string("a string").map(str::to_owned)
    }

    #[inline(never)]
    pub(crate) fn whole_number(&self, name: &'a str) -> Option<u64> {
        self.get(name).whole_number("a whole number from 0")
    }
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(crate) fn is_absent(&self) -> bool {
        self.field.value.is_none()
    }

    /// The raw value, when there is one.
    pub(crate) fn value(&self) -> Option<&'a Value> {
        self.field.value
    }

    #[inline(never)]
    pub(crate) fn string(&self, accepted: &str) -> Option<&'a str> {
        self.typed(Value::as_str, accepted)
    }

    pub(crate) fn percentage(&self) -> Percentage {
        const ACCEPTED: &str = "a number from 0 to 100 in steps of 0.001";
        let percentage = self.field.value.and_then(Value::as_f64).and_then(|number| Percentage::try_from(number).ok());
        if percentage.is_none() {
            self.reject(ACCEPTED);
        }
        percentage.unwrap_or_default()
    }

    #[inline(never)]
    pub(crate) fn whole_number(&self, accepted: &str) -> Option<u64> {
        self.typed(Value::as_u64, accepted)
    }

    #[inline(never)]
    pub(crate) fn object(&'a self, accepted: &str) -> Option<Members<'a>> {
        let map = self.typed(Value::as_object, accepted)?;
        Some(Members { map, parent: Some(&self.field.place), fault: self.fault })
    }

    /// Reads each element of a list; an absent list is empty.
    pub(crate) fn each<T>(&self, accepted: &str, mut read: impl FnMut(Reader<'_>) -> T) -> Vec<T> {
        let items = self.typed(Value::as_array, accepted).map_or(&[][..], Vec::as_slice);
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            list.push(read(self.element(index, item)));
        }
        list
    }

    /// Reads a list, or a lone value as a list of one: both are natural to write.
    pub(crate) fn one_or_many<T>(&self, mut read: impl FnMut(Reader<'_>) -> T) -> Option<Vec<T>> {
        match self.field.value? {
            Value::Array(_) => Some(self.each("", read)),
            _ => Some(vec![read(*self)]),
        }
    }

    fn element<'b>(&'b self, index: usize, item: &'b Value) -> Reader<'b> {
        let place = Place { parent: Some(&self.field.place), step: Step::Index(index) };
        // An element that is `null` is a mistake, not an absence: keep it.
        Reader { field: Field { value: Some(item), place }, fault: self.fault }
    }

    /// This field's value is not what is accepted.
    #[inline(never)]
    pub(crate) fn reject(&self, accepted: &str) {
        if self.fault.0.get().is_none() {
            let _ = self.fault.0.set(self.field.invalid(accepted));
        }
    }

    fn typed<T>(&self, read: impl Fn(&'a Value) -> Option<T>, accepted: &str) -> Option<T> {
        let read = read(self.field.value?);
        if read.is_none() {
            self.reject(accepted);
        }
        read
    }
}
