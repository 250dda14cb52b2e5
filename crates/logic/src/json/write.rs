//! From a type of our own to its text, as `serde_json` writes it, which does by hand in each place what is a call here: to write a comma
//! where there must be one, a name, a colon.

use core::fmt::{self, Write as _};

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Number;

/// The text so far.
#[derive(Default)]
pub(super) struct Text(String);

/// None of our types refuses to be written.
#[derive(Debug)]
pub(super) struct Unwritable;

/// Writes a value.
pub(super) fn write(value: &(impl Serialize + ?Sized)) -> Result<String, Unwritable> {
    let mut text = Text::default();
    value.serialize(&mut text)?;
    Ok(text.0)
}

// === impl Unwritable ===

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot be written as JSON")
    }
}

impl core::error::Error for Unwritable {}

impl Error for Unwritable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

// === impl Text ===

impl Text {
    /// Before a member or an element: what ends in such a bracket has none yet, as a text's last character is its quote.
    #[inline(never)]
    fn next(&mut self) {
        if !matches!(self.0.as_bytes().last(), Some(b'{' | b'[')) {
            self.0.push(',');
        }
    }

    #[inline(never)]
    fn name(&mut self, name: &'static str) {
        self.next();
        self.string(name);
        self.0.push(':');
    }

    #[inline(never)]
    fn string(&mut self, text: &str) {
        let is_plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        if is_plain {
            self.0.push('"');
            self.0.push_str(text);
            self.0.push('"');
        } else {
            self.0.push_str(&serde_json::to_string(text).unwrap_or_default());
        }
    }

    #[inline(never)]
    #[expect(clippy::unnecessary_wraps, reason = "it is the last word of whoever calls it")]
    fn put(&mut self, text: &str) -> Result<(), Unwritable> {
        self.0.push_str(text);
        Ok(())
    }

    /// What was written from `start` on is a name, which is a text.
    #[inline(never)]
    fn end_name(&mut self, start: usize) {
        if self.0.as_bytes().get(start) != Some(&b'"') {
            self.0.insert(start, '"');
            self.0.push('"');
        }
        self.0.push(':');
    }

    #[inline(never)]
    fn display(&mut self, number: &dyn fmt::Display) -> Result<(), Unwritable> {
        write!(self.0, "{number}").map_err(|_| Unwritable)
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty as $wide:ty,)*) => {
        $(fn $method(self, number: $type) -> Result<(), Unwritable> {
            self.display(&<$wide>::from(number))
        })*
    };
}

impl<'a> Serializer for &'a mut Text {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = &'a mut Text;
    type SerializeTuple = &'a mut Text;
    type SerializeTupleStruct = &'a mut Text;
    type SerializeTupleVariant = &'a mut Text;
    type SerializeMap = &'a mut Text;
    type SerializeStruct = &'a mut Text;
    type SerializeStructVariant = &'a mut Text;

    integers! {
        serialize_i8: i8 as i64, serialize_i16: i16 as i64, serialize_i32: i32 as i64, serialize_i64: i64 as i64,
        serialize_u8: u8 as u64, serialize_u16: u16 as u64, serialize_u32: u32 as u64, serialize_u64: u64 as u64,
    }

    fn serialize_f32(self, number: f32) -> Result<(), Unwritable> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), Unwritable> {
        match Number::from_f64(number) {
            Some(number) => self.display(&number),
            None => self.serialize_unit(),
        }
    }

    fn serialize_bool(self, flag: bool) -> Result<(), Unwritable> {
        self.put(if flag { "true" } else { "false" })
    }

    fn serialize_char(self, character: char) -> Result<(), Unwritable> {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Unwritable> {
        self.string(text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Unwritable> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.put("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unwritable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        self.0.push('{');
        self.name(variant);
        value.serialize(&mut *self)?;
        self.put("}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Unwritable> {
        self.0.push('[');
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unwritable> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.0.push('{');
        self.name(variant);
        self.serialize_seq(None)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Unwritable> {
        self.0.push('{');
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.0.push('{');
        self.name(variant);
        self.serialize_map(None)
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident $end:literal;)*) => {
        $(impl $trait for &mut Text {
            type Ok = ();
            type Error = Unwritable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
                self.next();
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.put($end)
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element "]";
    SerializeTuple serialize_element "]";
    SerializeTupleStruct serialize_field "]";
    SerializeTupleVariant serialize_field "]}";
}

macro_rules! fields {
    ($($trait:ident $end:literal;)*) => {
        $(impl $trait for &mut Text {
            type Ok = ();
            type Error = Unwritable;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unwritable> {
                self.name(name);
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.put($end)
            }
        })*
    };
}

fields! {
    SerializeStruct "}";
    SerializeStructVariant "}}";
}

impl SerializeMap for &mut Text {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        self.next();
        let start = self.0.len();
        key.serialize(&mut **self)?;
        self.end_name(start);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.put("}")
    }
}
