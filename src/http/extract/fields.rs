//! Named fields of a body or query, under rules stricter than serde's on purpose: an array is no
//! object, and a repeated key is an error.

use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use zeroize::Zeroizing;

/// The most fields of a body or query: none of ours has half as many.
pub const MAX_FIELDS: usize = 32;

/// The fields of a body, in the order that they came in; values are wiped on drop, because they may
/// be passwords.
#[derive(Default)]
pub struct Fields(Vec<(String, SentValue)>);

/// The value of a field, as far as a body here needs it.
pub enum SentValue {
    /// A text.
    Text(Zeroizing<String>),
    /// True or false.
    Switch(bool),
    /// A list of texts and nothing else.
    List(Vec<String>),
    /// Anything else.
    Other,
}

impl Fields {
    /// Takes a field out.
    pub fn take(&mut self, name: &str) -> Option<SentValue> {
        let place = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// The text of a field, if it is there and a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(key, value)| match value {
            SentValue::Text(text) if key == name => Some(text.as_str()),
            SentValue::Text(_) | SentValue::Switch(_) | SentValue::List(_) | SentValue::Other => None,
        })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Adds a field.
    ///
    /// # Errors
    /// It is there already, or there are [`MAX_FIELDS`].
    pub fn push(&mut self, key: String, value: SentValue) -> Result<(), NotAdded> {
        if self.0.len() >= MAX_FIELDS {
            return Err(NotAdded::TooMany);
        }
        if self.0.iter().any(|(known, _)| *known == key) {
            return Err(NotAdded::Twice);
        }
        self.0.push((key, value));
        Ok(())
    }
}

/// Reason why a field is not added.
pub enum NotAdded {
    /// It came before.
    Twice,
    /// There are [`MAX_FIELDS`] already.
    TooMany,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value()?;
                    fields.push(key, value).map_err(|refused| match refused {
                        NotAdded::Twice => A::Error::custom("a key twice"),
                        NotAdded::TooMany => A::Error::custom("too many keys"),
                    })?;
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for SentValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue { in_list: false })
    }
}

/// Reads a value. Items of a list may be texts; anything deeper is skipped without recursion.
#[derive(Clone, Copy)]
struct AnyValue {
    in_list: bool,
}

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = SentValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SentValue, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = SentValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<SentValue, E> {
        Ok(SentValue::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_bool<E>(self, on: bool) -> Result<SentValue, E> {
        Ok(SentValue::Switch(on))
    }

    fn visit_i64<E>(self, _: i64) -> Result<SentValue, E> {
        Ok(SentValue::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<SentValue, E> {
        Ok(SentValue::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<SentValue, E> {
        Ok(SentValue::Other)
    }

    fn visit_unit<E>(self) -> Result<SentValue, E> {
        Ok(SentValue::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<SentValue, A::Error> {
        if self.in_list {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(SentValue::Other);
        }
        let mut texts = Some(Vec::new());
        while let Some(item) = items.next_element_seed(Self { in_list: true })? {
            match item {
                SentValue::Text(text) => texts.iter_mut().for_each(|texts| texts.push(text.to_string())),
                SentValue::Switch(_) | SentValue::List(_) | SentValue::Other => texts = None,
            }
        }
        Ok(texts.map_or(SentValue::Other, SentValue::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SentValue, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(SentValue::Other)
    }
}
