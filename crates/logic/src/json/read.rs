//! From a [`Value`] to a type of our own, by way of what serde derives, of which this uses the least it can. A struct has a reader for
//! lists, which asks for one field after the other, and one for objects, which must sort out names in any order, what came twice and
//! what not at all: here an object's fields are looked up and handed to the first. A variant is found among the names of its enum.

use core::fmt;
use core::slice;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor, value::U32Deserializer,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value, map};

use crate::json;
use crate::quoted::Quoted;

/// Why a value is none of its type.
#[derive(Debug)]
pub struct Unreadable(Box<Message>);

#[derive(Debug)]
struct Message(String);

/// Reads what serde derives. A field that is not there is the default if it has one, or else none if it is optional; one that nobody
/// knows is let be. Enums are of names alone.
///
/// # Errors
/// Something is missing, or not of its type.
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Unreadable> {
    T::deserialize(Source(Some(value)))
}

/// A value, or the place where there is none.
#[derive(Clone, Copy)]
struct Source<'a>(Option<&'a Value>);

/// Values in the order in which they are asked for.
enum Values<'a> {
    List(slice::Iter<'a, Value>),
    Fields { names: slice::Iter<'static, &'static str>, of: &'a Map<String, Value>, missing: Option<&'static str> },
}

/// An object's names and values.
struct Entries<'a> {
    rest: map::Iter<'a>,
    value: Source<'a>,
}

/// An object's name, which may be of a number.
struct Name<'a>(&'a str);

/// A variant's place in its enum.
struct Variant(u32);

// === impl Unreadable ===

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.0)
    }
}

impl core::error::Error for Unreadable {}

impl Error for Unreadable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Box::new(Message(message.to_string())))
    }

    /// For a field that is not there, which [`Values::or_missing`] knows by its name.
    #[inline(never)]
    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self::custom("too few elements")
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid type: {}, expected {expected}", Found(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid value: {}, expected {expected}", Found(found)))
    }
}

/// What a reader of a struct expects.
struct Struct(&'static str);

impl Expected for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct {}", self.0)
    }
}

/// In serde's words, which would write fractions by `core`'s means.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(flag) => write!(f, "boolean `{flag}`"),
            Unexpected::Unsigned(number) => write!(f, "integer `{number}`"),
            Unexpected::Signed(number) => write!(f, "integer `{number}`"),
            Unexpected::Float(number) => write!(f, "floating point `{}`", json::text(&number)),
            Unexpected::Str(text) => write!(f, "string {}", Quoted(text)),
            Unexpected::Unit | Unexpected::Option => f.write_str("null"),
            Unexpected::Seq => f.write_str("sequence"),
            Unexpected::Map => f.write_str("map"),
            Unexpected::UnitVariant => f.write_str("unit variant"),
            Unexpected::Other(other) => f.write_str(other),
            _ => f.write_str("what JSON has not"),
        }
    }
}

// === impl Source ===

impl Source<'_> {
    fn is_not(self, expected: &dyn Expected) -> Unreadable {
        let found = match self.0 {
            // Never told: whoever asks for a field hears that it is missing.
            None => Unexpected::Other("nothing"),
            Some(Value::Null) => Unexpected::Unit,
            Some(Value::Bool(flag)) => Unexpected::Bool(*flag),
            Some(Value::Number(number)) => match number.as_u64() {
                Some(number) => Unexpected::Unsigned(number),
                None => number
                    .as_i64()
                    .map_or_else(|| Unexpected::Float(number.as_f64().unwrap_or_default()), Unexpected::Signed),
            },
            Some(Value::String(text)) => Unexpected::Str(text),
            Some(Value::Array(_)) => Unexpected::Seq,
            Some(Value::Object(_)) => Unexpected::Map,
        };
        Error::invalid_type(found, expected)
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Some(Value::Number(number)) = self.0 else { return Err(self.is_not(&visitor)) };
        if let Some(number) = number.as_u64() {
            visitor.visit_u64(number)
        } else if let Some(number) = number.as_i64() {
            visitor.visit_i64(number)
        } else {
            visitor.visit_f64(number.as_f64().unwrap_or_default())
        }
    }

    /// Whether a list has so many elements.
    fn counts(self, len: usize) -> Result<(), Unreadable> {
        match self.0 {
            Some(Value::Array(list)) if list.len() != len => {
                let many = list.len();
                Err(Error::custom(format_args!("invalid length {many}, expected a tuple of size {len}")))
            }
            _ => Ok(()),
        }
    }

    /// The fields of an object that is a struct.
    fn fields(&self, name: &'static str, names: &'static [&'static str]) -> Result<Values<'_>, Unreadable> {
        let Some(Value::Object(of)) = self.0 else { return Err(self.is_not(&Struct(name))) };
        Ok(Values::Fields { names: names.iter(), of, missing: None })
    }

    /// Which of `names` it is.
    fn variant(self, names: &'static [&'static str]) -> Result<Variant, Unreadable> {
        let Some(Value::String(name)) = self.0 else { return Err(self.is_not(&"one of an enum's names")) };
        let place = names.iter().position(|known| known == name).and_then(|place| u32::try_from(place).ok());
        place.map(Variant).ok_or_else(|| Error::unknown_variant(name, names))
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Source<'_> {
    type Error = Unreadable;

    numbers! { deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_i8 deserialize_i16 deserialize_i32
    deserialize_i64 deserialize_f32 deserialize_f64 }

    forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple_struct identifier ignored_any }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            None => Err(self.is_not(&visitor)),
            Some(Value::Null) => visitor.visit_unit(),
            Some(Value::Bool(flag)) => visitor.visit_bool(*flag),
            Some(Value::Number(_)) => self.number(visitor),
            Some(Value::String(text)) => visitor.visit_str(text),
            Some(Value::Array(_)) => self.deserialize_seq(visitor),
            Some(Value::Object(_)) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Some(Value::Bool(flag)) = self.0 else { return Err(self.is_not(&visitor)) };
        visitor.visit_bool(*flag)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Some(Value::String(text)) = self.0 else { return Err(self.is_not(&visitor)) };
        visitor.visit_str(text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            None | Some(Value::Null) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Some(Value::Array(list)) = self.0 else { return Err(self.is_not(&visitor)) };
        visitor.visit_seq(&mut Values::List(list.iter()))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.counts(len)?;
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Some(Value::Object(of)) = self.0 else { return Err(self.is_not(&visitor)) };
        visitor.visit_map(Entries { rest: of.iter(), value: Self(None) })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let mut fields = self.fields(name, names)?;
        visitor.visit_seq(&mut fields).map_err(|error| fields.or_missing(error))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_enum(self.variant(names)?)
    }
}

// === impl Values ===

impl<'a> Values<'a> {
    fn next(&mut self) -> Option<Source<'a>> {
        match self {
            Self::List(rest) => rest.next().map(|value| Source(Some(value))),
            Self::Fields { names, of, missing } => {
                let name = names.next()?;
                let value = of.get(*name);
                *missing = value.is_none().then_some(*name);
                Some(Source(value))
            }
        }
    }

    /// A reader that gets nothing for a field, and needs it, ends there.
    fn or_missing(&self, error: Unreadable) -> Unreadable {
        match self {
            Self::Fields { missing: Some(name), .. } => Error::missing_field(name),
            Self::Fields { missing: None, .. } | Self::List(_) => error,
        }
    }
}

impl<'de> SeqAccess<'de> for &mut Values<'_> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        let Some(source) = self.next() else { return Ok(None) };
        match seed.deserialize(source) {
            Ok(value) => Ok(Some(value)),
            // Not optional: the default, if there is one.
            Err(_) if source.0.is_none() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

// === impl Entries ===

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Source(Some(value));
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        seed.deserialize(self.value)
    }
}

// === impl Name ===

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = Unreadable;

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_str(self.0)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0.parse() {
            Ok(number) => visitor.visit_u16(number),
            Err(_) => Err(Error::invalid_type(Unexpected::Str(self.0), &visitor)),
        }
    }
}

// === impl Variant ===

impl<'de> EnumAccess<'de> for Variant {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Unreadable> {
        let place: U32Deserializer<Unreadable> = self.0.into_deserializer();
        Ok((seed.deserialize(place)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Unreadable> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &"newtype variant"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unreadable> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &visitor))
    }
}
